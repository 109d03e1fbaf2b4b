"""Transactions that have ended and wait to be counted.

Every request passes here, so it leaves as little as it can: one tuple. What it leaves is counted together with that of
the next ones, since code that runs many times in a row costs each of them half. It holds on to
nothing that belongs to a request: memory that is free at once is used again while the processor still has it at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.fault import Fault

#: The status of a request whose client left before it was answered (the number that nginx made usual).
CLIENT_GONE = 499

#: Transactions that are counted together.
BATCH = 32

#: Deployment, method, status, when the request began and the answer was sent; then of the call of the target its name,
#: when it was sent and when the answer was there. Times are seconds since the epoch, 0.0 for what did not come; the name
#: is empty without a target.
Entry = tuple[Deployment, str, int, float, float, str, float, float]


class Counting(Protocol):
    """Whatever counts transactions."""

    def transactions(self, entries: Sequence[Entry]) -> None: ...

    def fault(self, deployment: Deployment, fault: Fault) -> None: ...


class Ledger:
    """What waits for a count. `entries` may be appended to; whoever does calls `post` when there are `BATCH` of them."""

    def __init__(self, counting: Counting) -> None:
        self.entries: list[Entry] = []
        self._counting = counting

    def enter(self, ctx: MessageContext, method: str = "") -> None:
        """Note a transaction that has ended, in whatever way. `method` is that of the client, where policies change it."""
        client, fault = ctx.client, ctx.fault
        answer = ctx.response if fault is None else ctx.error
        sent = client.sent_end
        status = answer.status if sent and answer is not None else CLIENT_GONE
        if fault is not None:
            self._counting.fault(ctx.deployment, fault)
        target = ctx.target
        called = ("", 0.0, 0.0) if target is None else (target.name, target.sent_start, target.received_end)
        answered = (client.received_start, sent or ctx.world.now())
        self.entries.append((ctx.deployment, method or ctx.request.verb, status, *answered, *called))
        if len(self.entries) >= BATCH:
            self.post()

    def post(self) -> None:
        """Have what waits counted."""
        self._counting.transactions(self.entries)
        self.entries.clear()
