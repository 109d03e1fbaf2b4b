from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.edit import replace_node
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class KeyValueMapHygiene(Rule):
    """ExclusiveCache is deprecated and does nothing; there is one Scope."""

    id = "PO041"
    name = "KeyValueMapOperations hygiene"
    elements = ("KeyValueMapOperations",)
    bad = "<ExclusiveCache>false</ExclusiveCache>"
    good = "<Scope>environment</Scope>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/key-value-map-operations-policy"
    fixable = True

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.all("ExclusiveCache"):
            yield Match(
                node,
                "<ExclusiveCache> is deprecated and does nothing",
                "Remove it.",
                fix=replace_node(node, ""),
            )
        for extra in policy.node.all("Scope")[1:]:
            yield Match(extra, "there is more than one <Scope>", "Keep one.")
