"""`<AssignTo>`: which message AssignMessage and HTTPModifier change."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    attribute,
    one_of,
    text,
)

#: Finds the message to change, or makes it.
Pick = Callable[[MessageContext], Message]
#: Puts a new message in the place of the live one, once it is filled.
Place = Callable[[MessageContext, Message], None]
_LIVE = ("request", "response", "message")


class AssignTo(Element):
    """The message to change; empty means the message of the moment."""

    variable: str = text(default="")
    create_new: bool | None = attribute(
        "createNew",
        BOOLEAN,
        doc="true: always a new message; false: it must exist; unset: created if missing",
    )
    type: str | None = attribute(
        "type", one_of("request", "response", ignore_case=True), doc="kind of a new message"
    )
    transport: str = attribute("transport", default="http", doc="http; nothing else exists")


def compile_destination(to: AssignTo | None, policy: Policy, site: Site) -> tuple[Pick, Place | None]:
    """What finds the message or makes it, and what then puts it in its place.

    A new message takes the place of the live one only when it is filled, since what it is filled with is read from the
    old one: threat-protect of apigee/devrel makes its payload of the query of the request that it replaces. The first
    function raises the policy's VariableOfNonMsgType and UnresolvedVariable.
    """
    name = (to.variable if to is not None else "").strip()
    if to is None or (not name and not to.create_new):
        return (lambda ctx: ctx.message), None
    if not name:
        return (lambda ctx: new_message(_kind_of("", ctx))), _replace_current
    kind, create = to.type, to.create_new
    put = site.setter(name)

    def made(ctx: MessageContext) -> Message:
        return new_message(kind or _kind_of(name, ctx))

    if create and name in _LIVE:
        return made, _place_of(name, put)
    get = site.getter(name)

    def destination(ctx: MessageContext) -> Message:
        if ctx.fault is not None and name == "response":
            # the error flow has no response to write to: the pending error is edited
            return ctx.message
        if not create:
            found = get(ctx)
            if isinstance(found, Message):
                return found
            if create is False:
                raise policy.fault(
                    "VariableOfNonMsgType" if found is not None else "UnresolvedVariable", variable=name
                )
        message = made(ctx)
        put(ctx, message)
        return message

    return destination, None


def _place_of(name: str, put: Callable[[MessageContext, Message], object]) -> Place:
    def place(ctx: MessageContext, message: Message) -> None:
        if ctx.fault is not None and name == "response":
            # the error flow has no response to write to: the pending error is replaced
            _replace_current(ctx, message)
        else:
            put(ctx, message)

    return place


def _kind_of(name: str, ctx: MessageContext) -> str:
    if name in ("request", "response"):
        return name
    return "response" if ctx.in_response or ctx.fault is not None else "request"


def new_message(kind: str) -> Message:
    """An empty message: a GET request, or a response with status 200."""
    return Message.response() if kind == "response" else Message.request()


def _replace_current(ctx: MessageContext, message: Message) -> None:
    """createNew without a name: the live message is replaced, and everything in it is lost."""
    ctx.message = message
