from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of, says_true
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class IgnoreValidationErrors(Rule):
    """With IgnoreValidationErrors any certificate will do, so TLS keeps nobody from standing in between."""

    id = "TD011"
    name = "IgnoreValidationErrors"
    cure = "Remove it, and put the target's certificate into a trust store."
    bad = "<SSLInfo><Enabled>true</Enabled><IgnoreValidationErrors>true</IgnoreValidationErrors></SSLInfo>"
    good = "<SSLInfo><Enabled>true</Enabled><TrustStore>ref://a</TrustStore></SSLInfo>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        ssl_info = connection.ssl_info
        if ssl_info is None or not connection.is_https or len(connection.urls) != 1:
            return
        enabled = ssl_info.child("Enabled") is None or says_true(ssl_info, "Enabled")
        if enabled and says_true(ssl_info, "IgnoreValidationErrors"):
            yield Match(connection.node, "errors of the target's certificate are ignored")
