from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import Literal
from apiproxy_runtime.expression.condition.satisfiability import can_fail
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Rule


class ConditionThatAlwaysHolds(Rule):
    """A condition that every value of its variables fulfils guards nothing.

    `request.verb != "GET" or request.verb != "POST"` is true for each verb. Told is only what is certain; a constant
    alone is told by CC001.
    """

    id = "AR101"
    name = "Condition that always holds"
    preview = True
    cure = "Mend it (often `and` was meant where `or` stands), or remove it."
    bad = '<Condition>request.verb != "GET" or request.verb != "POST"</Condition>'
    good = '<Condition>request.verb != "GET" and request.verb != "POST"</Condition>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/conditions-reference"

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        tree = condition.tree
        if tree is not None and not isinstance(tree, Literal) and not can_fail(tree):
            yield Match(condition.node, "the condition is always true")
