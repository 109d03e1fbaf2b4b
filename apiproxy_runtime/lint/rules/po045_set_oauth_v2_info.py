from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import repeated_children, unknown_attributes, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_TOP = ("AccessToken", "Attributes", "Description", "DisplayName", "IgnoreUnresolvedVariables", "Properties")


class SetOAuthV2InfoHygiene(Rule):
    """SetOAuthV2Info names one token, and attributes with a name each."""

    id = "PO045"
    name = "SetOAuthV2Info hygiene"
    severity = "error"
    elements = ("SetOAuthV2Info",)
    bad = "<Attributes><Attribute>gold</Attribute></Attributes>"
    good = "<AccessToken ref='token'/><Attributes><Attribute name='tier'>gold</Attribute></Attributes>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/set-oauth-v2-info-policy"
    )
    supersedes = ("UnknownElement", "RepeatedElement", "UnknownAttribute")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        yield from unknown_children(root, _TOP)
        yield from repeated_children(root, _TOP)
        for tag in ("AccessToken", "Attributes"):
            if not root.all(tag):
                yield Match(root, f"there is no <{tag}>", "Add it.")
        for token in root.all("AccessToken")[:1]:
            yield from unknown_attributes(token, ("ref",))
        for attributes in root.all("Attributes")[:1]:
            yield from unknown_children(attributes, ("Attribute",))
            if not attributes.all("Attribute"):
                yield Match(attributes, "<Attributes> has no <Attribute>", "Add one.")
            for node in attributes.all("Attribute"):
                yield from _attribute(node)


def _attribute(node: Node) -> Iterator[Match]:
    yield from unknown_attributes(node, ("name", "ref"))
    if not node.attributes.get("name"):
        yield Match(node, "the <Attribute> has no name", 'Write name="…".')
    if node.children:
        yield Match(node, "an <Attribute> holds text only", "Write its value.")
    if node.attributes.get("ref") == "":
        yield Match(node, 'the attribute "ref" is empty', "Remove it, or name a variable.")
