from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class MapName(Rule):
    """A key value map is named once: by mapIdentifier, or on Apigee X by MapName."""

    id = "PO038"
    name = "Name of a key value map"
    elements = ("KeyValueMapOperations",)
    bad = "<KeyValueMapOperations name='KVM-1' mapIdentifier='a'><MapName>b</MapName></KeyValueMapOperations>"
    good = "<KeyValueMapOperations name='KVM-1' mapIdentifier='a'/>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/key-value-map-operations-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        names, identifier = root.all("MapName"), root.attributes.get("mapIdentifier")
        if bundle.profile == "apigee":
            for node in names:
                yield Match(node, "Apigee Edge does not know <MapName>", "Write mapIdentifier.")
            if not identifier:
                yield Match(root, "the policy names no map", "Write mapIdentifier.")
            return
        for extra in names[1:]:
            yield Match(extra, "there is more than one <MapName>", "Keep one.")
        for node in names[:1]:
            if identifier:
                yield Match(node, "both <MapName> and mapIdentifier name the map", "Keep one of the two.")
            if not node.text.strip() and not node.attributes.get("ref"):
                yield Match(node, "<MapName> is empty", 'Write a name, or ref="…".')
        if not names and not identifier:
            yield Match(root, "the policy names no map", "Write mapIdentifier or <MapName>.")
