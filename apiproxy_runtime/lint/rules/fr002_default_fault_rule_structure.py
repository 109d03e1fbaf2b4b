from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import FaultRuleNode, LintBundle, Match, Rule

_KNOWN = ("AlwaysEnforce", "Step", "Condition")


class DefaultFaultRuleStructure(Rule):
    """A DefaultFaultRule holds steps, and at most one AlwaysEnforce and one Condition."""

    id = "FR002"
    name = "DefaultFaultRule structure"
    bad = "<DefaultFaultRule><FaultRule>…</FaultRule></DefaultFaultRule>"
    good = "<DefaultFaultRule><Step>…</Step><AlwaysEnforce>true</AlwaysEnforce></DefaultFaultRule>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/fault-handling"
    supersedes = ("UnknownElement", "DuplicateElement")

    def on_default_fault_rule(self, rule: FaultRuleNode, bundle: LintBundle) -> Iterator[Match]:
        for child in rule.node.children:
            if child.tag not in _KNOWN:
                yield Match(rule.node, f"<{child.tag}> has no meaning in <DefaultFaultRule>", "Remove it.")
        for tag in ("AlwaysEnforce", "Condition"):
            if len(rule.node.all(tag)) > 1:
                yield Match(rule.node, f"<DefaultFaultRule> has more than one <{tag}>", "Keep one.")
