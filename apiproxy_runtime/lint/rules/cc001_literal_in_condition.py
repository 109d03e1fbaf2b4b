from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import And, Literal, Node, Not, Or
from apiproxy_runtime.lint.conditionerror import place_on_its_line
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Rule


class LiteralInCondition(Rule):
    """A constant that is compared with nothing decides the condition, or does nothing at all.

    It stands alone or beside `and`, `or` and `not`: in `request.verb = "GET" and true` nobody asks for the second half.
    """

    id = "CC001"
    name = "Literal in condition"
    cure = "Remove it, or compare it with a variable."
    bad = '<Condition>request.verb = "GET" and true</Condition>'
    good = '<Condition>request.verb = "GET"</Condition>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/conditions-reference"

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        if condition.tree is None:
            return
        for literal in _alone(condition.tree):
            text = condition.text[literal.offset : literal.end]
            yield Match(
                place_on_its_line(condition, literal.offset), f"the constant {text} is compared with nothing"
            )


def _alone(node: Node) -> Iterator[Literal]:
    match node:
        case Literal():
            yield node
        case Not():
            yield from _alone(node.operand)
        case And() | Or():
            for operand in node.operands:
                yield from _alone(operand)
        case _:
            pass
