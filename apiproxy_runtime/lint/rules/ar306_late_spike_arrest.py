from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import FlowNode, LintBundle, Match, Rule, StepNode

_EXPENSIVE = frozenset(
    ("ServiceCallout", "JavaCallout", "Javascript", "Script", "XSL", "ExternalCallout", "IntegrationCallout")
)


class LateSpikeArrest(Rule):
    """A SpikeArrest runs after a callout or a script, which it should have kept from being flooded.

    One with an `<Identifier>` may need what is found out before, and is let pass, as are steps with a condition.
    """

    id = "AR306"
    name = "Late SpikeArrest"
    cure = "Make it the first step of the request PreFlow."
    bad = "<Step><Name>SC-Stock</Name></Step><Step><Name>SA-All</Name></Step>"
    good = "<Step><Name>SA-All</Name></Step><Step><Name>SC-Stock</Name></Step>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/spike-arrest-policy"

    def on_flow(self, flow: FlowNode, bundle: LintBundle) -> Iterator[Match]:
        if flow.endpoint.tag != "ProxyEndpoint":
            return
        first: StepNode | None = None
        for step in flow.steps:
            policy = step.policy
            if step.phase != "Request" or policy is None or not policy.enabled:
                continue
            if policy.element in _EXPENSIVE and not step.conditional:
                first = first or step
            elif (
                policy.element == "SpikeArrest"
                and first is not None
                and policy.node.child("Identifier") is None
            ):
                yield Match(
                    step.node,
                    f"{step.policy_name!r} limits the rate after {first.policy_name!r} has run",
                    trail=((first.node, f"{first.policy_name} runs"), (step.node, "the rate is limited")),
                )
