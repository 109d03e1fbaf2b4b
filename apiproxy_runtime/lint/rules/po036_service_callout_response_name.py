from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.children import unknown_attributes
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ServiceCalloutResponseName(Rule):
    """The Response of a ServiceCallout is the name of one variable."""

    id = "PO036"
    name = "Response of a ServiceCallout"
    severity = "error"
    elements = ("ServiceCallout",)
    bad = "<Response> </Response>"
    good = "<Response>lookupResponse</Response>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        nodes = policy.node.all("Response")
        for extra in nodes[1:]:
            yield Match(extra, "there is more than one <Response>", "Keep one.")
        for node in nodes[:1]:
            if not node.text.strip():
                yield Match(node, "<Response> is empty", "Name a variable, or remove it to send and forget.")
            elif len(node.text.split()) > 1:
                yield Match(
                    node, f"{node.text.strip()!r} is no name of a variable", "Write it without blanks."
                )
            yield from unknown_attributes(node, ())
