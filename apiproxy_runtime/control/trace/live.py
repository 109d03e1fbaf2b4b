"""The transactions of the moment, for whoever looks: a bounded ring of them, and readers that are told as they happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import monotonic

from apiproxy_runtime.control.trace.pagejson import line, summary
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
    """What pages see. `changed` is called when the first reader comes and some time after the last one left.

    asked    whether pages of another process want to see it
    running  what is under way; of workers, as far as it had got when it was told
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.asked = False
        self.readers: set[Reader] = set()
        self.ring: dict[str, Transaction] = {}
        self.size = 0
        self.running: dict[str, Recorder | Transaction] = {}
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
        return bool(self.readers) or self._lingering or self.asked

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

    def begin(self, entry: Recorder | Transaction) -> None:
        self.running[entry.id] = entry

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
        found = self.ring.get(id) or self.running.get(id)
        return found.transaction() if isinstance(found, Recorder) else found

    def clear(self) -> None:
        """Forget all of them."""
        self.ring.clear()
        self.size = 0
        self.skipped = 0
        self.broadcast("cleared", {})

    def summaries(self) -> list[dict[str, object]]:
        """One line for each, the newest last."""
        return [line(entry) for entry in (*self.ring.values(), *self.running.values())]

    def handed_over(self, whole: bool) -> tuple[dict[str, Recorder | Transaction], int]:
        """What has ended, which is kept no longer, and what has begun to take long (or all that is under way).

        With it comes how many were left out since the last time.
        """
        taken: dict[str, Recorder | Transaction] = dict(self.ring)
        slow = self._slow()
        taken.update(self.running if whole else slow)
        skipped = self.skipped
        self.ring.clear()
        self._news.clear()
        self.size = self.skipped = 0
        return taken, skipped

    def forget_elsewhere(self) -> None:
        """Forget what is under way in workers: one of them has ended."""
        self.running = {key: entry for key, entry in self.running.items() if isinstance(entry, Recorder)}

    async def _run(self) -> None:
        try:
            while self.wanted:
                await asyncio.sleep(BEAT)
                self._tell_news()
        finally:
            self._beat = None

    def _tell_news(self) -> None:
        self._news += [line(entry) for entry in self._slow().values()]
        if self._news or self.skipped:
            news, self._news = self._news, []
            skipped, self.skipped = self.skipped, 0
            self.broadcast("transactions", {"transactions": news, "skipped": skipped})

    def _slow(self) -> dict[str, Recorder | Transaction]:
        """What is under way and has begun to take long since the last time."""
        slow = {key: entry for key, entry in self.running.items() if _age(entry) > SLOW}
        news = {key: entry for key, entry in slow.items() if key not in self._told_running}
        self._told_running = set(slow)
        return news


def _age(entry: Recorder | Transaction) -> float:
    return entry.age if isinstance(entry, Recorder) else entry.took


def sse(event: str, data: object) -> str:
    """One server-sent event."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
