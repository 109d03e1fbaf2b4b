from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class UrlOrLoadBalancer(Rule):
    """A connection says once where the target is: by a URL, or by a load balancer."""

    id = "TD014"
    name = "Exactly one of URL and LoadBalancer"
    bad = '<URL>https://a.example.com</URL><LoadBalancer><Server name="a"/></LoadBalancer>'
    good = '<LoadBalancer><Server name="a"/></LoadBalancer>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )
    supersedes = ("ConnectionInfoMissing",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        urls, balancers = len(connection.urls), len(connection.load_balancers)
        if not urls and not balancers:
            cure = "Add a <LoadBalancer> or a <URL>."
            yield Match(connection.node, "the connection has neither <URL> nor <LoadBalancer>", cure)
        elif urls + balancers > 1:
            message = f"the connection has {urls} <URL> and {balancers} <LoadBalancer>"
            yield Match(connection.node, message, "Keep one of them.")
