"""What traffic should reach in a bundle, and which conditions on the way there must hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from apiproxy_runtime.bundle.model import (
    Bundle,
    Condition,
    FaultRule,
    Flow,
    ProxyEndpoint,
    SharedFlow,
    StepRef,
    TargetEndpoint,
)
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.condition.nodes import Node
from apiproxy_runtime.expression.condition.parser import parse

#: As `side.Branch` names it, without the place: (kind, name, way).
Key = tuple[str, str, str]


class Need(Struct, frozen=True):
    """A condition on the way, and how it must come out; `late` when it is asked once the response is there."""

    node: Node | None
    wanted: bool
    text: str
    late: bool = False


class Goal(Struct, frozen=True):
    """One way to a branch. `endpoint` None for what any endpoint may lead to (shared flows).

    faulty   it lies behind a fault
    blocked  the step that always raises a fault before it; empty when none does
    """

    key: Key
    endpoint: ProxyEndpoint | None
    needs: tuple[Need, ...]
    faulty: bool = False
    blocked: str = ""


Path = tuple[Need, ...]


def goals_of(bundles: Iterable[Bundle]) -> Iterator[Goal]:
    """All goals, in the order of the bundle: flows, steps and conditions, routes, targets, fault rules."""
    for bundle in bundles:
        for endpoint in bundle.proxies:
            yield from _Endpoint(bundle, endpoint).goals()
        for flow in bundle.shared_flows:
            yield from _shared(bundle, flow)


def need(condition: Condition | None, wanted: bool, late: bool = False) -> Need:
    """Raises nothing: a condition with a syntax error needs what nobody can give."""
    if condition is None:
        return Need(None, wanted, "no condition", late)
    text = " ".join(condition.text.split())
    try:
        return Need(parse(condition.text), wanted, text, late)
    except ConditionSyntaxError:
        return Need(None, wanted, text, late)


def choices(flows: Sequence[Flow], late: bool = False) -> Iterator[tuple[Flow | None, Path]]:
    """Each conditional flow with what makes it the chosen one; last, None with what chooses none of them."""
    before: list[Need] = []
    for flow in flows:
        if flow.condition is None:
            yield flow, tuple(before)
            return
        yield flow, (*before, need(flow.condition, True, late))
        before.append(need(flow.condition, False, late))
    yield None, tuple(before)


class _Endpoint:
    """The goals of one ProxyEndpoint and of the targets it routes to."""

    def __init__(self, bundle: Bundle, endpoint: ProxyEndpoint) -> None:
        self.bundle, self.endpoint = bundle, endpoint
        self.place = f"{bundle.name}/{endpoint.name}"

    def goals(self) -> Iterator[Goal]:
        endpoint = self.endpoint
        yield from self.segment(endpoint.pre_flow, endpoint.flows, endpoint.post_flow, self.place, ())
        if endpoint.post_client_flow is not None:
            yield from self.steps(endpoint.post_client_flow.response, (), late=True)
        before: list[Need] = []
        seen = set[str]()
        for rule in endpoint.route_rules:
            way = (*before, need(rule.condition, True))
            for path in self.paths():
                yield Goal(("route", f"{self.place} {rule.name}", "run"), endpoint, (*path, *way))
            target = self.bundle.targets.get(rule.target_endpoint or "")
            if target is not None and target.name not in seen:
                seen.add(target.name)
                for path in self.paths():
                    yield from self.target(target, (*path, *way))
            if rule.condition is None:
                break
            before.append(need(rule.condition, False))
        yield from self.faults(endpoint.fault_rules, endpoint.default_fault_rule, self.place)

    def paths(self) -> Iterator[Path]:
        """The ways through the request flows, each past the steps that raise faults."""
        pre = self.past(self.endpoint.pre_flow.request)
        post = self.past(self.endpoint.post_flow.request)
        for flow, way in choices(self.endpoint.flows):
            guard = self.past(flow.request) if flow is not None else ()
            if pre is not None and post is not None and guard is not None:
                yield (*pre, *way, *guard, *post)

    def past(self, steps: Iterable[StepRef]) -> Path | None:
        """What lets a request pass all steps that raise a fault; None when one always does."""
        needs: list[Need] = []
        for step in steps:
            policy = self.bundle.policies.get(step.policy)
            if policy is None or policy.element != "RaiseFault" or not policy.enabled:
                continue
            if step.condition is None:
                return None
            needs.append(need(step.condition, False))
        return tuple(needs)

    def block(self, steps: Iterable[StepRef]) -> str:
        """The policy that raises a fault for every request; empty when none does."""
        for step in steps:
            policy = self.bundle.policies.get(step.policy)
            if (
                policy is not None
                and policy.element == "RaiseFault"
                and policy.enabled
                and step.condition is None
            ):
                return policy.name
        return ""

    def segment(
        self, pre: Flow, flows: tuple[Flow, ...], post: Flow, place: str, way: Path
    ) -> Iterator[Goal]:
        """PreFlow, conditional flows and PostFlow of an endpoint, both directions."""
        before = self.past(pre.request) or ()
        yield from self.steps(pre.request, way)
        late = tuple(choices(flows, late=True))
        for (flow, chosen), (_, chosen_late) in zip(choices(flows), late, strict=True):
            here = (*way, *before, *chosen)
            if flow is None:
                for earlier in flows:
                    yield Goal(("flow condition", f"{place} {earlier.name}", "false"), self.endpoint, here)
                continue
            guard = self.past(flow.request) or ()
            yield Goal(("flow", f"{place} {flow.name} (request)", "run"), self.endpoint, here)
            yield Goal(
                ("flow condition", f"{place} {flow.name}", "false"),
                self.endpoint,
                (*way, *before, need(flow.condition, False)),
            )
            yield from self.steps(flow.request, here)
            back = (*here, *guard)
            blocked = self.block(flow.request)
            key = ("flow", f"{place} {flow.name} (response)", "run")
            yield Goal(key, self.endpoint, back, blocked=blocked)
            yield Goal(key, self.endpoint, (*way, *before, *chosen_late), blocked=blocked)
            yield from self.steps(flow.response, back, late=True, blocked=blocked)
        for path in self.paths() if place == self.place else [way]:
            yield from self.steps(post.request, path)
            yield from self.steps(post.response, path, late=True)
            yield from self.steps(pre.response, path, late=True)

    def steps(
        self, steps: Iterable[StepRef], way: Path, late: bool = False, faulty: bool = False, blocked: str = ""
    ) -> Iterator[Goal]:
        """Each step's run, and both sides of its condition; steps that raise faults must be passed by later ones."""
        passed: list[Need] = []
        for step in steps:
            here = (*way, *passed)
            run = (*here, need(step.condition, True, late))
            yield Goal(("policy", step.policy, "run"), self.endpoint, run, faulty, blocked)
            policy = self.bundle.policies.get(step.policy)
            raises = policy is not None and policy.element == "RaiseFault" and policy.enabled
            if step.condition is not None:
                name = f"{step.policy}: {' '.join(step.condition.text.split())}"
                for wanted in (True, False):
                    key = ("condition", name, str(wanted).lower())
                    asked = (*here, need(step.condition, wanted, late))
                    yield Goal(key, self.endpoint, asked, faulty, blocked)
                if raises:
                    passed.append(need(step.condition, False, late))
            elif raises:
                blocked = blocked or step.policy

    def target(self, target: TargetEndpoint, way: Path) -> Iterator[Goal]:
        place = f"{self.bundle.name}/{target.name}"
        yield from self.segment(target.pre_flow, target.flows, target.post_flow, place, way)
        yield from self.faults(target.fault_rules, target.default_fault_rule, place, way)

    def faults(
        self, rules: tuple[FaultRule, ...], default: FaultRule | None, place: str, way: Path = ()
    ) -> Iterator[Goal]:
        for rule in (*rules, *((default,) if default is not None else ())):
            here = (*way, need(rule.condition, True, late=True))
            name = rule.name or "DefaultFaultRule"
            yield Goal(("fault rule", f"{place} {name}", "run"), self.endpoint, here, faulty=True)
            yield from self.steps(rule.steps, here, late=True, faulty=True)


def _shared(bundle: Bundle, flow: SharedFlow) -> Iterator[Goal]:
    for step in flow.steps:
        yield Goal(("policy", step.policy, "run"), None, (need(step.condition, True),))
        if step.condition is not None:
            name = f"{step.policy}: {' '.join(step.condition.text.split())}"
            for wanted in (True, False):
                yield Goal(("condition", name, str(wanted).lower()), None, (need(step.condition, wanted),))
