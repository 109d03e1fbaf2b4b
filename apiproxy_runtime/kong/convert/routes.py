"""A proxy endpoint as routes: its flows, route rules and conditions decide which, its steps what plugins they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Placed as Place
from apiproxy_runtime.bundle.model import Bundle, Flow, ProxyEndpoint, RouteRule
from apiproxy_runtime.expression.condition.nodes import Node, Not
from apiproxy_runtime.kong.convert.cells import MOST, Cell, decide, divide, outranks
from apiproxy_runtime.kong.convert.condition import NotRoutable, matchers, read_condition, text_of
from apiproxy_runtime.kong.convert.consumers import groups_for
from apiproxy_runtime.kong.convert.flows import Conditional, Placed, hook, placed, under
from apiproxy_runtime.kong.convert.matcher import Inexpressible, Matcher
from apiproxy_runtime.kong.convert.outcome import Landscape, Row, Verdict

Note = Callable[[Row], None]


class Endpoint(Struct):
    """What the routes of one proxy endpoint are made of."""

    bundle: Bundle
    proxy: ProxyEndpoint
    landscape: Landscape
    note: Note
    undivided: set[str] = field(default_factory=set)

    def cells(self) -> list[Cell]:
        """The parts of the endpoint's traffic, in the order in which they must be tried."""
        cells = [cell for part in self._flows() for cell in self._rules(part)]
        done: list[Cell] = []
        while cells:
            cell = cells.pop(0)
            parts = self._divided(cell) if len(cells) + len(done) < MOST else None
            if parts is None:
                done.append(cell)
            else:
                cells[:0] = parts
        for index, later in enumerate(done):
            for earlier in done[:index]:
                if outranks(later, earlier):
                    self._row(
                        "order",
                        f"{_label(later)} before {_label(earlier)}",
                        later.flow.node if later.flow is not None else self.proxy.node,
                        "Kong tries routes with more headers first, Apigee in the order of the file",
                    )
        return done

    def _row(self, kind: str, name: str, place: Place, reason: str, lost: tuple[str, ...] = ()) -> None:
        verdict: Verdict = "manual" if lost else "partial"
        self.note(Row(kind, name, "", place, verdict, reason, (), lost, proxy=self.bundle.name))

    def _flows(self) -> list[Cell]:
        base = self.proxy.base_path
        cells: list[Cell] = []
        unasked: tuple[Flow, ...] = ()
        for flow in self.proxy.flows:
            condition = flow.condition
            if condition is None or not condition.text:
                cells.append(Cell(Matcher(), flow, label=(flow.name,), unasked=unasked))
                return cells
            node = read_condition(condition.text)
            try:
                if node is None:
                    raise NotRoutable(condition.text)
                found = matchers(node, base)
            except NotRoutable as why:
                self._row(
                    "flow",
                    flow.name,
                    condition.node,
                    f"no route can ask: {why}",
                    (f"the flow {flow.name} runs if {condition.text}: no route can ask {why}",)
                    if flow.request or flow.response
                    else (),
                )
                unasked = (*unasked, flow)
                continue
            facts = {text_of(node): True} if node is not None else {}
            cells += [
                Cell(matcher, flow, label=(flow.name,), facts=facts, unasked=unasked) for matcher in found
            ]
        return [*cells, Cell(Matcher(), unasked=unasked)]

    def _rules(self, cell: Cell) -> Iterator[Cell]:
        """The cell divided by the route rules; without any that fits it keeps none."""
        waiting = [cell]
        for rule in self.proxy.route_rules:
            node = read_condition(rule.condition.text) if rule.condition is not None else None
            after: list[Cell] = []
            for part in waiting:
                chosen, rest = self._by_rule(part, rule, node)
                yield from chosen
                after += rest
            waiting = after
            if not waiting:
                return
        yield from waiting

    def _by_rule(self, cell: Cell, rule: RouteRule, node: Node | None) -> tuple[list[Cell], list[Cell]]:
        taken = replace(cell, rule=rule)
        if rule.condition is None or not rule.condition.text:
            return [taken], []
        known = decide(node, cell, self.proxy.base_path) if node is not None else None
        if known is not None:
            return ([taken], []) if known else ([], [cell])
        try:
            if node is None:
                raise NotRoutable(rule.condition.text)
            parts = divide(cell, node, self.proxy.base_path, rule.name)
        except (NotRoutable, Inexpressible):
            self._row(
                "route rule",
                rule.name,
                rule.condition.node,
                f"no route can ask: {rule.condition.text}",
                (f"the route rule {rule.name} applies if {rule.condition.text}: nothing is sent its way",),
            )
            return [], [cell]
        key = text_of(node)
        return (
            [replace(part, rule=rule) for part in parts if part.facts[key]],
            [part for part in parts if not part.facts[key]],
        )

    def _divided(self, cell: Cell) -> list[Cell] | None:
        """The cell in parts, by the first condition that is undecided and that a route can ask."""
        for node, label in self._questions(cell):
            key = text_of(node)
            if key in self.undivided or decide(node, cell, self.proxy.base_path) is not None:
                continue
            try:
                parts = divide(cell, node, self.proxy.base_path, label)
            except (NotRoutable, Inexpressible):
                self.undivided.add(key)
                continue
            if len(parts) > 1 or (parts and parts[0].matcher != cell.matcher):
                return parts
        return None

    def _questions(self, cell: Cell) -> Iterator[tuple[Node, str]]:
        keyed = False
        for step in self.steps(cell):
            for conditional in step.under:
                if conditional.node is not None:
                    yield conditional.node, step.step.policy
            if step.policy is not None and step.policy.element == "VerifyAPIKey" and step.policy.enabled:
                keyed = True
        if keyed:
            for _, resource, methods in groups_for(self.landscape, self.bundle.name):
                node = operation(resource, methods)
                if node is not None:
                    yield node, "operation"

    def groups(self, cell: Cell) -> tuple[list[str], list[str]]:
        """The products that cover the cell, and those of which only time will tell."""
        sure: dict[str, None] = {}
        unsure: dict[str, None] = {}
        for name, resource, methods in groups_for(self.landscape, self.bundle.name):
            holds = decide(operation(resource, methods), cell, self.proxy.base_path)
            if holds:
                sure[name] = None
            elif holds is None:
                unsure[name] = None
        return list(sure), [name for name in unsure if name not in sure]

    def steps(self, cell: Cell) -> list[Placed]:
        """The steps that may run for the cell, in the order of the request, then of the response."""
        proxy, landscape = self.proxy, self.landscape
        target = self.bundle.targets.get(cell.rule.target_endpoint or "") if cell.rule is not None else None
        own = [cell.flow] if cell.flow is not None else []
        found: list[Placed] = [*hook("PreProxyFlowHook", "request", landscape)]
        found += placed(proxy.pre_flow.request, self.bundle, "request", landscape)
        for flow in cell.unasked:
            found += placed(flow.request, self.bundle, "request", landscape, under((), flow.condition))
        for flow in (*own, proxy.post_flow):
            found += placed(flow.request, self.bundle, "request", landscape)
        if cell.rule is None or cell.rule.target_endpoint or cell.rule.url:
            found += hook("PreTargetFlowHook", "request", landscape)
        if target is not None:
            found += placed(target.pre_flow.request, self.bundle, "request", landscape)
            for flow, conditions in _first_match(target.flows):
                found += placed(flow.request, self.bundle, "request", landscape, conditions)
            found += placed(target.post_flow.request, self.bundle, "request", landscape)
            found += placed(target.pre_flow.response, self.bundle, "response", landscape)
            for flow, conditions in _first_match(target.flows):
                found += placed(flow.response, self.bundle, "response", landscape, conditions)
            found += placed(target.post_flow.response, self.bundle, "response", landscape)
        found += hook("PostTargetFlowHook", "response", landscape)
        found += placed(proxy.pre_flow.response, self.bundle, "response", landscape)
        for flow in cell.unasked:
            found += placed(flow.response, self.bundle, "response", landscape, under((), flow.condition))
        for flow in (*own, proxy.post_flow):
            found += placed(flow.response, self.bundle, "response", landscape)
        found += hook("PostProxyFlowHook", "response", landscape)
        if proxy.post_client_flow is not None:
            found += placed(proxy.post_client_flow.response, self.bundle, "client", landscape)
        return found


def _first_match(flows: tuple[Flow, ...]) -> Iterator[tuple[Flow, tuple[Conditional, ...]]]:
    """Flows of which only the first that fits runs: each stands under its own condition and against those before."""
    before: tuple[Conditional, ...] = ()
    for flow in flows:
        if flow.condition is None or not flow.condition.text:
            yield flow, before
            return
        node = read_condition(flow.condition.text)
        yield flow, (*before, Conditional(node, flow.condition))
        if node is not None:
            before = (*before, Conditional(Not(node, 0), flow.condition))


def operation(resource: str, methods: tuple[str, ...]) -> Node | None:
    """An operation of a product as a condition; None covers everything."""
    path = resource if resource.startswith("/") else f"/{resource}"
    parts = []
    if path != "/":
        parts.append(
            f'(proxy.pathsuffix MatchesPath "{path}" or proxy.pathsuffix MatchesPath "{path.rstrip("/")}/")'
        )
    if methods:
        parts.append("(" + " or ".join(f'request.verb = "{method}"' for method in methods) + ")")
    return read_condition(" and ".join(parts)) if parts else None


def _label(cell: Cell) -> str:
    return "-".join(cell.label) or "the rest"
