"""Watching transactions: what is told to whoever listens, and when.

The engine calls an observer only when a transaction has one (`ctx.observer`); a `Watch` decides which have.
"""

from __future__ import annotations

from typing import Any, Protocol

from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Step


class Observer(Protocol):
    """Is told what one transaction does, in order."""

    def flow_begins(self, ctx: MessageContext, name: str) -> None: ...

    def condition_begins(self, ctx: MessageContext, step: Step) -> None: ...

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None: ...

    def step_begins(self, ctx: MessageContext, step: Step) -> None: ...

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None: ...

    def route_chosen(self, ctx: MessageContext, route: Route) -> None: ...

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None: ...

    def variable_read(self, name: str, value: Any) -> None: ...

    def variable_written(self, name: str, value: Any, done: bool) -> None: ...

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
