"""Trace sessions as the Apigee emulator has them: the next transactions of one proxy, for a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.transaction import Transaction

#: How many transactions a session records, and for how many seconds it lives: the emulator's own limits.
COUNT = 50
TIMEOUT = 600
#: Bytes that one session keeps, roughly; it is full when they are used up.
MOST_BYTES = 32 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Session:
    """The next `count` transactions of a proxy; those under way are in it too."""

    id: str
    environment: str
    proxy: str
    revision: str
    organization: str
    started: float
    count: int = COUNT
    timeout: int = TIMEOUT
    entries: dict[str, Recorder | Transaction] = field(default_factory=dict)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.count or self.size >= MOST_BYTES

    def begin(self, recorder: Recorder) -> None:
        """Have a transaction in the session from its beginning."""
        self.entries[recorder.id] = recorder

    def end(self, transaction: Transaction) -> None:
        """Keep what a transaction was in place of what it is."""
        self.entries[transaction.id] = transaction
        self.size += transaction.size

    def transactions(self) -> list[Transaction]:
        """All so far, in order of their beginning; unfinished ones as far as they got."""
        return [
            entry.transaction() if isinstance(entry, Recorder) else entry for entry in self.entries.values()
        ]

    def told(self) -> dict[str, object]:
        """What the emulator answers when a session is begun."""
        return {
            "name": self.id,
            "application": self.proxy,
            "count": self.count,
            "timeoutInSeconds": self.timeout,
        }
