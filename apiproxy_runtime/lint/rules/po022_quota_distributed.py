from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class QuotaDistributed(Rule):
    """Without Distributed each message processor counts for itself, and more calls pass than the quota allows."""

    id = "PO022"
    name = "Quota that is not distributed"
    elements = ("Quota",)
    bad = "<Quota name='Q-1'><Allow count='10'/></Quota>"
    good = "<Quota name='Q-1'><Allow count='10'/><Distributed>true</Distributed></Quota>"
    cure = "Add <Distributed>true</Distributed>."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/quota-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        node = policy.node.child("Distributed")
        if node is None or node.text.strip().lower() != "true":
            yield Match(node or policy.node, "the quota is not distributed")
