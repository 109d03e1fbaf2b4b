from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.conditionerror import is_left_open, unreadable
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Rule


class UnterminatedString(Rule):
    """A text without its second quote, or a parenthesis without its other half, makes a condition unreadable.

    The bundle is refused then. Whatever else is wrong with a condition's syntax is CC007.
    """

    id = "CC005"
    name = "Unterminated string"
    severity = "error"
    cure = "Close what is open, or open what is closed."
    bad = '<Condition>request.verb = "GET</Condition>'
    good = '<Condition>request.verb = "GET"</Condition>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/conditions-reference"
    supersedes = ("InvalidCondition",)

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        error = condition.error
        if error is not None and is_left_open(condition.text, error):
            yield unreadable(condition, error)
