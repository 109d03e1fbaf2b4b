from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class SslInfoBesideLoadBalancer(Rule):
    """With a load balancer, TLS is configured in the target servers; an SSLInfo beside it is easily taken for theirs."""

    id = "TD006"
    name = "SSLInfo beside LoadBalancer"
    cure = "Configure TLS in the target servers."
    bad = '<LoadBalancer><Server name="a"/></LoadBalancer><SSLInfo><Enabled>true</Enabled></SSLInfo>'
    good = '<LoadBalancer><Server name="a"/></LoadBalancer>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        if connection.load_balancer is not None and connection.ssl_infos:
            yield Match(connection.ssl_infos[0], "<SSLInfo> stands beside a <LoadBalancer>")
