from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class EmptyUrl(Rule):
    """An empty URL is refused."""

    id = "TD017"
    name = "Empty URL"
    severity = "error"
    cure = "Write the target's address, or use a <LoadBalancer>."
    bad = "<HTTPTargetConnection><URL/></HTTPTargetConnection>"
    good = "<HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference"
    )
    supersedes = ("ConnectionInfoMissing",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        if len(connection.urls) == 1 and not connection.url:
            yield Match(connection.urls[0], "<URL> is empty")
