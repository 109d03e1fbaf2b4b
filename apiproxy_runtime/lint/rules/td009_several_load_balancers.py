from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class SeveralLoadBalancers(Rule):
    """Only the first load balancer of a connection is used."""

    id = "TD009"
    name = "Several LoadBalancers"
    cure = "Put all servers into one."
    bad = '<LoadBalancer><Server name="a"/></LoadBalancer><LoadBalancer><Server name="b"/></LoadBalancer>'
    good = '<LoadBalancer><Server name="a"/><Server name="b"/></LoadBalancer>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )
    supersedes = ("DuplicateElement",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        for extra in connection.load_balancers[1:]:
            yield Match(extra, "there is more than one <LoadBalancer>")
