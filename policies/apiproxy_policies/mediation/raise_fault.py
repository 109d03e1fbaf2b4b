"""RaiseFault: ends normal processing with an error response of the author's making."""

from __future__ import annotations

from apiproxy_policies.edits import Add, AssignVariable, Copy, Editing, Remove, Set, check_indexes
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    SINGLE_VALUED,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    default_error,
    fault_table,
    nested,
    sequence,
)


class FaultResponse(Element):
    """Edits of a new error response; AssignVariable runs before Set, Add, Copy and Remove."""

    ignored = ("AssignTo", "Properties", "FaultRules", "IgnoreUnresolvedVariables")
    operations: tuple[Add | Copy | Remove | Set | AssignVariable, ...] = sequence(
        Add, Copy, Remove, Set, AssignVariable
    )


class RaiseFault(Policy):
    """Stop normal processing, build a custom error response and enter the error flow.

    It raises even with continueOnError="true". `fault.name` is always `RaiseFault`.
    """

    tag = "RaiseFault"
    family = "mediation"
    prefix = "raisefault"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/raise-fault-policy"
    faults = fault_table(
        "steps.raisefault", ("RaiseFault", 500, "Raising fault. Fault name : {policy}", "the policy ran")
    )
    variables = {
        "fault.name": "RaiseFault",
        "raisefault.{policy}.failed": "true",
    }
    example = """
<RaiseFault name="RF-NotFound">
  <FaultResponse>
    <Set>
      <Payload contentType="application/json">{"error":"no such order"}</Payload>
      <StatusCode>404</StatusCode>
    </Set>
  </FaultResponse>
</RaiseFault>"""

    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=True,
        doc="false: an unresolved variable is a fault of its own",
    )
    response: FaultResponse | None = nested("FaultResponse", FaultResponse, doc="what the client gets")
    short_reason: bool = child(
        "ShortFaultReason",
        BOOLEAN,
        default=False,
        doc="true: the fault string is the bare name of the policy",
    )

    def failed_variables(self) -> tuple[str, ...]:
        return (f"raisefault.{self.name}.failed", "raisefault.failed")

    def check(self, site: Site) -> None:
        if self.response is not None:
            check_indexes(self.response.operations, site)

    def compile(self, site: Site) -> StepFunction:
        editing = Editing(site, self, self.ignore_unresolved)
        operations = self.response.operations if self.response is not None else ()
        # the handler assigns variables first, so that the templates of Set see them
        ordered = sorted(operations, key=lambda operation: not isinstance(operation, AssignVariable))
        edits = tuple(edit for operation in ordered for edit in operation.compile(editing))
        headers_set = frozenset(_header_names(operations))
        short = self.short_reason
        has_payload = any(
            (isinstance(operation, Set) and operation.payload is not None)
            or (isinstance(operation, Copy) and (operation.payload or not operation.node.children))
            for operation in operations
        )

        def raise_fault(ctx: MessageContext) -> None:
            fault = self.fault("RaiseFault")
            if short:
                fault.text = self.name
            fault.skip_continue_on_error = True
            message = Message.response(500)
            for edit in edits:
                edit(ctx, message)
            fault.status = message.status
            if not has_payload:
                default = default_error(fault, ctx.request)
                message.body = default.body
                for name, value in default.headers:
                    if name not in message.headers:
                        message.headers.set(name, value)
            fault.message = message
            fault.headers = headers_set
            raise fault

        return raise_fault


def _header_names(operations: tuple[Element, ...]) -> list[str]:
    return [
        item.name.lower()
        for operation in operations
        if isinstance(operation, Set | Add) and operation.headers is not None
        for item in operation.headers.items
        if item.name.lower() not in SINGLE_VALUED
    ]
