from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class ManagementServer(Rule):
    """A proxy in front of Apigee's own management API opens it to whoever calls the proxy."""

    id = "TD001"
    name = "Management server as target"
    severity = "error"
    cure = "Administer Apigee from outside of proxies."
    bad = "<URL>https://api.enterprise.apigee.com/v1/organizations/acme</URL>"
    good = "<URL>https://orders.example.com</URL>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        for url in connection.urls:
            if any(part in url.text for part in ("/v1/organizations/", "enterprise.apigee.com")):
                yield Match(url, "the target is Apigee's management API")
