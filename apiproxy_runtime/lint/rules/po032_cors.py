from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import not_boolean
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_LISTS = ("AllowHeaders", "ExposeHeaders", "AllowMethods")


class Cors(Rule):
    """A CORS policy that lets every page in, or that browsers understand otherwise than it reads."""

    id = "PO032"
    name = "CORS hygiene"
    severity = "error"
    elements = ("CORS",)
    bad = "<AllowOrigins>*</AllowOrigins>"
    good = "<AllowOrigins>https://shop.example</AllowOrigins>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/cors-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        origins = policy.node.all("AllowOrigins")
        if not origins:
            yield Match(policy.node, "no origin is named", "Add <AllowOrigins>.", severity="warning")
        for extra in origins[1:]:
            yield Match(extra, "there is more than one <AllowOrigins>", "Keep one.")
        if len(origins) == 1:
            yield from _origins(origins[0])
        for tag in ("AllowCredentials", "GeneratePreflightResponse"):
            nodes = policy.node.all(tag)
            for extra in nodes[1:]:
                yield Match(extra, f"there is more than one <{tag}>", "Keep one.")
            for node in nodes[:1] if tag == "AllowCredentials" else ():
                yield from not_boolean(node)
        for tag in _LISTS:
            nodes = policy.node.all(tag)
            for extra in nodes[1:]:
                yield Match(extra, f"there is more than one <{tag}>", "Keep one.")
            for node in nodes[:1]:
                yield from _listed(node)


def _origins(node: Node) -> Iterator[Match]:
    items = [item.strip() for item in node.text.split(",")]
    if items == ["*"]:
        yield Match(node, "every page may call the API", "Name the origins.", severity="warning")
    elif "*" in items:
        yield Match(node, "* stands beside other origins", "Name the origins without it.")
    if any(item.endswith("/") for item in items):
        yield Match(node, "an origin ends with a slash, which no browser sends", "Write it without.")
    if any(item == "{request.header.origin}" for item in items):
        yield Match(
            node, "whatever origin the caller names is let in", "Name the origins.", severity="warning"
        )


def _listed(node: Node) -> Iterator[Match]:
    items = [item.strip() for item in node.text.split(",")]
    if not node.text.strip():
        yield Match(node, f"<{node.tag}> is empty", "List names, or remove it.")
    elif any(len(item.split()) > 1 for item in items):
        yield Match(node, f"an item of <{node.tag}> has a blank in it", "Separate names with commas.")
    elif "*" in items and len(items) > 1:
        yield Match(node, f"* stands beside other names in <{node.tag}>", "Keep * alone, or the names.")
