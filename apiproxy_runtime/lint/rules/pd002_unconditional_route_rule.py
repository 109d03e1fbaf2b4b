from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class UnconditionalRouteRule(Rule):
    """A proxy endpoint needs one route rule without condition, for the requests that no other one takes.

    With none at all nothing is routed; with two, the second one is never asked.
    """

    id = "PD002"
    name = "Unconditional route rule"
    severity = "error"
    bad = '<RouteRule name="a">…</RouteRule> <RouteRule name="b">…</RouteRule>'
    good = """<RouteRule name="a"><Condition>request.verb = "GET"</Condition>…</RouteRule>
  <RouteRule name="b">…</RouteRule>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/understanding-routes"

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        rules = endpoint.route_rules
        unconditional = [rule for rule in rules if not rule.conditional]
        if not rules:
            yield Match(
                endpoint.node,
                "the proxy endpoint has no <RouteRule>",
                "Add one; an empty one is a null route, for a proxy that answers by itself.",
            )
        elif not unconditional:
            yield Match(
                endpoint.node,
                "every <RouteRule> has a condition, so some requests may have no route",
                "Add one without condition, as the last.",
                severity="warning",
            )
        for rule in unconditional[1:]:
            yield Match(
                rule.node,
                f"the route rule {rule.name!r} has no condition, as {unconditional[0].name!r} before it",
                "Give one of the two a condition: only the first is ever used.",
            )

    def on_shared_flow(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        for rule in endpoint.route_rules:
            yield Match(
                rule.node, "a shared flow routes nothing", "Remove the <RouteRule>.", severity="warning"
            )
