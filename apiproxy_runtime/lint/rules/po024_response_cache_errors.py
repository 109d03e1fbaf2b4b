from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ResponseCacheErrors(Rule):
    """A ResponseCache keeps error responses too, and goes on serving them when the target is well again."""

    id = "PO024"
    name = "ResponseCache keeps errors"
    severity = "error"
    elements = ("ResponseCache",)
    bad = "<ResponseCache name='RC-1'>…</ResponseCache>"
    good = "<ResponseCache name='RC-1'>…<ExcludeErrorResponse>true</ExcludeErrorResponse></ResponseCache>"
    cure = "Add <ExcludeErrorResponse>true</ExcludeErrorResponse>."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/response-cache-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        node = policy.node.child("ExcludeErrorResponse")
        if node is None or node.text.strip().lower() != "true":
            yield Match(node or policy.node, "error responses are cached")
