from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.lint.rule import EndpointFile, FaultRuleNode, LintBundle, Match, Rule


class FaultRuleWithoutCondition(Rule):
    """A fault rule without condition takes every fault, so those that would be asked after it never run.

    A proxy endpoint asks its fault rules from the last to the first, a target endpoint from the first to the last. So
    only the first of a proxy and the last of a target may do without.
    """

    id = "FR001"
    name = "Fault rule without condition"
    severity = "error"
    bad = '<FaultRule name="quota"><Step><Name>AM-429</Name></Step></FaultRule>  <!-- and another one -->'
    good = """<FaultRule name="quota"><Step><Name>AM-429</Name></Step>
    <Condition>fault.name = "QuotaViolation"</Condition></FaultRule>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/fault-handling"

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        yield from _unconditional(endpoint.fault_rules[1:], "first")

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        yield from _unconditional(endpoint.fault_rules[:-1], "last")


def _unconditional(rules: Sequence[FaultRuleNode], fallback: str) -> Iterator[Match]:
    for rule in rules:
        if not rule.conditional:
            yield Match(
                rule.node,
                f"the fault rule {rule.name!r} has no condition, so it hides others",
                f"Give it a condition, or make it the {fallback} one, the fallback.",
            )
