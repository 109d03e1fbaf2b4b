from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.endpointname import name_matches
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class ProxyEndpointName(Rule):
    """A proxy endpoint or shared flow should be called as its file is, so that it is found again.

    A missing name is mended with --fix. Another one is not, since a LocalTargetConnection may name it.
    """

    id = "PD004"
    name = "Proxy endpoint name"
    severity = "error"
    bad = '<ProxyEndpoint name="main">  <!-- in default.xml -->'
    good = '<ProxyEndpoint name="default">  <!-- in default.xml -->'
    fixable = True
    supersedes = ("MissingName",)

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        yield from name_matches(endpoint)

    def on_shared_flow(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        yield from name_matches(endpoint)
