"""One request and its answer, as the handler sees them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from math import inf
from typing import Protocol

from apiproxy_runtime.gateway.http.clientwire import ClientWire
from apiproxy_runtime.gateway.http.errors import BadBody, BodyTooBig, ClientGone
from apiproxy_runtime.gateway.http.framing import JOINED
from apiproxy_runtime.gateway.http.head import response_head
from apiproxy_runtime.gateway.http.tunnel import Tunnel
from apiproxy_runtime.message.headers import Headers

_BODYLESS = frozenset((204, 304))


class Tap(Protocol):
    """Is told what passes an exchange: pieces of a request body that is read as a stream, and the answer."""

    def arrived(self, piece: bytes) -> None: ...

    def answered(self, head: bytes, body: bytes | list[bytes]) -> None: ...

    def sent(self, piece: bytes) -> None: ...


class Exchange:
    """A request that has arrived (at least its head) and the one answer to give.

    `method`, `target` (as received, not decoded), `version` ("1.0" or "1.1") and `headers` are the request's head;
    `received` is the time its first bytes came, in seconds since the epoch. `upgrade_to` is the protocol, in lower
    case, that the client asks to switch to ("websocket"), or "".

    When the client leaves before it has been answered, waiting for its body or for it to take the answer raises
    ClientGone; a handler that waits for anything else is cancelled, and finds `gone` true.
    """

    __slots__ = (
        "_enough",
        "_reading",
        "_sent_continue",
        "complete",
        "content_length",
        "expects_continue",
        "finished",
        "has_body",
        "headers",
        "keep_alive",
        "method",
        "parts",
        "received",
        "size",
        "status",
        "taken",
        "tap",
        "target",
        "upgrade_to",
        "version",
        "wire",
    )

    def __init__(self, wire: ClientWire, method: str, target: str, version: str, headers: Headers) -> None:
        self.wire = wire
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.received = 0.0
        self.content_length: int | None = None
        self.has_body = False
        self.keep_alive = True
        self.expects_continue = False
        self.upgrade_to = ""
        #: Body bytes that arrived and were not yet read, how many arrived in all, and whether that was the end.
        self.parts: list[bytes] = []
        self.size = 0
        self.complete = False
        #: Of `size`, how many bytes the handler has taken.
        self.taken = 0
        #: The status that was answered; 0 before. `finished`: the answer has been written to its end.
        self.status = 0
        self.finished = False
        #: Whoever records this exchange.
        self.tap: Tap | None = None
        self._sent_continue = False
        # The body is being read piece by piece.
        self._reading = False
        # The handler is woken when more than this many body bytes are here, or all.
        self._enough: float = inf

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port of the client."""
        return self.wire.peer

    @property
    def local(self) -> tuple[str, int]:
        """Address and port that the client connected to."""
        return self.wire.local

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session, or None without TLS."""
        return self.wire.tls

    @property
    def gone(self) -> bool:
        """Whether the client has closed its connection."""
        return self.wire.lost

    # the request's body

    def body_now(self) -> bytes | None:
        """The whole body if it has arrived already (b"" when there is none), else None. Check its length yourself."""
        if not self.complete:
            return None
        parts = self.parts
        if len(parts) > 1:
            parts[:] = [b"".join(parts)]
        return parts[0] if parts else b""

    async def read_body(self, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes. Does not suspend when all of it is here.

        Raises BodyTooBig, ReadTimeout, ClientGone, BadBody.
        """
        if self.content_length is not None and self.content_length > limit:
            raise BodyTooBig(limit, declared=True)
        if not self.complete:
            self._continue()
            self._enough = limit
            try:
                while not self.complete and self.size <= limit:
                    await self.wire.wait_for_body()
            finally:
                self._enough = inf
        if self.size > limit:
            raise BodyTooBig(limit)
        return self.body_now() or b""

    def body_chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece; the client is made to wait while nobody asks for the next.

        Raises ReadTimeout, ClientGone, BadBody.
        """
        self._reading = True
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        self._continue()
        try:
            while True:
                if self.parts:
                    parts, self.parts = self.parts, []
                    self.taken = self.size
                    self.wire.resume_reading()
                    for part in parts:
                        if self.tap is not None:
                            self.tap.arrived(part)
                        yield part
                elif self.complete:
                    return
                else:
                    self._enough = self.size
                    try:
                        await self.wire.wait_for_body()
                    finally:
                        self._enough = inf
        finally:
            self._reading = False

    def wants_wake(self) -> bool:
        """Whether what has arrived is worth waking the handler for."""
        return self.complete or self.size > self._enough

    def _continue(self) -> None:
        if self.expects_continue and not self._sent_continue:
            self._sent_continue = True
            if not self.size and not self.complete and not self.wire.lost:
                self.wire.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # the answer

    def respond(self, status: int, reason: str, headers: Headers, body: bytes | list[bytes] = b"") -> None:
        """Write the whole answer at once.

        Content-Length is set here, Date when missing, hop-by-hop fields are dropped. HEAD, 204 and 304 get no body;
        HEAD and 304 keep the Content-Length of `headers` when `body` is empty. If the client is gone, nothing happens.
        Raises HeaderInjection.
        """
        wire = self.wire
        if isinstance(body, list):
            data = body[0] if len(body) == 1 else b""
            length = len(data) if data else sum([len(part) for part in body])
        else:
            data = body
            length = len(body)
        bodyless = status in _BODYLESS or self.method == "HEAD"
        if not bodyless:
            extra = f"Content-Length: {length}\r\n"
        elif status == 204:
            extra = ""
        elif length and status != 304:
            extra = f"Content-Length: {length}\r\n"
        else:
            declared = headers.fields.get("content-length")
            extra = f"Content-Length: {int(declared[1])}\r\n" if declared is not None else ""
        if status == 426:
            extra += _upgrade(headers)
        if self.version != "1.1" or not self.complete or not self.keep_alive or wire.stopping:
            extra += self._connection()
        head = response_head(status, reason, headers.fields, extra)
        self.status = status
        self.finished = True
        if self.tap is not None:
            self.tap.answered(head, b"" if bodyless else body)
        if wire.lost:
            return
        if bodyless or not length:
            wire.transport.write(head)
        elif length > JOINED:
            wire.write_pieces((head, data) if data else (head, *body))
        elif data:
            wire.transport.write(head + data)
        else:
            wire.transport.write(b"".join((head, *body)))

    async def respond_stream(
        self, status: int, reason: str, headers: Headers, chunks: AsyncIterator[bytes]
    ) -> None:
        """Write the answer as its pieces come, waiting for a slow client.

        With a Content-Length in `headers` the body is sent as it is, otherwise chunked (HTTP/1.0: until close). When
        `chunks` raises, or gives more or less than Content-Length says, the connection is cut, so that the client
        can tell. Raises HeaderInjection, ClientGone, WriteTimeout, and what `chunks` raises.
        """
        wire = self.wire
        declared = headers.get("content-length")
        length = int(declared) if declared is not None and declared.isdecimal() else None
        bodyless = status in _BODYLESS or self.method == "HEAD"
        chunked = length is None and not bodyless and self.version != "1.0"
        if length is None and not chunked and not bodyless:
            self.keep_alive = False
        extra = self._connection()
        if chunked:
            extra += "Transfer-Encoding: chunked\r\n"
        elif length is not None and status != 204:
            extra += f"Content-Length: {length}\r\n"
        head = response_head(status, reason, headers.fields, extra)
        self.status = status
        if self.tap is not None:
            self.tap.answered(head, b"")
        wire.transport.write(head)
        sent = 0
        try:
            if not bodyless:
                async for chunk in chunks:
                    if not chunk:
                        continue
                    if wire.lost:
                        raise ClientGone
                    sent += len(chunk)
                    if self.tap is not None:
                        self.tap.sent(chunk)
                    if chunked:
                        wire.write_pieces((b"%x\r\n" % len(chunk), chunk, b"\r\n"))
                    elif length is not None and sent > length:
                        raise BadBody(f"the body is longer than its Content-Length of {length} bytes")
                    else:
                        wire.transport.write(chunk)
                    if wire.writing_paused:
                        await wire.drain()
                if length is not None and sent < length:
                    raise BadBody(f"the body ended after {sent} of {length} bytes")
        except BaseException:
            self.keep_alive = False
            # Without framing, only a reset tells the client that something is missing.
            if length is None and not chunked:
                wire.reset()
            else:
                wire.transport.close()
            raise
        if chunked:
            wire.transport.write(b"0\r\n\r\n")
        self.finished = True

    def interim(self, status: int, reason: str, headers: Headers) -> None:
        """Write an interim answer (103 Early Hints) ahead of the real one; HTTP/1.0 clients get none."""
        if self.version != "1.0" and not self.wire.lost:
            self.wire.transport.write(response_head(status, reason, headers.fields))

    def upgrade(self, headers: Headers, status: int = 101, reason: str = "Switching Protocols") -> Tunnel:
        """Answer 101 and take over the connection as a stream of bytes.

        The Connection and Upgrade fields are written here, from what the client asked for.
        """
        wire = self.wire
        upgrade = headers.get("upgrade") or self.upgrade_to
        head = response_head(status, reason, headers.fields, f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n")
        self.status = status
        self.finished = True
        self.keep_alive = False
        if self.tap is not None:
            self.tap.answered(head, b"")
        wire.taken = True
        wire.stop_timer()
        tunnel = Tunnel(wire.transport, wire.loop, wire.leftover or b"")
        tunnel.lost = wire.lost
        tunnel.write(head)
        return tunnel

    def _connection(self) -> str:
        """Decide whether the connection outlives this exchange; returns the line that says so where it must."""
        wire = self.wire
        unwanted = not self.complete and not self._reading and not self.worth_skipping()
        if wire.stopping or wire.broken is not None or unwanted:
            self.keep_alive = False
        if not self.keep_alive:
            return "Connection: close\r\n"
        return "Connection: keep-alive\r\n" if self.version == "1.0" else ""

    def worth_skipping(self) -> bool:
        """Whether the unread rest of the body is short enough to be read for the next request's sake."""
        if self.content_length is None or (self.expects_continue and not self._sent_continue):
            return False
        return self.content_length - self.size <= self.wire.limits.high_water


def _upgrade(headers: Headers) -> str:
    """What 426 must tell: the protocols to come with (RFC 9110 §15.5.22). These fields are hop-by-hop otherwise."""
    wanted = headers.get("Upgrade") or ""
    if not wanted or not wanted.isprintable():
        return ""
    return f"Connection: Upgrade\r\nUpgrade: {wanted}\r\n"
