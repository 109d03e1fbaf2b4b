from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.conditionerror import is_left_open, unreadable
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Rule


class ConditionSyntax(Rule):
    """A condition that cannot be read makes the whole bundle be refused.

    The parser that judges is the one that runs conditions. Quotes and parentheses left open are CC005.
    """

    id = "CC007"
    name = "Condition syntax"
    severity = "error"
    cure = 'Write VARIABLE OPERATOR "text", joined by and, or and not.'
    bad = '<Condition>request.verb == "GET" and and proxy.pathsuffix ~ "/x"</Condition>'
    good = '<Condition>request.verb == "GET" and proxy.pathsuffix ~ "/x"</Condition>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/conditions-reference"
    supersedes = ("InvalidCondition",)

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        error = condition.error
        if error is not None and not is_left_open(condition.text, error):
            yield unreadable(condition, error)
