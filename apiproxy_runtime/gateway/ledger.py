"""Transactions that have ended and wait to be counted.

Every request passes here, so it leaves as little as it can: one tuple. What it leaves is counted together with that of
the next ones, since code that runs many times in a row costs each of them half. It holds on to nothing that belongs
to a request: memory that is free at once is used again while the processor still has it at hand.
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
    """What waits for a count."""

    def __init__(self, counting: Counting) -> None:
        self._entries: list[Entry] = []
        self._counting = counting

    def enter(self, ctx: MessageContext, method: str = "") -> None:
        """Note a transaction that has ended, in whatever way. `method` is that of the client, where policies change it."""
        client, deployment, answer, name, asked, answered = (
            ctx.client,
            ctx.deployment,
            ctx.response,
            "",
            0.0,
            0.0,
        )
        if ctx.fault is not None:
            answer = ctx.error
            self._counting.fault(deployment, ctx.fault)
        sent = client.sent_end
        status = answer.status if sent and answer is not None else CLIENT_GONE
        target = ctx.target
        if target is not None:
            name, asked, answered = target.name, target.sent_start, target.received_end
        entries = self._entries
        entries.append(
            (
                deployment,
                method or ctx.request.verb,
                status,
                client.received_start,
                sent or ctx.world.now(),
                name,
                asked,
                answered,
            )
        )
        if len(entries) >= BATCH:
            self.post()

    def post(self) -> None:
        """Have what waits counted."""
        self._counting.transactions(self._entries)
        self._entries.clear()
