"""A resting place for one task, left the moment the news arrives.

An `asyncio.Future` resumes its task through the loop's ready queue. A `Turn` resumes it inside the very callback that
brought the data, which spares a future, a handle and a round of the loop for each request and each answer.
It follows the protocol that `asyncio.isfuture` describes (`_asyncio_future_blocking`), so any task can await it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, current_task
from collections.abc import Callable, Generator
from contextvars import Context


class Turn:
    """Await it to sleep until `wake`; a wake while nobody sleeps does nothing, so sleep in a loop on a condition.

    `wake` belongs into event-loop callbacks (a protocol's methods, timers). Called from a running task, it falls back
    to the loop's ready queue. One task at a time may sleep here, and the object serves any number of sleeps.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_error", "_loop", "_resume")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False
        self._resume: Callable[[Turn], object] | None = None
        self._context: Context | None = None
        self._error: BaseException | None = None

    @property
    def taken(self) -> bool:
        """Whether a task sleeps here."""
        return self._resume is not None

    def wake(self, error: BaseException | None = None) -> None:
        """Resume the sleeper now; with an error, its await raises it."""
        resume = self._resume
        if resume is None:
            return
        self._resume = None
        self._error = error
        if current_task(self._loop) is None and self._context is not None:
            self._context.run(resume, self)
        else:
            self._loop.call_soon(resume, self, context=self._context)

    def __await__(self) -> Generator[Turn, None, None]:
        self._asyncio_future_blocking = True
        yield self

    # What a task asks of the thing it waits for.

    def get_loop(self) -> AbstractEventLoop:
        return self._loop

    def add_done_callback(self, resume: Callable[[Turn], object], *, context: Context | None = None) -> None:
        self._resume = resume
        self._context = context

    def result(self) -> None:
        error = self._error
        if error is not None:
            self._error = None
            raise error

    def cancel(self, msg: object = None) -> bool:
        resume = self._resume
        if resume is None:
            return False
        self._resume = None
        self._error = CancelledError() if msg is None else CancelledError(msg)
        self._loop.call_soon(resume, self, context=self._context)
        return True
