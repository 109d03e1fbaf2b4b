"""HTTPModifier: changes headers, parameters, verb, path and status of a message, and nothing of its payload."""

from __future__ import annotations

from apiproxy_policies import edits
from apiproxy_policies.assign_to import AssignTo, compile_destination
from apiproxy_policies.edits import Add, Copy, Edit, Editing, check_indexes
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    sequence,
)


class Set(edits.Set):
    """As in AssignMessage, with ContentType and without Payload."""

    content_type: str | None = child("ContentType", doc="sets the Content-Type header; template")

    def compile(self, editing: Editing) -> list[Edit]:
        made = super().compile(editing)
        if self.content_type:
            render = editing.template(self.content_type, self.node)

            def set_content_type(ctx: MessageContext, message: Message) -> None:
                message.headers.set("Content-Type", render(ctx))

            made.append(set_content_type)
        return made


class Remove(edits.Remove):
    """As in AssignMessage; an empty one removes headers and parameters, and leaves the payload."""

    def compile(self, editing: Editing) -> list[Edit]:
        return super().compile(editing) if self.node.children else [_remove_all]


def _remove_all(ctx: MessageContext, message: Message) -> None:
    message.headers.clear()
    message.query_string = ""


class HTTPModifier(Policy):
    """Change headers, parameters, verb, path or status of a request or response without touching its payload.

    It is what AssignMessage is without payload and variables; the operations run in document order, and templates may
    stand wherever values do. A message that streams is not held for it, unless form parameters are changed.
    """

    tag = "HTTPModifier"
    family = "mediation"
    prefix = "httpmodifier"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/http-modifier-policy"
    faults = fault_table(
        "steps.httpmodifier",
        ("UnresolvedVariable", 500, "HTTPModifier[{policy}]: unable to resolve variable {variable}"),
        ("SetVariableFailed", 500, "HTTPModifier[{policy}]: unable to set variable {variable}"),
        (
            "VariableOfNonMsgType",
            500,
            "HTTPModifier[{policy}]: value of variable {variable} is not of type Message",
        ),
    )
    deploy_errors = {
        "InvalidIndex": "HTTPModifier[{policy}]: index must be greater than zero in {name}.{index}",
        "InvalidVariableName": "HTTPModifier[{policy}]: a header or parameter has no name",
    }
    example = """
<HTTPModifier name="HM-Backend">
  <AssignTo>request</AssignTo>
  <Set>
    <Verb>POST</Verb>
    <Path>/v2{proxy.pathsuffix}</Path>
    <Headers><Header name="X-Caller">{client_id}</Header></Headers>
  </Set>
  <Remove><QueryParams><QueryParam name="apikey"/></QueryParams></Remove>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</HTTPModifier>"""

    assign_to: AssignTo | None = nested("AssignTo", AssignTo, doc="the message to change")
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: an unresolved variable is the empty string",
    )
    operations: tuple[Add | Copy | Remove | Set, ...] = sequence(
        Add, Copy, Remove, Set, doc="what to do, in document order"
    )

    def check(self, site: Site) -> None:
        check_indexes(self.operations, site)
        for operation in self.operations:
            if not isinstance(operation, Add) and operation.payload:
                operation.payload = None if isinstance(operation, Set) else False
                site.warning(
                    operation.node,
                    "PayloadIgnored",
                    "HTTPModifier has no <Payload>; it is left alone",
                    "Change payloads with AssignMessage.",
                )
            for group in (operation.headers, operation.query_params, operation.form_params):
                for item in group.items if group is not None else ():
                    if not item.name.strip():
                        site.error(item.node, "InvalidVariableName", 'Write it in the attribute "name".')

    def compile(self, site: Site) -> StepFunction:
        editing = Editing(
            site,
            self,
            self.ignore_unresolved,
            lambda name: self.fault("UnresolvedVariable", variable=name),
        )
        edits_made: tuple[Edit, ...] = tuple(
            edit for operation in self.operations for edit in operation.compile(editing)
        )
        pick, place = compile_destination(self.assign_to, self, site)

        def http_modifier(ctx: MessageContext) -> None:
            message = pick(ctx)
            for edit in edits_made:
                edit(ctx, message)
            if place is not None:
                place(ctx, message)

        return http_modifier
