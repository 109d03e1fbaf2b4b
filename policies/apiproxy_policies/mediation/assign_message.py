"""AssignMessage: creates or changes a message, and sets flow variables."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.edits import Add, AssignVariable, Copy, Edit, Editing, Remove, Set, check_indexes
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    one_of,
    sequence,
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


class AssignMessage(Policy):
    """Create or change request, response or custom messages and set flow variables.

    The operations run in document order. In the error flow the message of the moment is the pending error.
    """

    tag = "AssignMessage"
    family = "mediation"
    prefix = "assignmessage"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy"
    faults = fault_table(
        "steps.assignmessage",
        ("SetVariableFailed", 500, "AssignMessage[{policy}]: unable to set variable {variable}"),
        (
            "VariableOfNonMsgType",
            500,
            "AssignMessage[{policy}]: value of variable {variable} is not of type Message",
        ),
        ("UnresolvedVariable", 500, "AssignMessage[{policy}]: unable to resolve variable {variable}"),
    )
    deploy_errors = {
        "InvalidIndex": "AssignMessage[{policy}]: index must be greater than zero in {name}.{index}",
        "InvalidVariableName": "AssignMessage schema validation failed: invalid variable name - null - in assign variable.",
        "InvalidPayload": "AssignMessage[{policy}]: the payload is invalid",
    }
    example = """
<AssignMessage name="AM-Reply">
  <Set>
    <Headers><Header name="X-Proxy">{apiproxy.name}</Header></Headers>
    <Payload contentType="application/json">{"hello":"{request.queryparam.name:world}"}</Payload>
  </Set>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</AssignMessage>"""

    assign_to: AssignTo | None = nested("AssignTo", AssignTo, doc="the message to change")
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: an unresolved variable is the empty string",
    )
    operations: tuple[Add | Copy | Remove | Set | AssignVariable, ...] = sequence(
        Add, Copy, Remove, Set, AssignVariable, doc="what to do, in document order"
    )

    def check(self, site: Site) -> None:
        check_indexes(self.operations, site)

    def compile(self, site: Site) -> StepFunction:
        editing = Editing(
            site,
            self,
            self.ignore_unresolved,
            lambda name: self.fault("UnresolvedVariable", variable=name),
        )
        edits: tuple[Edit, ...] = tuple(
            edit for operation in self.operations for edit in operation.compile(editing)
        )
        pick = self._destination(site)

        def assign_message(ctx: MessageContext) -> None:
            message = pick(ctx)
            for edit in edits:
                edit(ctx, message)

        return assign_message

    def _destination(self, site: Site) -> Pick:
        to = self.assign_to
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
                    raise self.fault(
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
