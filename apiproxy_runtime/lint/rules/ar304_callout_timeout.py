from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import LintBundle, Match, Option, PolicyFile, Rule

_PROPERTY = "io.timeout.millis"


class CalloutTimeout(Rule):
    """A ServiceCallout waits 55 seconds for its answer unless told otherwise, and the client waits with it.

    A callout without `<Response>` waits for nothing. `<Timeout>`, or the property `io.timeout.millis`, says how long.
    """

    id = "AR304"
    name = "Timeout of a callout"
    elements = ("ServiceCallout",)
    bad = '<ServiceCallout name="SC-Stock"><Response>stock</Response><HTTPTargetConnection>…'
    good = '<ServiceCallout name="SC-Stock"><Response>stock</Response><Timeout>5000</Timeout><HTTPTargetConnection>…'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"
    limit = Option(30000, "longest timeout in milliseconds")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if not policy.node.child_text("Response") or not policy.steps:
            return
        told = _timeout(policy.node)
        if told is None:
            yield Match(
                policy.node,
                f"{policy.called!r} may wait 55 seconds for an answer",
                "Add a <Timeout> in milliseconds, as long as a client would wait.",
            )
        elif told.text.strip().isdigit() and int(told.text.strip()) > self.limit:
            yield Match(
                told, f"{policy.called!r} may wait {told.text.strip()} ms", f"Write at most {self.limit}."
            )


def _timeout(root: Node) -> Node | None:
    for node in root.walk():
        if node.tag == "Timeout" or (node.tag == "Property" and node.name == _PROPERTY):
            return node
    return None
