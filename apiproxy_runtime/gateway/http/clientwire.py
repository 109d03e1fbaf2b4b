"""What a client's connection and its exchanges share."""

from __future__ import annotations

import asyncio
import ssl
from math import inf

from apiproxy_runtime.gateway.http.errors import BadBody, ClientGone, WriteTimeout
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.wire import Wire


class ClientWire(Wire):
    """The state of a client's connection that its exchanges share."""

    __slots__ = ("broken", "leftover", "limits", "local", "peer", "stopping", "taken", "tls")

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(loop)
        self.limits = limits
        self.peer: tuple[str, int] = ("", 0)
        self.local: tuple[str, int] = ("", 0)
        self.tls: ssl.SSLObject | None = None
        #: Why nothing more can be read from this connection.
        self.broken: BadBody | None = None
        #: The server is stopping: answers say `Connection: close`.
        self.stopping = False
        #: Bytes after the head of a request that asks for an upgrade; None while no such request waits.
        self.leftover: bytes | None = None
        #: The connection has become a tunnel.
        self.taken = False

    async def wait_for_body(self) -> None:
        """Sleep until more of the body is here. Raises ReadTimeout, ClientGone, BadBody."""
        if self.broken is not None:
            raise self.broken
        if self.lost:
            raise ClientGone
        self.resume_reading()
        self.due_at(self.loop.time() + self.limits.io_seconds)
        try:
            await self.turn
        finally:
            self.due = inf

    async def drain(self) -> None:
        """Sleep until the client has taken enough of what was written. Raises WriteTimeout, ClientGone."""
        try:
            while self.writing_paused and not self.lost:
                unsent = self.transport.get_write_buffer_size()
                self.due_at(self.loop.time() + self.limits.io_seconds)
                try:
                    await self.drained
                except WriteTimeout:
                    # A slow client is no dead client.
                    if self.transport.get_write_buffer_size() >= unsent:
                        self.transport.abort()
                        raise
        finally:
            self.due = inf
        if self.lost:
            raise ClientGone
