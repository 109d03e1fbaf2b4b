from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, Option, Rule


class LongCondition(Rule):
    """A long condition is hard to read and to change.

    All of its text counts, blanks and line ends too.
    """

    id = "CC003"
    name = "Long condition"
    cure = "Set a variable in a policy before, and ask for that one; or split the flow."
    bad = '<Condition>request.header.a = "…" or request.header.b = "…" or …</Condition>  <!-- 300 characters -->'
    good = "<Condition>my.kind_of_request = true</Condition>"

    length = Option(256, "most characters that a condition may have")

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        if (length := len(condition.text)) > self.length:
            yield Match(condition.node, f"the condition has {length} characters, more than {self.length}")
