"""A client's connection: one task that hands its requests to the handler, one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf

from apiproxy_runtime.gateway.http import refusal as refusals
from apiproxy_runtime.gateway.http.clientwire import ClientWire
from apiproxy_runtime.gateway.http.errors import (
    BadBody,
    BodyTooBig,
    ClientGone,
    ReadTimeout,
    WireError,
    WriteTimeout,
)
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.head import response_head
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.refusal import Refusal, Render
from apiproxy_runtime.gateway.http.request_reader import RequestReader

Handle = Callable[[Exchange], Awaitable[None]]

_log = logging.getLogger("apiproxy.http")


class Connection(ClientWire):
    """`connections` is the server's set of open connections, which this one joins and leaves."""

    __slots__ = ("_connections", "_current", "_eof", "_handle", "_lingering", "_reader", "_render", "task")

    task: asyncio.Task[None]

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        handle: Handle,
        render: Render,
        connections: set[Connection],
    ) -> None:
        super().__init__(loop, limits)
        self._handle = handle
        self._render = render
        self._connections = connections
        self._reader = RequestReader(self)
        self._current: Exchange | None = None
        self._eof = False
        self._lingering = False

    @property
    def idle(self) -> bool:
        """Nothing is being answered, queued or arriving."""
        return self._current is None and not self._reader.queue and not self._reader.in_head

    # called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if type(peer) is tuple:
            self.peer, self.local = peer[:2], local[:2]
        self.tls = transport.get_extra_info("ssl_object")
        self._connections.add(self)
        self.due_at(self.loop.time() + self.limits.idle_seconds)
        self.task = self.loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if self.leftover is not None:
            self.leftover += data
            self.pause_reading()
            return
        was_in_head = reader.in_head
        reader.feed(data)
        current = self._current
        if current is None:
            if reader.queue or reader.dead:
                self.turn.wake()
            elif reader.in_head and not was_in_head:
                self.due_at(self.loop.time() + self.limits.head_seconds)
            return
        if self.turn.taken:
            if self.broken is not None or current.wants_wake():
                self.due = inf
                self.turn.wake(self.broken)
            else:
                self.due = self.loop.time() + self.limits.io_seconds
        else:
            arriving = reader.arriving
            if len(reader.queue) > self.limits.pipelined or (
                arriving is not None and arriving.size - arriving.taken > self.limits.high_water
            ):
                self.pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        current = self._current
        if self._lingering or self.tls is not None:
            return False
        if current is None:
            return bool(self._reader.queue)
        if self.turn.taken:
            self.turn.wake(ClientGone())
            return False
        if self.due == inf:
            self.due_at(self.loop.time() + self.limits.half_close_seconds)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)
        self._reader.close()
        current = self._current
        if current is None:
            self.turn.wake()
        elif self.turn.taken or self.drained.taken:
            self.turn.wake(ClientGone())
            self.drained.wake(ClientGone())
        elif not current.finished:
            self.task.cancel("the client is gone")

    def expired(self) -> None:
        if self._lingering:
            self.transport.abort()
        elif self._current is not None and (self.turn.taken or self.drained.taken):
            self.turn.wake(ReadTimeout("the request body stopped arriving"))
            self.drained.wake(WriteTimeout("the client does not take the answer"))
        elif self._current is not None:
            # The client had closed its half, and its answer takes longer than such a client gets.
            self.transport.abort()
        elif self._reader.in_head:
            self._reader.refuse(refusals.REQUEST_TIMEOUT)
            self.turn.wake()
        else:
            self.transport.close()

    # the task

    async def _serve(self) -> None:
        reader = self._reader
        queue = reader.queue
        handle = self._handle
        exchange: Exchange | None = None
        try:
            while True:
                while not queue:
                    if reader.dead or self._eof or self.lost:
                        if reader.refusal is not None:
                            self._answer(reader.refusal)
                        return
                    await self.turn
                exchange = self._current = queue.popleft()
                self.due = inf
                await handle(exchange)
                if not exchange.finished:
                    if not exchange.status:
                        _log.error("a request was not answered: %s %s", exchange.method, exchange.target)
                    self._failed(exchange, None)
                if self.writing_paused:
                    await self.drain()
                if not exchange.keep_alive or self.taken or self.lost:
                    return
                while not exchange.complete:
                    if not exchange.worth_skipping():
                        return
                    await self.wait_for_body()
                self._current = None
                if self.leftover is not None:
                    reader.resume_after_upgrade()
                if not queue:
                    if self.reading_paused:
                        self.resume_reading()
                    self.due_at(
                        self.loop.time()
                        + (self.limits.head_seconds if reader.in_head else self.limits.idle_seconds)
                    )
        except asyncio.CancelledError:
            # Ours, when the client has left; somebody else's otherwise.
            if not self.lost:
                self.transport.abort()
                raise
        except WireError as error:
            self._failed(exchange, error)
        except Exception:
            _log.exception("a request could not be handled")
            self._failed(exchange, None)
        finally:
            self._current = None
            if not self.taken:
                self._close(exchange)

    def _failed(self, exchange: Exchange | None, error: WireError | None) -> None:
        """The handler has failed: answer if nothing was answered yet; the connection ends in any case."""
        if exchange is None or self.lost:
            return
        exchange.keep_alive = False
        if exchange.status or isinstance(error, ClientGone):
            if not exchange.finished:
                self.transport.close()
        elif isinstance(error, ReadTimeout):
            self._answer(refusals.REQUEST_TIMEOUT, exchange)
        elif isinstance(error, BadBody):
            self._answer(refusals.bad_request(str(error)), exchange)
        elif isinstance(error, BodyTooBig):
            self._answer(refusals.body_too_big(error.limit), exchange)
        else:
            if error is not None:
                _log.error("a request could not be handled: %r", error)
            self._answer(refusals.HANDLER_FAILED, exchange)

    def _answer(self, refusal: Refusal, exchange: Exchange | None = None) -> None:
        if self.lost or self.transport.is_closing():
            return
        status, reason, headers, body = self._render(refusal)
        if exchange is not None:
            exchange.respond(status, reason, headers, body)
            return
        extra = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        head = response_head(status, reason, headers.fields, extra)
        self.transport.write(head + body)

    def _close(self, exchange: Exchange | None) -> None:
        """Close, but not on a client that still sends: a reset could overtake the answer (RFC 9112 §9.6)."""
        reader = self._reader
        unread = reader.refusal is not None or (exchange is not None and not exchange.complete)
        reader.close()
        if self.lost:
            return
        if unread and not self._eof and not self.transport.is_closing():
            self._lingering = True
            self.leftover = None
            self.resume_reading()
            self.due_at(self.loop.time() + self.limits.linger_seconds)
            if self.transport.can_write_eof():
                self.transport.write_eof()
        else:
            self.stop_timer()
            self.transport.close()
