from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.expression.condition.canonical import Canonical, canonical
from apiproxy_runtime.lint.rule import (
    EndpointFile,
    FaultRuleNode,
    FlowNode,
    LintBundle,
    Match,
    RouteRuleNode,
    Rule,
)


class SameConditionTwice(Rule):
    """Of two flows, fault rules or route rules with the same condition, one never runs.

    Conditions are the same though they be spelt differently or in another order. A name that occurs twice is told too,
    since traces and analytics cannot tell the two apart.
    """

    id = "CC008"
    name = "Same condition twice"
    severity = "error"
    bad = """<Flow name="a"><Condition>x = "1" and y != "2"</Condition></Flow>
  <Flow name="b"><Condition>not (y = "2") and x = "1"</Condition></Flow>"""
    good = """<Flow name="a"><Condition>x = "1" and y != "2"</Condition></Flow>
  <Flow name="b"><Condition>x = "1"</Condition></Flow>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/what-are-flows"
    supersedes = ("DuplicateName",)

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        for group in (endpoint.conditional_flows, endpoint.fault_rules, endpoint.route_rules):
            yield from _repeated(group)


def _repeated(group: Sequence[FlowNode | FaultRuleNode | RouteRuleNode]) -> Iterator[Match]:
    names: dict[str, int] = {}
    conditions: dict[Canonical, FlowNode | FaultRuleNode | RouteRuleNode] = {}
    for item in group:
        if not item.conditional or item.condition is None:
            continue
        if item.name in names:
            called = f"has the name {item.name!r}" if item.name else "has no name"
            yield Match(
                item.node,
                f"this {item.tag} {called}, as the one on line {names[item.name]}",
                "Give each a name of its own.",
            )
            continue
        names[item.name] = item.node.line
        tree = item.condition.tree
        if tree is None:
            continue
        form = canonical(tree)
        first = conditions.setdefault(form, item)
        if first is not item:
            yield Match(
                item.node,
                f"the {item.tag} {item.name!r} has the same condition as {first.name!r} on line {first.node.line}",
                "Only the first one that fits runs: join the two, or tell their conditions apart.",
            )
