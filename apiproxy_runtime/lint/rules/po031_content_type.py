from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ContentType(Rule):
    """Who writes a payload should say what it is, once: in contentType or in a Content-Type header."""

    id = "PO031"
    name = "Content-Type of a payload"
    elements = ("AssignMessage",)
    bad = "<Set><Payload>{}</Payload></Set>"
    good = "<Set><Payload contentType='application/json'>{}</Payload></Set>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        sets = policy.node.all("Set")
        payloads = [payload for each in sets for payload in each.all("Payload")]
        for extra in payloads[1:]:
            yield Match(extra, "the payload is set more than once", "Keep one <Payload>.")
        if len(payloads) != 1:
            return
        (payload,) = payloads
        headers = [header for each in sets for header in _headers(each)]
        if len(headers) > 1:
            yield Match(headers[1], "the Content-Type header is set more than once", "Keep one.")
        elif payload.attributes.get("contentType") and headers:
            yield Match(
                headers[0], "both contentType and a header tell the Content-Type", "Keep one of the two."
            )
        elif not payload.attributes.get("contentType") and not headers:
            yield Match(payload, "nothing tells what the payload is", 'Add contentType="application/json".')


def _headers(node: Node) -> Iterator[Node]:
    for headers in node.all("Headers"):
        for header in headers.all("Header"):
            if header.attributes.get("name", "").lower() == "content-type":
                yield header
