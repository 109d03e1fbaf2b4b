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

Pick = Callable[[MessageContext], Message]


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


def compile_destination(to: AssignTo | None, policy: Policy, site: Site) -> Pick:
    """What finds the message, or makes it. Raises the policy's VariableOfNonMsgType and UnresolvedVariable."""
    name = (to.variable if to is not None else "").strip()
    if to is None or (not name and not to.create_new):
        return lambda ctx: ctx.message
    if not name:
        return _replace_current
    get, put = site.getter(name), site.setter(name)
    kind, create = to.type, to.create_new

    def destination(ctx: MessageContext) -> Message:
        if ctx.fault is not None and name == "response":
            # the error flow has no response to write to: the pending error is edited, or replaced
            return _replace_current(ctx) if create else ctx.message
        if not create:
            found = get(ctx)
            if isinstance(found, Message):
                return found
            if create is False:
                raise policy.fault(
                    "VariableOfNonMsgType" if found is not None else "UnresolvedVariable", variable=name
                )
        message = new_message(kind if kind else _kind_of(name, ctx))
        put(ctx, message)
        return message

    return destination


def _kind_of(name: str, ctx: MessageContext) -> str:
    if name in ("request", "response"):
        return name
    return "response" if ctx.in_response or ctx.fault is not None else "request"


def new_message(kind: str) -> Message:
    """An empty message: a GET request, or a response with status 200."""
    return Message.response() if kind == "response" else Message.request()


def _replace_current(ctx: MessageContext) -> Message:
    """createNew without a name: the live message is replaced, and everything in it is lost."""
    message = new_message("response" if ctx.in_response or ctx.fault is not None else "request")
    ctx.message = message
    return message
