from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import XmlError
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class UnreferencedTarget(Rule):
    """A target endpoint that no route rule names is never called.

    Nothing is told while a proxy endpoint cannot be read, since it may name the target.
    """

    id = "BN012"
    name = "Unreferenced target"
    cure = "Add a <RouteRule> that names it, or remove the file."
    bad = "apiproxy/targets/old.xml, while no <RouteRule> has <TargetEndpoint>old</TargetEndpoint>"
    good = '<RouteRule name="old"><TargetEndpoint>old</TargetEndpoint></RouteRule>'

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        routed = bundle.table(_routed)
        if routed is not None and (endpoint.name or endpoint.stem) not in routed:
            yield Match(endpoint.node, f"no route rule names the target {endpoint.name or endpoint.stem!r}")


def _routed(bundle: LintBundle) -> frozenset[str] | None:
    """The targets that route rules name; None if some cannot be read."""
    if any(isinstance(bundle.xml(file), XmlError) for file in bundle.in_folder("proxies")):
        return None
    return frozenset(
        rule.target for proxy in bundle.proxies for rule in proxy.route_rules if rule.target is not None
    )
