from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import And, Comparison, Node, Operator, Or, children
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Option, Rule


class ComplexCondition(Rule):
    """A condition of many terms is hard to read, and harder to test.

    Every operator, variable and constant counts one: `a = "x" and b = "y"` has seven.
    """

    id = "CC004"
    name = "Complex condition"
    cure = "Set a variable in a policy before, and ask for that one; or split the flow."
    bad = '<Condition>a = "1" or a = "2" or a = "3" or a = "4" or a = "5"</Condition>'
    good = '<Condition>a JavaRegex "[1-5]"</Condition>'

    terms = Option(12, "most terms that a condition may have")

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        if condition.tree is not None and (terms := terms_of(condition.tree)) > self.terms:
            yield Match(condition.node, f"the condition has {terms} terms, more than {self.terms}")


def terms_of(node: Node) -> int:
    """How many operators and operands a condition has; `not` before a match is an operator of its own."""
    below = children(node)
    own = len(below) - 1 if isinstance(node, And | Or) else 1
    negated = isinstance(node, Comparison) and node.operator is Operator.NOT_MATCHES and node.spelling != "!~"
    return own + negated + sum(terms_of(child) for child in below)
