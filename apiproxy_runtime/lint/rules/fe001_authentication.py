from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, PolicyFile, Rule

#: Where `<Authentication>` stands in a policy, and the tokens it may hold there.
_POLICIES = {
    "ServiceCallout": ("HTTPTargetConnection", ("GoogleIDToken", "GoogleAccessToken")),
    "ExternalCallout": ("GrpcConnection", ("GoogleIDToken",)),
}
_TARGET = ("GoogleIDToken", "GoogleAccessToken")


class Authentication(Rule):
    """`<Authentication>` asks Google for a token and sends it along: exactly one kind of token, on Apigee X only."""

    id = "FE001"
    name = "Authentication"
    severity = "error"
    bad = "<Authentication><HeaderName>X-Token</HeaderName></Authentication>"
    good = (
        "<Authentication><GoogleIDToken><Audience>https://my.app</Audience></GoogleIDToken></Authentication>"
    )
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/security/google-auth/overview"
    supersedes = ("InvalidAuthentication",)

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if policy.element in _POLICIES:
            parent, tokens = _POLICIES[policy.element]
            nodes = [
                node for connection in policy.node.all(parent) for node in connection.all("Authentication")
            ]
            yield from _check(nodes, tokens, bundle.profile)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = endpoint.node.child("HTTPTargetConnection")
        if connection is not None:
            yield from _check(connection.all("Authentication"), _TARGET, bundle.profile)


def _check(nodes: Sequence[Node], tokens: tuple[str, ...], profile: str) -> Iterator[Match]:
    if not nodes:
        return
    node = nodes[0]
    if profile != "apigeex":
        yield Match(node, "Edge knows no <Authentication>", "Set the header in a policy instead.")
        return
    for extra in nodes[1:]:
        yield Match(extra, "there is more than one <Authentication>", "Keep one.")
    wanted = " or ".join(f"<{token}>" for token in tokens)
    if not node.children:
        yield Match(node, "<Authentication> is empty", f"Put {wanted} into it.")
        return
    for child in node.children:
        if child.tag not in (*tokens, "HeaderName"):
            yield Match(child, f"<{child.tag}> has no meaning in <Authentication> here", f"Use {wanted}.")
    found = [child for child in node.children if child.tag in tokens]
    if not found:
        yield Match(node, "<Authentication> does not say which token", f"Put {wanted} into it.")
    for extra in found[1:]:
        yield Match(extra, f"<{extra.tag}> beside <{found[0].tag}>: only one token can be sent", "Keep one.")
