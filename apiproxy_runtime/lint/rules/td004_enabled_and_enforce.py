from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of, says_true
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class EnabledAndEnforce(Rule):
    """TLS is on when `Enabled` says so, and on Apigee X it is kept to only when `Enforce` says so.

    Without Enforce, Apigee X passes over an invalid certificate. Edge does not know it. With an http URL both are
    contradictions.
    """

    id = "TD004"
    name = "Enabled and Enforce of SSLInfo"
    bad = "<URL>https://a.example.com</URL><SSLInfo><Enabled>true</Enabled></SSLInfo>"
    good = "<URL>https://a.example.com</URL><SSLInfo><Enabled>true</Enabled><Enforce>true</Enforce></SSLInfo>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        ssl_info = connection.ssl_info
        if ssl_info is None or connection.load_balancers:
            return
        edge = bundle.profile == "apigee"
        enabled, enforced = says_true(ssl_info, "Enabled"), says_true(ssl_info, "Enforce")
        if connection.is_https:
            if not enabled:
                yield Match(
                    connection.node, "TLS is not enabled for an https URL", "Write <Enabled>true</Enabled>."
                )
            if not enforced and not edge:
                yield Match(connection.node, "TLS is not enforced", "Write <Enforce>true</Enforce>.")
            if enforced and edge:
                yield Match(connection.node, "Edge does not know <Enforce>", "Remove it.")
        elif connection.is_http:
            if enabled:
                yield Match(
                    connection.node, "TLS is enabled for an http URL", "Write https, or remove <SSLInfo>."
                )
            if enforced:
                yield Match(
                    connection.node, "TLS is enforced for an http URL", "Write https, or remove <SSLInfo>."
                )
