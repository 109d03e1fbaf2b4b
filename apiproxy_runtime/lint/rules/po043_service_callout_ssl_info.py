from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.children import unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_SSL_INFO = (
    "Ciphers",
    "ClientAuthEnabled",
    "CommonName",
    "Enabled",
    "Enforce",
    "IgnoreValidationErrors",
    "KeyAlias",
    "KeyStore",
    "Protocols",
    "TrustStore",
)


class ServiceCalloutSslInfo(Rule):
    """A misspelt element in SSLInfo is ignored, and the callout is less safe than it reads."""

    id = "PO043"
    name = "SSLInfo of a ServiceCallout"
    severity = "error"
    elements = ("ServiceCallout",)
    bad = "<SSLInfo><IgnoreValidationError>false</IgnoreValidationError></SSLInfo>"
    good = "<SSLInfo><Enabled>true</Enabled><Enforce>true</Enforce></SSLInfo>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/service-callout-policy"
    supersedes = ("UnknownElement",)

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for connection in policy.node.all("HTTPTargetConnection"):
            for ssl_info in connection.all("SSLInfo"):
                yield from unknown_children(ssl_info, _SSL_INFO)
