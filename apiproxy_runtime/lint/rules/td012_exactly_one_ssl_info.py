from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class ExactlyOneSslInfo(Rule):
    """An https URL needs one SSLInfo, since without it certificates are not checked; an http URL needs none.

    A URL that begins with a variable may be either, and is let pass.
    """

    id = "TD012"
    name = "Exactly one SSLInfo"
    bad = "<HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection>"
    good = "<HTTPTargetConnection><URL>https://a.example.com</URL><SSLInfo>…</SSLInfo></HTTPTargetConnection>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )
    supersedes = ("DuplicateElement",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        ssl_infos = connection.ssl_infos
        if len(connection.urls) == 1 and connection.is_https and not ssl_infos:
            cure = "Add <SSLInfo><Enabled>true</Enabled><Enforce>true</Enforce>…</SSLInfo>."
            yield Match(connection.node, "the https target has no <SSLInfo>", cure)
        elif len(connection.urls) == 1 and connection.is_http and ssl_infos:
            yield Match(ssl_infos[0], "<SSLInfo> beside an http URL", "Write https, or remove <SSLInfo>.")
        elif len(connection.urls) == 1 or connection.load_balancer is not None:
            for extra in ssl_infos[1:]:
                yield Match(extra, "there is more than one <SSLInfo>", "Keep one.")
