"""Watching transactions: what is told to whoever listens, and when.

The engine calls an observer only when a transaction has one (`ctx.observer`); a `Watch` decides which have. Programs
tell of variables only when they were compiled to be observed, which `Runtime.watch` sees to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step

#: What a variable held before it was written, where the writer does not know.
UNKNOWN: Any = object()


class Observer(Protocol):
    """Is told what one transaction does, in order."""

    def flow_begins(self, ctx: MessageContext, name: str) -> None: ...

    def condition_begins(self, ctx: MessageContext, step: Step) -> None: ...

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None: ...

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None: ...

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None: ...

    def step_disabled(self, ctx: MessageContext, step: Step) -> None: ...

    def step_begins(self, ctx: MessageContext, step: Step) -> None: ...

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None: ...

    def route_chosen(self, ctx: MessageContext, route: Route) -> None: ...

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None: ...

    def variable_read(self, name: str, value: Any) -> None: ...

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None: ...

    def printed(self, ctx: MessageContext, text: str) -> None: ...

    def call_begins(self, ctx: MessageContext, call: Call) -> None: ...

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None: ...

    def transaction_ends(self, ctx: MessageContext) -> None: ...

    def inner(self, ctx: MessageContext) -> Observer:
        """The observer of a chained proxy's transaction."""
        ...


class Watch(Protocol):
    """Chooses the observer of a transaction; None leaves it unwatched."""

    def observer(self, ctx: MessageContext, exchange: Exchange) -> Observer | None: ...


def observe(ctx: MessageContext, observer: Observer) -> None:
    """Have an observer told what a transaction does from here on."""
    ctx.observer = observer
    ctx.variables = RecordedVariables(ctx.variables, observer)


class RecordedVariables(dict[str, Any]):
    """Flow variables that tell an observer of every write, whoever makes it."""

    __slots__ = ("observer",)

    def __init__(self, held: dict[str, Any], observer: Observer) -> None:
        super().__init__(held)
        self.observer = observer

    def __setitem__(self, name: str, value: Any) -> None:
        before = self.get(name)
        super().__setitem__(name, value)
        self.observer.variable_written(name, value, True, before)

    def __delitem__(self, name: str) -> None:
        before = super().pop(name)
        self.observer.variable_written(name, None, True, before)

    def update(self, *others: Any, **values: Any) -> None:
        for name, value in dict(*others, **values).items():
            self[name] = value

    def pop(self, name: str, *default: Any) -> Any:
        if name in self:
            before = self[name]
            del self[name]
            return before
        return super().pop(name, *default)


class Watches:
    """Several watches at once: a transaction that more than one of them wants has an observer that tells them all."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = tuple(watches)

    def observer(self, ctx: MessageContext, exchange: Exchange) -> Observer | None:
        """None, one watch's own observer, or one that tells several."""
        found = [seen for watch in self.watches if (seen := watch.observer(ctx, exchange)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        return Observers(found)


class Observers:
    """Tells each observer what it is told."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = tuple(observers)

    def flow_begins(self, ctx: MessageContext, name: str) -> None:
        for observer in self.observers:
            observer.flow_begins(ctx, name)

    def condition_begins(self, ctx: MessageContext, step: Step) -> None:
        for observer in self.observers:
            observer.condition_begins(ctx, step)

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None:
        for observer in self.observers:
            observer.condition_ends(ctx, step, holds)

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None:
        for observer in self.observers:
            observer.choice_begins(ctx, choice)

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None:
        for observer in self.observers:
            observer.choice_ends(ctx, choice, holds)

    def step_disabled(self, ctx: MessageContext, step: Step) -> None:
        for observer in self.observers:
            observer.step_disabled(ctx, step)

    def step_begins(self, ctx: MessageContext, step: Step) -> None:
        for observer in self.observers:
            observer.step_begins(ctx, step)

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None:
        for observer in self.observers:
            observer.step_ends(ctx, step, fault)

    def route_chosen(self, ctx: MessageContext, route: Route) -> None:
        for observer in self.observers:
            observer.route_chosen(ctx, route)

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None:
        for observer in self.observers:
            observer.fault_raised(ctx, fault)

    def variable_read(self, name: str, value: Any) -> None:
        for observer in self.observers:
            observer.variable_read(name, value)

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None:
        for observer in self.observers:
            observer.variable_written(name, value, done, before)

    def printed(self, ctx: MessageContext, text: str) -> None:
        for observer in self.observers:
            observer.printed(ctx, text)

    def call_begins(self, ctx: MessageContext, call: Call) -> None:
        for observer in self.observers:
            observer.call_begins(ctx, call)

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None:
        for observer in self.observers:
            observer.call_ends(ctx, call, response)

    def transaction_ends(self, ctx: MessageContext) -> None:
        for observer in self.observers:
            observer.transaction_ends(ctx)

    def inner(self, ctx: MessageContext) -> Observer:
        """The chained proxy's transaction is told to each too."""
        return Observers([observer.inner(ctx) for observer in self.observers])
