"""What traffic reached of a program: flows, policies, both sides of conditions, routes, fault rules.

What no case reached is unproven: no difference there can have been seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from apiproxy_runtime.message.context import PROXY_REQUEST, PROXY_RESPONSE, TARGET_REQUEST, TARGET_RESPONSE
from apiproxy_runtime.program.program import (
    EndpointProgram,
    FaultRules,
    ProxyProgram,
    Segment,
    SharedFlowProgram,
    Steps,
)
from apiproxy_runtime.rehearsal.observer import Key
from apiproxy_runtime.rehearsal.side import Branch, Reached


def reached_of(
    proxies: Iterable[ProxyProgram], shared_flows: Mapping[str, SharedFlowProgram], passed: Mapping[Key, int]
) -> Reached:
    """Every branch of the programs, with how often it was passed."""
    reached = Reached()
    branches = reached.branches

    def add(branch: Branch, times: int) -> None:
        branches[branch] = branches.get(branch, 0) + times

    def steps(found: Steps) -> None:
        for step in found:
            if not step.enabled:
                continue
            add(Branch("policy", step.policy, "run", step.file), 0)
            branches[Branch("policy", step.policy, "run", step.file)] = passed.get(
                ("policy", step.policy, "run"), 0
            )
            if step.condition is not None:
                text = " ".join(step.condition_text.split())
                for holds in (True, False):
                    times = passed.get(("condition", step, holds), 0)
                    add(Branch("condition", f"{step.policy}: {text}", str(holds).lower(), step.file), times)

    def segment(found: Segment, place: str, phase: str) -> None:
        steps(found.pre)
        runs = passed.get(("flow", (place, phase, "none"), "run"), 0)
        runs += sum(passed.get(("flow", (place, phase, flow.name), "run"), 0) for flow in found.flows)
        before = 0
        for flow in found.flows:
            times = passed.get(("flow", (place, phase, flow.name), "run"), 0)
            before += times
            name = f"{place} {flow.name}"
            add(Branch("flow", f"{name} ({_direction(phase)})", "run"), times)
            if flow.condition is not None and phase == PROXY_REQUEST:
                add(Branch("flow condition", name, "false"), max(runs - before, 0))
            steps(flow.steps)
        steps(found.post)

    def fault_rules(rules: FaultRules, place: str) -> None:
        for rule in (*rules.rules, *((rules.default,) if rules.default is not None else ())):
            add(
                Branch("fault rule", f"{place} {rule.name}", "run"),
                passed.get(("fault rule", rule.name, "run"), 0),
            )
            steps(rule.steps)

    for proxy in proxies:
        name = proxy.bundle.name
        for endpoint in proxy.endpoints:
            place = f"{name}/{endpoint.name}"
            segment(endpoint.request, place, PROXY_REQUEST)
            segment(endpoint.response, place, PROXY_RESPONSE)
            steps(endpoint.post_client)
            fault_rules(endpoint.fault_rules, place)
            for route in endpoint.routes:
                add(
                    Branch("route", f"{place} {route.name}", "run"),
                    passed.get(("route", (place, route.name), "run"), 0),
                )
            for target_name, target in _targets(endpoint):
                there = f"{name}/{target_name}"
                segment(target[0], there, TARGET_REQUEST)
                segment(target[1], there, TARGET_RESPONSE)
                fault_rules(target[2], there)
    for flow in shared_flows.values():
        steps(flow.steps)
    return reached


def _targets(endpoint: EndpointProgram) -> Iterator[tuple[str, tuple[Segment, Segment, FaultRules]]]:
    seen = set()
    for route in endpoint.routes:
        target = route.target
        if target is not None and target.endpoint and target.name not in seen:
            seen.add(target.name)
            yield target.name, (target.request, target.response, target.fault_rules)


def _direction(phase: str) -> str:
    return "request" if phase in (PROXY_REQUEST, TARGET_REQUEST) else "response"
