from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class AssignTo(Rule):
    """An AssignTo that changes nothing, or that Apigee understands otherwise than it reads.

    `createNew="false"` without a name means the message of the moment, as no AssignTo does.
    """

    id = "PO012"
    name = "AssignTo"
    elements = ("AssignMessage",)
    bad = '<AssignTo createNew="false" transport="http" type="request"/>'
    good = '<AssignTo createNew="true" type="request">copy</AssignTo>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        nodes = policy.node.all("AssignTo")
        for extra in nodes[1:]:
            yield Match(extra, "there is more than one <AssignTo>", "Keep one; only the first counts.")
        if len(nodes) != 1:
            return
        (node,) = nodes
        transport, kind = node.attributes.get("transport"), node.attributes.get("type")
        if transport is not None and transport != "http":
            yield Match(node, f"the transport is {transport!r}", "Write http, or leave the attribute out.")
        elif node.attributes.get("createNew") == "false" and not node.text.strip():
            yield Match(node, "this <AssignTo> changes nothing", "Remove it, or name a message.")
        elif kind is not None and kind not in ("request", "response"):
            yield Match(node, f"the type is {kind!r}", "Write request or response.")
