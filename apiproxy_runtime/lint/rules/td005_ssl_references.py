from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class SslReferences(Rule):
    """A key store or trust store that is named directly cannot be replaced without a deploy when a certificate expires.

    A reference can. A name that holds a variable is let pass, since the variable may hold a reference.
    """

    id = "TD005"
    name = "References to key stores"
    bad = "<TrustStore>backend-2024</TrustStore>"
    good = "<TrustStore>ref://backend</TrustStore>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        ssl_info = connection.ssl_info
        if ssl_info is None:
            return
        for tag in ("TrustStore", "KeyStore"):
            stores = ssl_info.all(tag)
            for extra in stores[1:]:
                yield Match(extra, f"there is more than one <{tag}>", "Keep one.")
            for store in stores[:1]:
                text = store.text.strip()
                if text and not text.startswith(("ref://", "{")):
                    cure = "Define a reference in each environment and name it: ref://NAME."
                    yield Match(store, f"<{tag}> names {text!r} directly", cure)
