from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

#: A group that begins with `(?` and is neither plain, nor named, nor flags.
_LOOKAROUND = re.compile(r"\(\?(?!:|>|[a-zA-Z]*(?:-[a-zA-Z]+)?[:)]|<[a-zA-Z]).?[=!]?")


class RegularExpressionLookaround(Rule):
    """Lookaheads and lookbehinds make a pattern slow on the texts that attackers choose, and hide what it refuses."""

    id = "PO018"
    name = "Regular expression with lookaround"
    elements = ("RegularExpressionProtection",)
    bad = "<Pattern>^(?=.*select).*</Pattern>"
    good = "<Pattern>(?i)select</Pattern>"
    cure = "Write the pattern without lookaround."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/regular-expression-protection"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.walk():
            if node.tag == "Pattern" and (found := _LOOKAROUND.search(node.text)):
                yield Match(node, f"the pattern looks around, with {found.group()}")
