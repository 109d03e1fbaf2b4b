"""Server-sent events on their way to the client: the EventFlow runs once for each.

`response.event.current.content` is the event as received, `data: ` and all, `response.event.current.data` its data
lines joined, `response.event.current.count` its number from 1. Writing the first or the second changes what the
client gets; an empty content drops the event. Source: server-sent events page, API proxy configuration reference.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from apiproxy_runtime.message.context import TARGET_RESPONSE, MessageContext
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.program.program import Steps
from apiproxy_runtime.program.step import run_steps

CONTENT = "response.event.current.content"
DATA = "response.event.current.data"
COUNT = "response.event.current.count"


class EventStream:
    """The stream of a response, cut into events, each passed through the steps of the EventFlow."""

    def __init__(self, ctx: MessageContext, steps: Steps) -> None:
        self._ctx = ctx
        self._steps = steps

    async def pass_events(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The events of a stream, each after its flow. Raises the Fault that a step raises."""
        count = 0
        async for event in split_events(stream):
            count += 1
            yield await self._pass(event, count)

    async def _pass(self, event: bytes, count: int) -> bytes:
        ctx, variables = self._ctx, self._ctx.variables
        text = event.decode("utf-8", "replace")
        data = data_of(text)
        variables[CONTENT], variables[DATA], variables[COUNT] = text, data, count
        phase, ctx.phase, flow, ctx.flow_name = ctx.phase, TARGET_RESPONSE, ctx.flow_name, "EventFlow"
        try:
            await run_steps(ctx, self._steps)
        finally:
            ctx.phase, ctx.flow_name = phase, flow
        written, written_data = text_of(variables.get(CONTENT)), text_of(variables.get(DATA))
        if written != text:
            return closed(written).encode()
        if written_data != data:
            return closed(with_data(text, written_data)).encode()
        return event


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A body that is already here, as a stream."""
    yield body


async def split_events(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole events with the blank line that ends them; what is left at the end comes last."""
    rest = b""
    async for chunk in stream:
        rest += chunk
        while True:
            ends = [
                (place, len(mark))
                for mark in (b"\n\n", b"\r\n\r\n", b"\r\r")
                if (place := rest.find(mark)) >= 0
            ]
            if not ends:
                break
            place, length = min(ends)
            yield rest[: place + length]
            rest = rest[place + length :]
    if rest:
        yield rest


def data_of(event: str) -> str:
    """The data lines of an event, joined by line feeds (WHATWG HTML, server-sent events)."""
    lines = [line[5:].removeprefix(" ") for line in event.splitlines() if line.startswith("data:")]
    return "\n".join(lines)


def with_data(event: str, data: str) -> str:
    """The event with other data; its other fields stay, in front."""
    others = [line for line in event.splitlines() if line and not line.startswith("data:")]
    return "\n".join(others + [f"data: {line}" for line in data.split("\n")])


def closed(event: str) -> str:
    """The event with the blank line that ends it; nothing for a dropped event."""
    if not event:
        return ""
    return event if event.endswith(("\n\n", "\r\n\r\n")) else event.rstrip("\r\n") + "\n\n"
