"""The way of an event to its handler: a bounded queue for each hook, and new attempts with growing pauses.

Whoever emits only puts the event into the queue. When it is full, the oldest event goes. An event that did not arrive is
tried again after `initial_retry_delay`, then after twice that, and so on; what did not arrive within `max_retry_time` is
given up. All of it is logged and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from apiproxy_runtime.control.events.handlers.handler import Deliver, Event, Undelivered

logger = logging.getLogger("apiproxy.events")

#: The queue's share at which a warning is logged, once until it has emptied to half of that.
_HIGH = 0.8


class Counts(Struct):
    """What became of a hook's events."""

    delivered: int = 0
    retried: int = 0
    dropped: int = 0
    suppressed: int = 0


class Delivery:
    """Delivers the events of one hook, in order while `concurrency_limit` is 1.

    `label` names the hook in the log; `limits` is the hook's `config.queue`; `spawn` starts background work.
    """

    def __init__(
        self,
        deliver: Deliver,
        limits: dict[str, Any],
        label: str,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.counts = Counts()
        self._deliver = deliver
        self._limits = limits
        self._label = label
        self._spawn = spawn
        self._waiting: deque[Event] = deque()
        self._working = 0
        self._warned = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many events wait or are on their way."""
        return len(self._waiting) + self._working

    def put(self, event: Event) -> None:
        """Have an event delivered soon. Never waits."""
        if self._closed:
            return
        limit = self._limits["max_entries"]
        if len(self._waiting) >= limit:
            self._waiting.popleft()
            self.counts.dropped += 1
        self._waiting.append(event)
        if len(self._waiting) >= limit * _HIGH and not self._warned:
            self._warned = True
            logger.warning(
                "Event hook %s: its queue is over %d %% full; the oldest of more than %d events are dropped",
                self._label,
                _HIGH * 100,
                limit,
            )
        if self._working < self._limits["concurrency_limit"]:
            self._working += 1
            self._spawn(self._work())

    def close(self) -> list[Event]:
        """Take no more events and try nothing again; the events that waited."""
        self._closed = True
        rest = list(self._waiting)
        self._waiting.clear()
        return rest

    def status(self) -> dict[str, int]:
        return {"waiting": self.waiting, **asdict(self.counts)}

    async def _work(self) -> None:
        try:
            while self._waiting:
                event = self._waiting.popleft()
                if len(self._waiting) < self._limits["max_entries"] * _HIGH / 2:
                    self._warned = False
                await self._bring(event)
        finally:
            self._working -= 1

    async def _bring(self, event: Event) -> None:
        clock = asyncio.get_running_loop().time
        pause = self._limits["initial_retry_delay"]
        end = clock() + self._limits["max_retry_time"]
        while True:
            try:
                await self._deliver(event)
            except Undelivered as error:
                if self._closed or clock() + pause > end:
                    self._give_up(event, error)
                    return
            except Exception:
                self.counts.dropped += 1
                logger.exception("Event hook %s failed", self._label)
                return
            else:
                self.counts.delivered += 1
                return
            self.counts.retried += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._limits["max_retry_delay"])

    def _give_up(self, event: Event, error: Undelivered) -> None:
        self.counts.dropped += 1
        logger.error(
            "Event hook %s: %s/%s was not delivered and is given up: %s",
            self._label,
            event.get("source"),
            event.get("event"),
            error,
        )
