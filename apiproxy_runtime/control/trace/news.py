"""What a worker is asked to watch, and what it tells of it: the trace's part of the talk between processes."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from apiproxy_runtime.control.trace.transaction import Transaction

#: What a worker is asked for a `News`, with a `Wanted`.
TRACE = "trace"


class Worker(Protocol):
    """A worker, as the process with the control port asks it. Raises ReplicaGone when it has ended."""

    async def ask(self, what: str, content: object = None) -> Any: ...


class Place(Struct, frozen=True):
    """A session, and how many transactions it has room for."""

    session: str
    environment: str
    proxy: str
    room: int


class Wanted(Struct, frozen=True):
    """All that is to be watched from now on.

    live   whether a page is open
    whole  tell of everything that is under way, not only of what has begun to take long
    """

    live: bool
    sessions: tuple[Place, ...]
    whole: bool = False

    @property
    def nothing(self) -> bool:
        return not self.live and not self.sessions


class Seen(Struct, frozen=True):
    """A transaction, the sessions that it belongs to, and whether the page takes it."""

    transaction: Transaction
    sessions: tuple[str, ...]
    live: bool


class News(Struct, frozen=True):
    """What has ended since the last time, what is under way, and how many the page left out."""

    seen: tuple[Seen, ...]
    skipped: int
