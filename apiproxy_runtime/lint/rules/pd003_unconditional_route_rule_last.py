from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class UnconditionalRouteRuleLast(Rule):
    """A route rule without condition takes every request, so those after it are never asked."""

    id = "PD003"
    name = "Unconditional route rule goes last"
    severity = "error"
    cure = "Make it the last one."
    bad = """<RouteRule name="all">…</RouteRule>
  <RouteRule name="get"><Condition>request.verb = "GET"</Condition>…</RouteRule>"""
    good = """<RouteRule name="get"><Condition>request.verb = "GET"</Condition>…</RouteRule>
  <RouteRule name="all">…</RouteRule>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/understanding-routes"

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        unconditional = [rule for rule in endpoint.route_rules if not rule.conditional]
        if unconditional and unconditional[-1] is not endpoint.route_rules[-1]:
            rule = unconditional[-1]
            yield Match(
                rule.node, f"no route rule after {rule.name!r}, which has no condition, is ever asked"
            )
