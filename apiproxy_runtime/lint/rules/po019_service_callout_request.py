from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ServiceCalloutRequest(Rule):
    """A callout that sends the variable `request` changes, or uses up, the request for the target."""

    id = "PO019"
    name = "ServiceCallout sends request"
    severity = "error"
    elements = ("ServiceCallout",)
    bad = '<Request variable="request"/>'
    good = '<Request variable="lookupRequest"/>'
    cure = "Name a message of its own."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for node in policy.node.all("Request"):
            if node.attributes.get("variable") == "request":
                yield Match(node, "the callout sends the variable request, which the target gets afterwards")
