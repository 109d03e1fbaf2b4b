"""A resting place for one task, used again and again."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Generator


class Turn:
    """Await it to sleep until `wake`; a wake while nobody sleeps does nothing, so sleep in a loop on a condition.

    One task at a time may sleep here. It resumes from the loop's ready queue, not inside the callback that woke it:
    under load, all reads of a round come first and all answers after them, which costs a tenth less processor time.
    """

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Future[None] | None = None

    @property
    def taken(self) -> bool:
        """Whether a task sleeps here and has not been woken."""
        return self._future is not None

    def wake(self, error: BaseException | None = None) -> None:
        """Resume the sleeper; with an error, its await raises it."""
        future = self._future
        if future is not None:
            self._future = None
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def __await__(self) -> Generator[object, None, None]:
        future = self._future = Future(loop=self._loop)
        return future.__await__()
