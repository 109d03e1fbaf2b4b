"""Work done aside: on a thread of its own, within a time limit, while the event loop serves other requests.

For what takes long or cannot be interrupted (big conversions, stylesheets, validation of big documents). Work that
uses up its time is not stopped, for no Python thread can be; nobody waits for it any longer, and when too much of it is
under way nothing more is taken on until some has ended.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

#: from this many bytes on a body is worked on aside; below, the hop to a thread would cost more than the work
LARGE = 128 * 1024
#: seconds that one piece of work may take
LIMIT = 10.0
#: threads that work; as many again may be lost to work that does not end
_THREADS = 4
_LOST = 8


class WorkTimeout(Exception):
    """The work took longer than its limit, or too much such work is still under way."""


class _Bench:
    """The threads. They are daemons, so that work without an end does not keep the process from ending."""

    def __init__(self) -> None:
        self.work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.threads = 0
        self.waiting = 0
        self.lost = 0

    def put(self, work: Callable[[], None]) -> None:
        self.waiting += 1
        if self.threads - self.lost < min(_THREADS, self.waiting):
            self.threads += 1
            threading.Thread(target=self._run, name="aside", daemon=True).start()
        self.work.put(work)

    def _run(self) -> None:
        while True:
            self.work.get()()


_bench = _Bench()


async def aside(work: Callable[[], T], limit: float = LIMIT) -> T:
    """What `work` returns or raises. Raises WorkTimeout after `limit` seconds."""
    bench = _bench
    if bench.lost >= _LOST:
        raise WorkTimeout("too much work that takes too long is under way")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Callable[[], T]] = loop.create_future()
    late = False

    def settle(outcome: Callable[[], T]) -> None:
        bench.waiting -= 1
        if late:
            bench.lost -= 1
        elif not done.done():
            done.set_result(outcome)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            failure = error

            def outcome() -> T:
                raise failure

        else:

            def outcome() -> T:
                return result

        try:
            loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:  # the loop was closed meanwhile: nobody is left to tell
            return

    bench.put(run)
    finished, _ = await asyncio.wait((done,), timeout=limit)
    if not finished:
        late = True
        bench.lost += 1
        raise WorkTimeout(f"it took longer than {limit:g} s")
    return done.result()()
