from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class SingleFaultRule(Rule):
    """A single fault rule without condition takes every fault: that is what DefaultFaultRule is for."""

    id = "FR003"
    name = "Single fault rule"
    cure = "Make it a <DefaultFaultRule>, or give it a condition."
    bad = '<FaultRules><FaultRule name="all"><Step>…</Step></FaultRule></FaultRules>'
    good = '<DefaultFaultRule name="all"><Step>…</Step></DefaultFaultRule>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/fault-handling"

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        if len(endpoint.fault_rules) == 1 and not endpoint.fault_rules[0].conditional:
            rule = endpoint.fault_rules[0]
            yield Match(rule.node, f"{rule.name!r} is the only fault rule and has no condition")
