"""The transactions of the moment, for whoever looks: a bounded ring of them, and readers that are told as they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import monotonic

from apiproxy_runtime.control.trace.pagejson import pending_summary, summary
from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.transaction import Transaction

#: How many transactions are kept, and how many bytes of them, roughly; the oldest go first.
MOST_TRANSACTIONS = 500
MOST_BYTES = 64 * 1024 * 1024
#: Transactions a second that are recorded for the page, and how many may come at once. More than that nobody reads,
#: and recording them would cost the gateway its speed; what is left out is counted.
RATE = 25.0
BURST = 50.0
#: Seconds between two messages to readers, and after which a transaction shows though it has not ended.
BEAT = 0.15
SLOW = 0.3
#: Messages that wait for a reader; one that has more is too slow and is dropped.
MOST_WAITING = 64
#: Readers at once.
MOST_READERS = 32
#: Seconds that recording goes on after the last reader left, for a page that is loaded anew.
LINGER = 3.0


class Reader:
    """One open page."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self.dropped = asyncio.Event()

    def tell(self, message: str) -> None:
        """Hand on a message; a reader that does not keep up is dropped."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped.set()


class Live:
    """What pages see. `changed` is called when the first reader comes and some time after the last one left."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.readers: set[Reader] = set()
        self.ring: dict[str, Transaction] = {}
        self.size = 0
        self.running: dict[str, Recorder] = {}
        self.skipped = 0
        self._news: list[dict[str, object]] = []
        self._told_running: set[str] = set()
        self._allowance = BURST
        self._filled = monotonic()
        self._beat: asyncio.Task[None] | None = None
        self._lingering = False

    @property
    def wanted(self) -> bool:
        """Whether transactions are to be recorded."""
        return bool(self.readers) or self._lingering

    # ---- readers

    def join(self) -> Reader | None:
        """A reader that is told from now on; None when there are too many."""
        if len(self.readers) >= MOST_READERS:
            return None
        reader = Reader()
        first = not self.wanted
        self.readers.add(reader)
        if first:
            self.changed()
        if self._beat is None:
            self._beat = asyncio.get_running_loop().create_task(self._run())
        return reader

    def leave(self, reader: Reader) -> None:
        """Tell a reader no more."""
        if reader in self.readers:
            self.readers.discard(reader)
            if not self.readers:
                self._lingering = True
                asyncio.get_running_loop().call_later(LINGER, self._gone)

    def _gone(self) -> None:
        if self._lingering and not self.readers:
            self._lingering = False
            self.running.clear()
            self._news.clear()
            self.changed()
        self._lingering = False

    def broadcast(self, event: str, data: object) -> None:
        """Tell every reader of an event."""
        if self.readers:
            message = sse(event, data)
            for reader in tuple(self.readers):
                reader.tell(message)

    # ---- transactions

    def takes(self) -> bool:
        """Whether the transaction that begins now is recorded; it is left out, and counted, above `RATE` a second."""
        now = monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._filled) * RATE)
        self._filled = now
        if self._allowance < 1.0:
            self.skipped += 1
            return False
        self._allowance -= 1.0
        return True

    def begin(self, recorder: Recorder) -> None:
        self.running[recorder.id] = recorder

    def end(self, transaction: Transaction) -> None:
        """Keep a transaction that is over, and tell readers of it with the next beat."""
        self.running.pop(transaction.id, None)
        self.ring[transaction.id] = transaction
        self.size += transaction.size
        while len(self.ring) > MOST_TRANSACTIONS or (self.size > MOST_BYTES and len(self.ring) > 1):
            oldest = self.ring.pop(next(iter(self.ring)))
            self.size -= oldest.size
        self._news.append(summary(transaction))

    def get(self, id: str) -> Transaction | None:
        """A transaction that is kept or under way."""
        found = self.ring.get(id)
        if found is None and (recorder := self.running.get(id)) is not None:
            return recorder.transaction()
        return found

    def clear(self) -> None:
        """Forget all of them."""
        self.ring.clear()
        self.size = 0
        self.skipped = 0
        self.broadcast("cleared", {})

    def summaries(self) -> list[dict[str, object]]:
        """One line for each, the newest last."""
        return [summary(transaction) for transaction in self.ring.values()] + [
            pending_summary(recorder) for recorder in self.running.values()
        ]

    async def _run(self) -> None:
        try:
            while self.wanted:
                await asyncio.sleep(BEAT)
                self._tell_news()
        finally:
            self._beat = None

    def _tell_news(self) -> None:
        self._told_running &= self.running.keys()
        for key, recorder in self.running.items():
            if key not in self._told_running and recorder.age > SLOW:
                self._told_running.add(key)
                self._news.append(pending_summary(recorder))
        if self._news or self.skipped:
            news, self._news = self._news, []
            skipped, self.skipped = self.skipped, 0
            self.broadcast("transactions", {"transactions": news, "skipped": skipped})


def sse(event: str, data: object) -> str:
    """One server-sent event."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
