"""FlowCallout: runs a shared flow as a step."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    Getter,
    MessageContext,
    Policy,
    Setter,
    SharedFlowRunner,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text,
    unresolved_variable,
    variables,
)


class Parameter(Element):
    """A variable that only the shared flow sees. `ref` comes first, then `value`, then the text."""

    name: str = attribute("name", required=True, default="", doc="name of the variable")
    value: str | None = attribute("value", doc="literal value")
    ref: str | None = attribute("ref", doc="flow variable that holds the value")
    template: str = text(PAYLOAD, default="", doc="message template")


class Parameters(Element):
    ignore_unresolved: bool = attribute(
        "ignoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: what does not resolve is empty; false: it is a fault",
    )
    items: tuple[Parameter, ...] = many("Parameter", Parameter)


#: How a parameter is set: what computes it, and how the variable is read and written.
_Compiled = tuple[str, Getter, Getter, Setter]


class FlowCallout(Policy):
    """Run a deployed shared flow as a step.

    The shared flow works on the caller's messages and variables, and what it sets stays; only parameters end with
    it. A fault in it is the caller's, unless continueOnError says to go on.
    """

    tag = "FlowCallout"
    family = "extension"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/flow-callout-policy"
    faults = fault_table(
        "flow",
        (
            "SharedFlowNotFound",
            500,
            "Shared Flow {shared_flow_name} Not Found",
            "the shared flow is not deployed in the environment",
        ),
    )
    variables = {
        "apigee.edge.sharedflow.name": "name of the shared flow, while it runs",
        "{parameter}": "the value of a parameter, while the shared flow runs",
    }
    example = """
<FlowCallout name="FC-Security">
  <SharedFlowBundle>security</SharedFlowBundle>
  <Parameters>
    <Parameter name="audience">orders</Parameter>
    <Parameter name="caller" ref="request.header.X-Caller"/>
  </Parameters>
</FlowCallout>"""

    shared_flow: str = child(
        "SharedFlowBundle",
        required=True,
        default="",
        cure="Name the bundle of the shared flow.",
        doc="name of the shared flow's bundle",
    )
    parameters: Parameters | None = nested("Parameters", Parameters, doc="variables for the shared flow")

    def compile(self, site: Site) -> StepFunction:
        name, find = self.shared_flow, site.services.shared_flow
        parameters = self._parameters(site)

        def flow_callout(ctx: MessageContext) -> Awaitable[Any]:
            # looked for on every call: the shared flow may be deployed, or replaced, after the proxy
            shared_flow = find(name)
            if shared_flow is None:
                fault = self.fault("SharedFlowNotFound", shared_flow_name=name)
                fault.category = "Messaging"
                raise fault
            if parameters:
                return _run_with(parameters, shared_flow, ctx)
            return shared_flow(ctx)

        return flow_callout

    def _parameters(self, site: Site) -> tuple[_Compiled, ...]:
        if self.parameters is None:
            return ()
        lenient = self.parameters.ignore_unresolved
        return tuple(
            (item.name, _value(item, site, lenient), variables.getter(item.name), site.setter(item.name))
            for item in self.parameters.items
            if item.name
        )


def _value(item: Parameter, site: Site, lenient: bool) -> Getter:
    literal = item.value
    if literal is not None:
        fallback: Getter = lambda ctx: literal  # noqa: E731
    else:
        fallback = site.template(item.template.strip(), item.node, ignore_unresolved=lenient)
    if item.ref is None:
        return fallback
    get, name = site.getter(item.ref), item.ref
    has_fallback = literal is not None or bool(item.template.strip())

    def resolve(ctx: MessageContext) -> Any:
        value = get(ctx)
        if value is not None:
            return value
        if has_fallback:
            return fallback(ctx)
        if lenient:
            return None
        raise unresolved_variable(name)

    return resolve


async def _run_with(
    parameters: tuple[_Compiled, ...], shared_flow: SharedFlowRunner, ctx: MessageContext
) -> None:
    """Run the shared flow with parameters, and give variables of the same names their values back."""
    values = [compute(ctx) for _, compute, _, _ in parameters]
    before = [get(ctx) for _, _, get, _ in parameters]
    for (_, _, _, put), value in zip(parameters, values, strict=True):
        put(ctx, value)
    try:
        await shared_flow(ctx)
    finally:
        for (name, _, _, put), value in zip(parameters, before, strict=True):
            if value is None:
                variables.remove(ctx, name)
            else:
                put(ctx, value)
