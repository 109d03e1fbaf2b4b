from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import repeated_children, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_CLOUD_LOGGING = ("LogName", "Message", "Labels", "ResourceType")


class MessageLoggingHygiene(Rule):
    """What goes to Cloud Logging needs a log and a message; labels are pairs of key and value."""

    id = "PO039"
    name = "MessageLogging hygiene"
    severity = "error"
    elements = ("MessageLogging",)
    bad = "<CloudLogging><Message>x</Message></CloudLogging>"
    good = "<CloudLogging><LogName>projects/p/logs/l</LogName><Message>x</Message></CloudLogging>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/message-logging-policy"
    supersedes = ("UnknownElement", "RepeatedElement")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        nodes = policy.node.all("CloudLogging")
        for extra in nodes[1:]:
            yield Match(extra, "there is more than one <CloudLogging>", "Keep one.")
        for node in nodes[:1]:
            yield from _cloud_logging(node)


def _cloud_logging(node: Node) -> Iterator[Match]:
    yield from unknown_children(node, _CLOUD_LOGGING)
    yield from repeated_children(node, _CLOUD_LOGGING)
    for tag in ("LogName", "Message"):
        if not node.all(tag):
            yield Match(node, f"<CloudLogging> has no <{tag}>", "Add it.")
    for labels in node.all("Labels")[:1]:
        if not labels.all("Label"):
            yield Match(labels, "<Labels> has no <Label>", "Add one, or remove it.")
        yield from unknown_children(labels, ("Label",))
        for label in labels.all("Label"):
            yield from unknown_children(label, ("Key", "Value"))
            if len(label.all("Key")) != 1 or len(label.all("Value")) != 1:
                yield Match(label, "a <Label> has one <Key> and one <Value>", "Write both once.")
    for resource in node.all("ResourceType")[:1]:
        kind = resource.text.strip()
        if kind != "global":
            what = f"<ResourceType> is {kind!r}" if kind else "<ResourceType> is empty"
            yield Match(resource, what, "Write global.", severity="warning")
