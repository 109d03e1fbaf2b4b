from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ServiceCalloutResponse(Rule):
    """A callout whose answer goes into `response` replaces the target's answer, or is replaced by it."""

    id = "PO020"
    name = "ServiceCallout fills response"
    severity = "error"
    elements = ("ServiceCallout",)
    bad = "<Response>response</Response>"
    good = "<Response>lookupResponse</Response>"
    cure = "Name a message of its own."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.all("Response"):
            if node.text.strip() == "response":
                yield Match(node, "the answer of the callout goes into the variable response")
