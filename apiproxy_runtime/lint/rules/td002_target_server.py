from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class TargetServer(Rule):
    """A URL in the bundle needs another bundle for each environment; a target server does not.

    Proxies of Edge Microgateway (`edgemicro_…`) have no target servers, and are let pass.
    """

    id = "TD002"
    name = "URL instead of a target server"
    cure = 'Define a target server in each environment, and name it: <LoadBalancer><Server name="…"/></LoadBalancer>.'
    bad = "<HTTPTargetConnection><URL>https://orders.example.com</URL></HTTPTargetConnection>"
    good = '<HTTPTargetConnection><LoadBalancer><Server name="orders"/></LoadBalancer></HTTPTargetConnection>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        if connection.url and not bundle.name.startswith("edgemicro_"):
            yield Match(connection.urls[0], f"the target's address is in the bundle: {connection.url}")
