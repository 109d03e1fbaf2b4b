from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class TrustStore(Rule):
    """Without a trust store the target's certificate is not compared with the ones that are expected."""

    id = "TD007"
    name = "TrustStore of SSLInfo"
    cure = "Add one <TrustStore>ref://NAME</TrustStore>."
    bad = "<URL>https://a.example.com</URL><SSLInfo><Enabled>true</Enabled></SSLInfo>"
    good = "<URL>https://a.example.com</URL><SSLInfo><Enabled>true</Enabled><TrustStore>ref://a</TrustStore></SSLInfo>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        if connection.is_https and len(connection.urls) == 1 and connection.ssl_infos:
            stores = [store for ssl_info in connection.ssl_infos for store in ssl_info.all("TrustStore")]
            if len(stores) != 1 or not stores[0].text.strip():
                yield Match(connection.ssl_infos[0], "<SSLInfo> does not say which certificates are trusted")
