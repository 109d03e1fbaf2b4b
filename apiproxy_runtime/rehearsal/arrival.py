"""A request that arrives without a socket: what a side's gateway is handed, and the answer it gave.

Replaying thousands of cases a second in one process is possible because nothing is written to a wire and parsed again;
what the wire would refuse (a line break in a header) is still refused, and what it would drop is dropped.
"""

from __future__ import annotations

import ipaddress
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator

from apiproxy_runtime.gateway.http.clientwire import ClientWire
from apiproxy_runtime.gateway.http.errors import BodyTooBig, ClientGone
from apiproxy_runtime.gateway.http.exchange import Exchange as WireExchange
from apiproxy_runtime.gateway.http.head import HOP_BY_HOP, response_head
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.tunnel import Tunnel
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.rehearsal.exchange import HeaderPairs, Request, Response

_LIMITS = Limits()
#: How the wire frames a message; the answer's own are set anew by whoever writes it.
FRAMING = HOP_BY_HOP | {"content-length"}
_BODYLESS = frozenset((204, 304))
LOCAL = ("127.0.0.1", 8998)


class Arrival(WireExchange):
    """One case on its way through a gateway. `answer` is what it was answered, once `finished`."""

    __slots__ = ("answer",)

    def __init__(self, wire: ClientWire, request: Request, received: float) -> None:
        # what came over HTTP/2 reaches a gateway as HTTP/1.1, as through the front of a hosted one
        version = "1.0" if request.version.endswith("1.0") else "1.1"
        super().__init__(wire, request.method, request.target, version, arriving(request))
        self.received = received
        self.complete = True
        body = request.body
        if body:
            self.has_body = True
            self.parts = [body]
            self.size = len(body)
            self.content_length = len(body)
        self.answer: Response | None = None

    async def read_body(self, limit: int) -> bytes:
        if self.size > limit:
            raise BodyTooBig(limit, declared=True)
        return self.parts[0] if self.parts else b""

    async def _chunks(self) -> AsyncIterator[bytes]:
        if self.parts:
            yield self.parts[0]

    def respond(self, status: int, reason: str, headers: Headers, body: bytes | list[bytes] = b"") -> None:
        response_head(status, reason, headers.fields)
        data = body if isinstance(body, bytes) else b"".join(body)
        self._answered(status, reason, headers, data)

    async def respond_stream(
        self, status: int, reason: str, headers: Headers, chunks: AsyncIterator[bytes]
    ) -> None:
        response_head(status, reason, headers.fields)
        data = b"".join([chunk async for chunk in chunks])
        self._answered(status, reason, headers, data)

    def interim(self, status: int, reason: str, headers: Headers) -> None:
        """Interim answers are no part of what is compared."""

    def upgrade(self, headers: Headers, status: int = 101, reason: str = "Switching Protocols") -> Tunnel:
        self._answered(status, reason, headers, b"")
        raise ClientGone

    def _answered(self, status: int, reason: str, headers: Headers, body: bytes) -> None:
        if status in _BODYLESS or self.method == "HEAD":
            body = b""
        self.status = status
        self.finished = True
        self.answer = Response(status, end_to_end(headers), body, reason)


def arriving(request: Request) -> Headers:
    """The headers as the wire would bring them: a Host, and the length of the body in place of any framing."""
    headers = Headers(request.headers)
    fields = headers.fields
    if "host" not in fields:
        fields["host"] = ["Host", request.host or "localhost"]
    fields.pop("transfer-encoding", None)
    if request.body:
        fields["content-length"] = ["Content-Length", str(len(request.body))]
    elif fields.get("content-length", ["", "0"])[1] != "0":
        fields["content-length"][1:] = ["0"]
    return headers


def end_to_end(headers: Headers) -> HeaderPairs:
    """The fields that pass a hop, without those that frame the message."""
    return tuple(
        [
            (field[0], value)
            for key, field in headers.fields.items()
            if key not in FRAMING
            for value in field[1:]
        ]
    )


def wire_of(loop: AbstractEventLoop, session: str) -> ClientWire:
    """The connection of a client; a session that is an IP address is where it comes from."""
    wire = ClientWire(loop, _LIMITS)
    try:
        address = str(ipaddress.ip_address(session)) if session else LOCAL[0]
    except ValueError:
        address = LOCAL[0]
    wire.peer, wire.local = (address, 40_000), LOCAL
    return wire
