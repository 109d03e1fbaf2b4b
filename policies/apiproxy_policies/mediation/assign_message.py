"""AssignMessage: creates or changes a message, and sets flow variables."""

from __future__ import annotations

from apiproxy_policies.assign_to import AssignTo, compile_destination
from apiproxy_policies.edits import Add, AssignVariable, Copy, Edit, Editing, Remove, Set, check_indexes
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    sequence,
)


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
        pick, place = compile_destination(self.assign_to, self, site)
        # what follows the last change of a new message may read and write it by its name
        placed = 1 + max(
            (i for i, item in enumerate(self.operations) if not isinstance(item, AssignVariable)), default=-1
        )
        edits = _edits(self.operations if place is None else self.operations[:placed], editing)
        if place is None:

            def assign_message(ctx: MessageContext) -> None:
                message = pick(ctx)
                for edit in edits:
                    edit(ctx, message)

            return assign_message
        put, later = place, _edits(self.operations[placed:], editing)

        def replace_message(ctx: MessageContext) -> None:
            message = pick(ctx)
            for edit in edits:
                edit(ctx, message)
            put(ctx, message)
            for edit in later:
                edit(ctx, message)

        return replace_message


def _edits(
    operations: tuple[Add | Copy | Remove | Set | AssignVariable, ...], editing: Editing
) -> tuple[Edit, ...]:
    return tuple(edit for operation in operations for edit in operation.compile(editing))
