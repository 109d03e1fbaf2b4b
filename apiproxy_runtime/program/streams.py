"""Streamed bodies that policies want to read.

The documentation contradicts itself on what reading does while streaming is on: policies are bypassed (endpoint
properties reference), or the runtime falls back to buffering (antipattern page "payload with streaming"). Published
bundles rely on the latter. So where a flow has steps, a body of up to the buffer's size is held for them, and a longer
one goes on streaming and reads as empty; where no step could look, nothing is held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from apiproxy_runtime.message.message import Message


async def hold(message: Message, limit: int) -> None:
    """Read a streamed body of at most `limit` bytes into the message; leave a longer or an encoded one streaming.

    Server-sent events are never held: they may not end.
    """
    stream = message.stream
    if stream is None or "content-encoding" in message.headers.fields:
        return
    if message.content_type() == "text/event-stream":
        return
    parts: list[bytes] = []
    size = 0
    async for part in stream:
        parts.append(part)
        size += len(part)
        if size > limit:
            message.stream = _rejoined(parts, stream)
            return
    message.stream = None
    message.body = b"".join(parts)


async def _rejoined(parts: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    async for part in rest:
        yield part
