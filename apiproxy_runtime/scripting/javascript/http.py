"""httpClient: calls that a script starts, and how the script waits for them without holding up the runtime.

A script that may wait runs in a greenlet. Waiting hands the awaitable to the event loop and leaves the script, with the
whole of its JavaScript stack, where it is until the answer has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

import greenlet

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message

#: Sends a request to a URL; raises whatever keeps an answer from coming.
Send = Callable[[MessageContext, Message, str], Coroutine[Any, Any, Message]]

#: Starts work that nobody waits for.
Spawn = Callable[[Coroutine[Any, Any, Any]], object]

#: Fields that belong to the connection, not to the request that a script copies them from.
_CONNECTION = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade")
)


class Exchanges:
    """The calls of one realm, by number."""

    def __init__(self, send: Send | None) -> None:
        self._send = send
        self._tasks: list[asyncio.Task[Message]] = []
        self._told = 0
        #: numbers of calls that a callback waits for
        self.answered: set[int] = set()

    def clear(self) -> None:
        """Forget all calls; those under way go on."""
        self._tasks.clear()
        self._told = 0
        self.answered.clear()

    def send(self, ctx: MessageContext, request: dict[str, Any], answered: bool) -> int:
        """Start a call: `{"url", "method", "headers": [[name, value], …], "body"}`; its number."""
        message = Message.request(str(request["method"]).upper())
        for name, value in request["headers"]:
            if name.lower() not in _CONNECTION:
                message.headers.add(name, value)
        if request["body"]:
            message.content = request["body"]
        task = asyncio.ensure_future(self._answer(ctx, message, request["url"]))
        # an error that nobody asks for is no news
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        number = len(self._tasks)
        self._tasks.append(task)
        if answered:
            self.answered.add(number)
        return number

    async def _answer(self, ctx: MessageContext, message: Message, url: str) -> Message:
        if self._send is None:
            raise ConnectionError("there is no network here")
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise ConnectionError(f'"{url}" is no http or https URL')
        return await self._send(ctx, message, url)

    def state(self, number: int) -> str:
        """`pending`, `response` or `error`."""
        task = self._tasks[number]
        if not task.done():
            return "pending"
        return "error" if task.cancelled() or task.exception() is not None else "response"

    def response(self, number: int) -> Message | None:
        return self._tasks[number].result() if self.state(number) == "response" else None

    def error(self, number: int) -> str:
        task = self._tasks[number]
        if self.state(number) != "error" or task.cancelled():
            return "the call was given up" if task.cancelled() else ""
        return str(task.exception())

    def wait(self, number: int, milliseconds: float) -> Coroutine[Any, Any, None]:
        """Wait until a call has ended, or for so long (negative: without end)."""
        return self._wait(self._tasks[number], milliseconds / 1000 if milliseconds >= 0 else None)

    async def _wait(self, task: asyncio.Task[Message], seconds: float | None) -> None:
        await asyncio.wait((task,), timeout=seconds)

    async def next_answered(self) -> int:
        """The number of a call with a callback, in the order in which they end."""
        waiting = {self._tasks[number]: number for number in sorted(self.answered)}
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        number = next(number for task, number in waiting.items() if task in done)
        self.answered.discard(number)
        return number

    def take_unfinished(self) -> list[asyncio.Task[Message]]:
        """The calls that nobody has waited for so far, each told once."""
        found = [task for task in self._tasks[self._told :] if not task.done()]
        self._told = len(self._tasks)
        return found


def suspend(awaitable: Awaitable[Any]) -> Any:
    """Called in a script's greenlet: leave it until the awaitable is done; its result. Raises what it raises."""
    parent = greenlet.getcurrent().parent
    assert parent is not None
    return parent.switch(awaitable)


async def drive(script: greenlet.greenlet, waiting: Awaitable[Any]) -> None:
    """Go on with a suspended script until it ends. Raises what it raises.

    A cancellation ends the script, and is raised again whatever the script made of it.
    """
    cancelled: asyncio.CancelledError | None = None
    try:
        while not script.dead:
            try:
                result = await waiting
            except asyncio.CancelledError as error:
                cancelled = error
                waiting = script.throw(error)
            except Exception as error:
                waiting = script.throw(error)
            else:
                waiting = script.switch(result)
    except BaseException:
        if cancelled is None:
            raise
    if cancelled is not None:
        raise cancelled


async def finish(tasks: list[asyncio.Task[Message]]) -> None:
    """Wait for calls whose answers nobody reads."""
    await asyncio.wait(tasks)
