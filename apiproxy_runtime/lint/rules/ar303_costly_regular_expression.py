from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import Comparison, Literal, Operator, walk
from apiproxy_runtime.lint.rule import ConditionText, LintBundle, Match, PolicyFile, Rule

_POLICIES = ("RegularExpressionProtection",)
_DEGREE = 4


class CostlyRegularExpression(Rule):
    """A regular expression takes exponential time, or time by a high power of the text's length.

    A client that sends the right text keeps the message processor busy. The cost is told from the expression: in how
    many ways a backtracking matcher can go through the same text.
    """

    id = "AR303"
    name = "Costly regular expression"
    cure = "Have each repetition begin with something that cannot end it, or bound it: [a-z]{1,20}."
    bad = '<Condition>request.header.x JavaRegex "(a+)+b"</Condition>'
    good = '<Condition>request.header.x JavaRegex "a+b"</Condition>'
    docs = "https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS"
    elements = _POLICIES

    def on_condition(self, condition: ConditionText, bundle: LintBundle) -> Iterator[Match]:
        if "~" not in condition.text and "regex" not in condition.text.lower():
            return
        for part in walk(condition.tree) if condition.tree is not None else ():
            if isinstance(part, Comparison) and part.operator is Operator.JAVA_REGEX:
                right = part.right
                what = (
                    cost_of(right.value)
                    if isinstance(right, Literal) and isinstance(right.value, str)
                    else ""
                )
                if what:
                    yield Match(condition.place(right.offset), f"the regular expression takes {what}")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.walk():
            what = cost_of(node.text.strip()) if node.tag == "Pattern" else ""
            if what:
                yield Match(node, f"the regular expression takes {what}")


def cost_of(pattern: str) -> str:
    """What is too much about an expression; "" for one that is affordable or cannot be read."""
    from apiproxy_runtime.expression.javaregex import JavaRegexError, parse_java_regex
    from apiproxy_runtime.expression.regexcost import cost

    try:
        found = cost(parse_java_regex(pattern)[1])
    except JavaRegexError:
        return ""
    if found.degree is None:
        return "exponential time on some texts"
    return f"time by the power {found.degree} of the text's length" if found.degree >= _DEGREE else ""
