from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.expression.condition.canonical import canonical
from apiproxy_runtime.expression.condition.nodes import And, Comparison, Node, Not, walk
from apiproxy_runtime.expression.condition.satisfiability import can_hold
from apiproxy_runtime.lint.rule import (
    EndpointFile,
    FaultRuleNode,
    FlowNode,
    LintBundle,
    Match,
    RouteRuleNode,
    Rule,
)

_Choice = FlowNode | FaultRuleNode | RouteRuleNode
#: Earlier conditions that one is judged against, and comparisons in all of them.
_NEAR, _COMPARISONS = 12, 40


class NeverReached(Rule):
    """A flow, fault rule or route rule whose condition can hold only where one before it was taken already.

    The first flow and the first route rule whose condition holds are taken; of fault rules the first of a target
    endpoint, and the last of a proxy endpoint. Told is only what is certain. Equal conditions are told by CC008, what
    comes after a choice without condition by FL001 and PD003.
    """

    id = "AR308"
    name = "Never reached"
    cure = "Put it before that one, or narrow the other's condition."
    bad = """<Flow name="a"><Condition>request.verb = "GET" or request.verb = "PUT"</Condition></Flow>
  <Flow name="b"><Condition>request.verb = "GET"</Condition></Flow>"""
    good = """<Flow name="b"><Condition>request.verb = "GET"</Condition></Flow>
  <Flow name="a"><Condition>request.verb = "GET" or request.verb = "PUT"</Condition></Flow>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/what-are-flows"

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        rules = endpoint.fault_rules
        yield from _unreached(endpoint.conditional_flows)
        yield from _unreached(rules[::-1] if endpoint.tag == "ProxyEndpoint" else rules)
        yield from _unreached(endpoint.route_rules)


def _unreached(choices: Sequence[_Choice]) -> Iterator[Match]:
    before: list[tuple[_Choice, Node]] = []
    for choice in choices:
        tree = choice.condition.tree if choice.condition is not None else None
        if tree is None:
            continue
        taken = _taken_before(tree, before[-_NEAR:])
        if taken is not None:
            called = taken.name or taken.tag
            yield Match(
                choice.node,
                f"this {choice.tag} is never taken: whenever its condition holds, {called!r} (line {taken.node.line}) is",
                trail=((taken.node, f"{called} is taken"), (choice.node, "this never is")),
            )
        before.append((choice, tree))


def _taken_before(tree: Node, before: Sequence[tuple[_Choice, Node]]) -> _Choice | None:
    """The choice that takes all that a condition would; the nearest, where it takes several together."""
    names = _operands(tree)
    near = [(choice, other) for choice, other in before if names & _operands(other)]
    if not near or len(names) > _COMPARISONS or not can_hold(tree):
        return None
    form = canonical(tree)
    if any(canonical(other) == form for _, other in near):
        return None
    for choice, other in near:
        if not can_hold(And((tree, Not(other, 0)), 0)):
            return choice
    return None


def _operands(tree: Node) -> frozenset[str]:
    return frozenset(
        str(getattr(part.left, "name", "")) for part in walk(tree) if isinstance(part, Comparison)
    )
