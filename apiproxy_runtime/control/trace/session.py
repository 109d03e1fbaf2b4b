"""Trace sessions as the Apigee emulator has them: the next transactions of one proxy, for a time."""

from __future__ import annotations

from msgspec import Struct, field

from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.transaction import Transaction

#: How many transactions a session records, and for how many seconds it lives: the emulator's own limits.
COUNT = 50
TIMEOUT = 600
#: Bytes that one session keeps, roughly; it is full when they are used up.
MOST_BYTES = 32 * 1024 * 1024


class Session(Struct, eq=False):
    """The next `count` transactions of a proxy; those under way are in it too."""

    id: str
    environment: str
    proxy: str
    revision: str = ""
    organization: str = ""
    started: float = 0.0
    count: int = COUNT
    timeout: int = TIMEOUT
    entries: dict[str, Recorder | Transaction] = field(default_factory=dict)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.count or self.size >= MOST_BYTES

    @property
    def room(self) -> int:
        """How many transactions other processes may still send; those of theirs that are under way do not count."""
        if self.size >= MOST_BYTES:
            return 0
        settled = sum(isinstance(entry, Recorder) or entry.completed for entry in self.entries.values())
        return max(0, self.count - settled)

    def begin(self, entry: Recorder | Transaction) -> None:
        """Have a transaction in the session from its beginning."""
        self.entries[entry.id] = entry

    def takes(self, id: str) -> bool:
        """Whether a transaction of another process belongs in it."""
        return id in self.entries or not self.full

    def end(self, transaction: Transaction) -> None:
        """Keep what a transaction was in place of what it is."""
        self.entries[transaction.id] = transaction
        self.size += transaction.size

    def transactions(self) -> list[Transaction]:
        """All so far, in order of their beginning; unfinished ones as far as they got."""
        found = [
            entry.transaction() if isinstance(entry, Recorder) else entry for entry in self.entries.values()
        ]
        return sorted(found, key=lambda transaction: transaction.started)

    def handed_over(self, whole: bool) -> dict[str, Recorder | Transaction]:
        """What has ended, which is kept no longer; with `whole` also what is under way."""
        entries = self.entries
        self.entries = {key: entry for key, entry in entries.items() if isinstance(entry, Recorder)}
        return {key: entry for key, entry in entries.items() if whole or key not in self.entries}

    def told(self) -> dict[str, object]:
        """What the emulator answers when a session is begun."""
        return {
            "name": self.id,
            "application": self.proxy,
            "count": self.count,
            "timeoutInSeconds": self.timeout,
        }
