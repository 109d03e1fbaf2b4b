"""The raw byte stream that is left of an HTTP connection after an upgrade (101) or a CONNECT."""

from __future__ import annotations

import asyncio
from math import inf

from apiproxy_runtime.gateway.http.errors import ReadTimeout
from apiproxy_runtime.gateway.http.wire import Wire

_HIGH_WATER = 256 * 1024


class Tunnel(Wire):
    """Bytes both ways over a connection taken from its HTTP protocol, beginning with what had already arrived.

    Use it with `read` and `write`, or join two with `splice`.
    """

    __slots__ = ("_arrived", "_closed", "_other", "_said_all", "_size", "ended")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, leftover: bytes
    ) -> None:
        super().__init__(loop)
        self.transport = transport
        #: The other side has said all it has to say; `_said_all`: so have we.
        self.ended = False
        self._said_all = False
        self._arrived: list[bytes] = [leftover] if leftover else []
        self._size = len(leftover)
        self._other: Tunnel | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        transport.set_protocol(self)
        if transport.is_closing():
            self.ended = True
        else:
            # The HTTP protocol may have stopped reading; asyncio allows a superfluous call.
            transport.resume_reading()

    # as a stream

    async def read(self) -> bytes:
        """What has arrived, as soon as there is something; b"" at the end. Raises ConnectionError."""
        while not self._arrived:
            if self.ended:
                return b""
            await self.turn
        data = b"".join(self._arrived)
        self._arrived.clear()
        self._size = 0
        self.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Send; `drain` afterwards when there is much of it."""
        if not self.lost:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the other side has taken enough of what was written."""
        while self.writing_paused and not self.lost:
            await self.drained

    def write_eof(self) -> None:
        """Tell the other side that nothing more comes; over TLS this closes the connection."""
        if self.lost or self.transport.is_closing():
            return
        self._said_all = True
        if not self.ended and self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def close(self) -> None:
        """Send what is still to be sent, then close."""
        self.transport.close()

    async def wait_closed(self) -> None:
        """Until the connection is gone."""
        await asyncio.shield(self._closed)

    # as one of a pair

    async def splice(self, other: Tunnel, idle_seconds: float = inf) -> None:
        """Pass bytes both ways until both sides are closed; a slow reader makes the other side wait.

        Raises ReadTimeout when nothing moves for `idle_seconds`.
        """
        self._other, other._other = other, self
        for one, two in ((self, other), (other, self)):
            for data in one._arrived:
                two.write(data)
            one._arrived.clear()
            one.resume_reading()
            if one.ended:
                two.write_eof()
            if one.lost:
                two.close()
        try:
            while not (self.lost and other.lost):
                before = self._size + other._size
                done, _ = await asyncio.wait(
                    [future for future in (self._closed, other._closed) if not future.done()],
                    timeout=None if idle_seconds == inf else idle_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done and before == self._size + other._size:
                    raise ReadTimeout(f"nothing passed through the tunnel for {idle_seconds} seconds")
        finally:
            for one in (self, other):
                if not one.lost:
                    one.transport.abort()

    # called by the transport

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        other = self._other
        if other is not None:
            other.write(data)
            return
        self._arrived.append(data)
        if self._size > _HIGH_WATER:
            self.pause_reading()
        self.turn.wake()

    def eof_received(self) -> bool:
        self.ended = True
        if self._other is not None:
            self._other.write_eof()
        self.turn.wake()
        return not self._said_all and self.transport.can_write_eof()

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self._other is not None:
            self._other.pause_reading()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._other is not None:
            self._other.resume_reading()
        self.drained.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended = True
        if not self._closed.done():
            self._closed.set_result(None)
        if self._other is not None and not self._other.lost:
            self._other.close()
        self.turn.wake()
        self.drained.wake()
