from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule, StepNode


class UnreachableAfterRaiseFault(Rule):
    """Steps after a RaiseFault without condition never run: the fault has left the flow.

    A RaiseFault that is not enabled, or that has continueOnError, lets the flow go on.
    """

    id = "ST008"
    name = "Unreachable steps after RaiseFault"
    cure = "Give the RaiseFault a condition, or remove what never runs."
    bad = "<Step><Name>RF-404</Name></Step> <Step><Name>AM-1</Name></Step>"
    good = "<Step><Name>AM-1</Name></Step> <Step><Name>RF-404</Name></Step>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/raise-fault-policy"

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        for steps in _sequences(endpoint):
            raised = ""
            for step in steps:
                if raised:
                    yield Match(
                        step.node, f"{step.policy_name!r} never runs, since {raised!r} raises a fault before"
                    )
                elif _raises(step):
                    raised = step.policy_name


def _sequences(endpoint: EndpointFile) -> Iterable[Sequence[StepNode]]:
    """Steps that run one after the other."""
    if endpoint.tag == "SharedFlow":
        yield endpoint.steps
        return
    for flow in endpoint.flows:
        for phase in ("Request", "Response"):
            yield [step for step in flow.steps if step.phase == phase]
    for rule in (*endpoint.fault_rules, *endpoint.default_fault_rules):
        yield rule.steps


def _raises(step: StepNode) -> bool:
    policy = step.policy
    return (
        policy is not None
        and policy.element == "RaiseFault"
        and policy.enabled
        and not step.conditional
        and policy.node.attributes.get("continueOnError", "").strip().lower() != "true"
    )
