from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import Literal
from apiproxy_runtime.expression.condition.satisfiability import can_hold
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Rule


class Absurdity(Rule):
    """A condition that no values of its variables fulfil: what it guards never runs.

    Comparisons of the same variable are judged together, by what the operators mean at run time. Told is only what is
    certain.
    """

    id = "CC006"
    name = "Absurd condition"
    severity = "error"
    cure = "Mend it (often `or` was meant where `and` stands), or remove what never runs."
    bad = '<Condition>request.verb = "GET" and request.verb = "POST"</Condition>'
    good = '<Condition>request.verb = "GET" or request.verb = "POST"</Condition>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/conditions-reference"

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        tree = condition.tree
        if tree is not None and not can_hold(tree):
            cure = 'To keep something from running for a while, set enabled="false" on its policy.'
            off = isinstance(tree, Literal)
            yield Match(condition.node, "the condition can never be true", cure if off else "")
