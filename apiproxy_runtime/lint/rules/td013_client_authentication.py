from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of, says_true
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class ClientAuthentication(Rule):
    """A client certificate is sent when ClientAuthEnabled says so, and a key store and a key alias say which."""

    id = "TD013"
    name = "ClientAuthEnabled"
    bad = "<SSLInfo><Enabled>true</Enabled><ClientAuthEnabled>true</ClientAuthEnabled></SSLInfo>"
    good = "<SSLInfo><Enabled>true</Enabled><ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://a</KeyStore><KeyAlias>b</KeyAlias></SSLInfo>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        ssl_info = connection.ssl_info
        if (
            ssl_info is None
            or connection.load_balancers
            or len(connection.urls) != 1
            or not connection.is_https
        ):
            return
        store, alias = (ssl_info.child_text(tag, "") for tag in ("KeyStore", "KeyAlias"))
        if says_true(ssl_info, "ClientAuthEnabled"):
            if not (store and alias):
                cure = "Add <KeyStore>ref://NAME</KeyStore> and <KeyAlias>NAME</KeyAlias>."
                yield Match(connection.node, "client authentication is on, but there is no key to use", cure)
        elif store or alias:
            cure = "Write <ClientAuthEnabled>true</ClientAuthEnabled>, or remove the key."
            yield Match(connection.node, "there is a key, but client authentication is off", cure)
