"""Transactions that have ended and wait to be counted.

Every request passes here, so it leaves as little as it can: one tuple. What it leaves is counted together with that of
the next ones, since code that runs two hundred times in a row costs each of them half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from apiproxy_runtime.message.context import Deployment, MessageContext, TargetCall
from apiproxy_runtime.message.fault import Fault

#: The status of a request whose client left before it was answered (the number that nginx made usual).
CLIENT_GONE = 499

#: Transactions that are counted together.
BATCH = 200

#: Deployment, method, status, when the request began and the answer was sent (seconds since the epoch), and the call
#: of the target, None without one.
Entry = tuple[Deployment, str, int, float, float, TargetCall | None]


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
        self.entries.append(
            (
                ctx.deployment,
                method or ctx.request.verb,
                status,
                client.received_start,
                sent or ctx.world.now(),
                ctx.target,
            )
        )
        if len(self.entries) >= BATCH:
            self.post()

    def post(self) -> None:
        """Have what waits counted."""
        self._counting.transactions(self.entries)
        self.entries.clear()
