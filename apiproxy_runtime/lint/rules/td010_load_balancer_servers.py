from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class LoadBalancerServers(Rule):
    """A load balancer needs servers, each with a name of its own."""

    id = "TD010"
    name = "Servers of a LoadBalancer"
    bad = '<LoadBalancer><Server name="a"/><Server name="a"/></LoadBalancer>'
    good = '<LoadBalancer><Server name="a"/><Server name="b"/></LoadBalancer>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )
    supersedes = (
        "MissingServer",
        "MissingName",
        "DuplicateName",
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        balancer = connection.load_balancer
        if balancer is None:
            return
        servers = balancer.all("Server")
        if not servers:
            cure = 'Add <Server name="a target server"/>.'
            yield Match(balancer, "<LoadBalancer> has no <Server>", cure)
        seen: set[str] = set()
        for server in servers:
            if not server.name:
                cure = 'Write <Server name="a target server"/>.'
                yield Match(server, "<Server> names no target server", cure)
            elif server.name in seen:
                yield Match(
                    server, f"the server {server.name!r} is listed twice", "Keep one; <Weight> gives it more."
                )
            else:
                seen.add(server.name)
