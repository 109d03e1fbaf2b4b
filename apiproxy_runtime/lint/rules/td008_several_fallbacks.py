from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of, says_true
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class SeveralFallbacks(Rule):
    """A load balancer has one fallback, for when all other servers are down. A single server cannot be its own."""

    id = "TD008"
    name = "Fallback servers"
    bad = '<Server name="a"><IsFallback>true</IsFallback></Server><Server name="b"><IsFallback>true</IsFallback></Server>'
    good = '<Server name="a"/><Server name="b"><IsFallback>true</IsFallback></Server>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )
    supersedes = ("InvalidValue",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        balancer = connection.load_balancer
        if balancer is None:
            return
        servers = balancer.all("Server")
        fallbacks = [server for server in servers if says_true(server, "IsFallback")]
        if len(fallbacks) > 1:
            yield Match(
                balancer, "there is more than one fallback server", "Remove <IsFallback> from all but one."
            )
        if len(servers) == 1 and fallbacks:
            yield Match(balancer, "the only server is a fallback", "Remove <IsFallback>.")
