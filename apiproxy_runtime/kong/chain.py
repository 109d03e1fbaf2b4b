"""Which plugins run on a request, and in which order: compiled when a configuration is deployed.

Of each plugin at most one instance runs, the most specific one that fits; configs are never merged. The order is
that of the plugins' priorities. Since only an authentication plugin tells the consumer, instances bound to consumers
are chosen while access runs. Source: plugins reference, "Precedence" and "Plugin execution order".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.condition import compile_condition
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Configuration, Instance, Route
from apiproxy_runtime.kong.plugin import Handler, Phases, order
from apiproxy_runtime.kong.site import KongServices, KongSite
from apiproxy_runtime.program.step import Step, StepFunction


class Run:
    """A compiled instance: a step for each phase in which it does something."""

    __slots__ = (
        "access",
        "body_filter",
        "condition",
        "gate",
        "header_filter",
        "instance",
        "log",
        "name",
        "phases",
    )

    def __init__(self, instance: Instance, phases: Phases) -> None:
        self.instance = instance
        self.name = instance.plugin.name
        self.phases = phases
        self.condition = compile_condition(instance.condition) if instance.condition else None
        self.access = _step(instance, phases.access)
        #: what observers are told of when the condition is asked
        self.gate = self.access or _made(instance, _nothing)
        self.header_filter = _step(instance, phases.header_filter)
        self.body_filter = _step(instance, phases.body_filter)
        self.log = _step(instance, phases.log)


def _nothing(ctx: KongContext) -> None:
    """What a plugin without access handler does there."""


def _step(instance: Instance, handler: Handler | None) -> Step | None:
    return _made(instance, handler) if handler is not None else None


def _made(instance: Instance, handler: Handler) -> Step:
    return Step(
        cast(StepFunction, handler),
        instance.title,
        instance.plugin.name,
        file=instance.place.file,
        line=instance.place.line,
        condition_text=instance.condition,
    )


#: What instances may be bound to (`c`onsumer, consumer `g`roup, `r`oute, `s`ervice), the most specific first.
_PRECEDENCE = ("crs", "grs", "cr", "cs", "gr", "gs", "rs", "c", "g", "r", "s", "")


def level(instance: Instance) -> int:
    """How specific an instance is; the lowest wins."""
    bound = ""
    if instance.consumer is not None:
        bound = "c"
    elif instance.consumer_group is not None:
        bound = "g"
    bound += "r" * (instance.route is not None) + "s" * (instance.service is not None)
    return _PRECEDENCE.index(bound)


class Slot:
    """One plugin on one route: its instance, and those for consumers and consumer groups, with their levels."""

    __slots__ = ("by_consumer", "by_group", "level", "name", "run")

    def __init__(self, name: str) -> None:
        self.name = name
        self.run: Run | None = None
        self.level = len(_PRECEDENCE)
        self.by_consumer: dict[str, tuple[int, Run]] = {}
        self.by_group: dict[str, tuple[int, Run]] = {}

    def add(self, run: Run) -> None:
        """Take an instance in, unless a more specific one for the same callers is here."""
        instance, rank = run.instance, level(run.instance)
        if instance.consumer is not None:
            known = self.by_consumer.get(instance.consumer.id)
            if known is None or rank < known[0]:
                self.by_consumer[instance.consumer.id] = (rank, run)
        elif instance.consumer_group is not None:
            known = self.by_group.get(instance.consumer_group)
            if known is None or rank < known[0]:
                self.by_group[instance.consumer_group] = (rank, run)
        elif rank < self.level:
            self.run, self.level = run, rank

    @property
    def conditional(self) -> bool:
        return self.run is not None and self.run.condition is not None

    def choose(self, ctx: KongContext) -> Run | None:
        """The instance for a request as far as it has come."""
        consumer = ctx.consumer
        if consumer is None:
            return self.run
        best, found = self.level, self.run
        candidates = [self.by_consumer.get(consumer.id), *map(self.by_group.get, consumer.groups)]
        for candidate in candidates:
            if candidate is not None and candidate[0] < best:
                best, found = candidate
        return found


class Collected:
    """The plugins that run on one request, or on every request of a route, by phase."""

    __slots__ = ("access", "body_filter", "header_filter", "log", "reads_body")

    def __init__(self, runs: Iterable[Run]) -> None:
        runs = tuple(runs)
        self.access = tuple(run.access for run in runs if run.access is not None)
        self.header_filter = tuple(run.header_filter for run in runs if run.header_filter is not None)
        self.body_filter = tuple(run.body_filter for run in runs if run.body_filter is not None)
        self.log = tuple(run.log for run in runs if run.log is not None)
        self.reads_body = any(run.phases.reads_body for run in runs)


class Chain:
    """The plugins of a route. `fixed` holds them when no instance depends on the consumer."""

    __slots__ = ("fixed", "reads_body", "slots")

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots
        dynamic = any(slot.by_consumer or slot.by_group or slot.conditional for slot in slots)
        self.fixed = None if dynamic else Collected(slot.run for slot in slots if slot.run is not None)
        every = [slot.run for slot in slots if slot.run is not None]
        for slot in slots:
            every += [run for _, run in (*slot.by_consumer.values(), *slot.by_group.values())]
        self.reads_body = any(run.phases.reads_body for run in every)


class Chains:
    """Compiles the chains of a configuration."""

    def __init__(self, configuration: Configuration, services: KongServices, findings: Findings) -> None:
        self.findings = findings
        live = [instance for instance in configuration.plugins if instance.enabled]
        live.sort(key=lambda instance: order(instance.plugin), reverse=True)
        self.runs = [
            Run(
                instance,
                instance.plugin.compile(instance.config, KongSite(instance, configuration, services)),
            )
            for instance in live
        ]
        everywhere = [run for run in self.runs if run.instance.is_global]
        #: whose filters and logs run on requests that no route takes
        self.unrouted = Collected(everywhere)

    def of(self, route: Route) -> Chain:
        """The chain of a route."""
        slots: dict[str, Slot] = {}
        for run in self.runs:
            if _fits(run.instance, route):
                slots.setdefault(run.name, Slot(run.name)).add(run)
        return Chain(_ordered(tuple(slots.values())))


def _fits(instance: Instance, route: Route) -> bool:
    if instance.route is not None and instance.route is not route:
        return False
    if instance.service is not None and instance.service is not route.service:
        return False
    return bool(set(instance.protocols) & set(route.protocols))


def _ordered(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Slots after the `ordering` of their instances: `before.access` and `after.access` name other plugins.

    A slot moves just far enough. Source: plugins reference, "Dynamic plugin ordering" (Enterprise).
    """
    result = list(slots)
    for slot in slots:
        if slot.run is None or not slot.run.instance.ordering:
            continue
        ordering = slot.run.instance.ordering
        names = [each.name for each in result]
        here = result.index(slot)
        before = [names.index(name) for name in ordering.get("before", ()) if name in names]
        after = [names.index(name) for name in ordering.get("after", ()) if name in names]
        if before and min(before) < here:
            result.insert(min(before), result.pop(here))
        elif after and max(after) > here:
            result.insert(max(after), result.pop(here))
    return tuple(result)
