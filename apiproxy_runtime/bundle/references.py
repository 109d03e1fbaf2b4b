"""Names in a bundle that must lead somewhere: steps to policies, route rules to endpoints, names to one thing only."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, FaultRule, Flow, ProxyEndpoint, StepRef, TargetEndpoint


def steps_of(endpoint: ProxyEndpoint | TargetEndpoint) -> Iterator[StepRef]:
    """Every step of an endpoint: flows in order of execution, then fault rules."""
    last = endpoint.post_client_flow if isinstance(endpoint, ProxyEndpoint) else endpoint.event_flow
    flows: list[Flow | None] = [endpoint.pre_flow, *endpoint.flows, endpoint.post_flow, last]
    for flow in flows:
        if flow is not None:
            yield from flow.request
            yield from flow.response
    rules: list[FaultRule | None] = [*endpoint.fault_rules, endpoint.default_fault_rule]
    for rule in rules:
        if rule is not None:
            yield from rule.steps


def all_steps(bundle: Bundle) -> Iterator[StepRef]:
    """Every step of a bundle, whichever flow or rule it stands in."""
    for proxy in bundle.proxies:
        yield from steps_of(proxy)
    for target in bundle.targets.values():
        yield from steps_of(target)
    for shared_flow in bundle.shared_flows:
        yield from shared_flow.steps


def check_references(bundle: Bundle, findings: Findings) -> None:
    """Add an error for each step, route rule or base path that cannot be resolved within the bundle."""
    for step in all_steps(bundle):
        if step.policy not in bundle.policies:
            findings.error(
                step.node,
                "UnknownPolicy",
                f"the step names the policy {step.policy!r}, which the bundle does not hold",
                suggestion(step.policy, bundle.policies),
            )
    for proxy in bundle.proxies:
        for rule in proxy.route_rules:
            if rule.target_endpoint is not None and rule.target_endpoint not in bundle.targets:
                findings.error(
                    rule.node,
                    "UnknownTargetEndpoint",
                    f"the route rule {rule.name!r} names the target {rule.target_endpoint!r}, "
                    "which the bundle does not hold",
                    suggestion(rule.target_endpoint, bundle.targets),
                )
            name = rule.integration_endpoint
            if name is not None and name not in bundle.integration_endpoints:
                findings.error(
                    rule.node,
                    "UnknownIntegrationEndpoint",
                    f"the route rule {rule.name!r} names the integration {name!r}, which the bundle does not hold",
                    suggestion(name, bundle.integration_endpoints),
                )
    _check_base_paths(bundle, findings)


def _check_base_paths(bundle: Bundle, findings: Findings) -> None:
    seen: dict[str, ProxyEndpoint] = {}
    for proxy in bundle.proxies:
        first = seen.setdefault(proxy.base_path, proxy)
        if first is not proxy:
            findings.error(
                proxy.node,
                "BasePathConflict",
                f"{first.node.file} and this file have the same base path {proxy.base_path}",
                "A base path belongs to one endpoint.",
            )
