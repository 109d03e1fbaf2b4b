from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class VirtualHost(Rule):
    """Apigee X knows no virtual hosts: environment groups have taken their place.

    A proxy endpoint has exactly one <HTTPProxyConnection>; that is told on Edge too.
    """

    id = "PD005"
    name = "Unnecessary VirtualHost"
    bad = (
        "<HTTPProxyConnection><BasePath>/a</BasePath><VirtualHost>secure</VirtualHost></HTTPProxyConnection>"
    )
    good = "<HTTPProxyConnection><BasePath>/a</BasePath></HTTPProxyConnection>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/environmentgroups-overview"

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connections = endpoint.node.all("HTTPProxyConnection")
        if not connections:
            yield Match(
                endpoint.node,
                "the proxy endpoint has no <HTTPProxyConnection>",
                "Add one with the <BasePath> that the proxy is for.",
            )
        for extra in connections[1:]:
            yield Match(extra, "there is more than one <HTTPProxyConnection>", "Keep one.")
        if len(connections) == 1 and bundle.profile == "apigeex":
            for host in connections[0].all("VirtualHost"):
                yield Match(host, "<VirtualHost> has no meaning on Apigee X", "Remove it.")
