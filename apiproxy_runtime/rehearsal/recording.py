"""Records traffic of a gateway that runs here, with the calls it makes to upstreams.

A recorder stands at both ends: round the gateway's handler, where a client's exchange begins and ends, and before the
egress, where calls pass. Which call belongs to which exchange is known by the task that makes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from time import monotonic
from typing import Any

from apiproxy_runtime.gateway.compression import wire_body
from apiproxy_runtime.gateway.egress import Outgoing, UnaryCall, Way
from apiproxy_runtime.gateway.http.exchange import Exchange as WireExchange
from apiproxy_runtime.gateway.http.head import HOP_BY_HOP
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.rehearsal.exchange import Exchange, HeaderPairs, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import HarFile

logger = logging.getLogger("apiproxy")

#: Bytes of a body that are kept; of a longer one only its length is told.
BODY_LIMIT = 10 * 1024 * 1024
#: Seconds that what goes on after the answer (PostClientFlow, calls nobody waits for) may hold an entry back.
AFTERWARDS = 2.0


Handle = Callable[[WireExchange], Awaitable[None]]
Background = Callable[[], set[asyncio.Task[Any]]]


class Recorder:
    """Writes exchanges to a file, masked. `calls` counts upstream calls, `masked` what was replaced."""

    def __init__(self, file: HarFile, mask: Callable[[Exchange], Exchange]) -> None:
        self.file = file
        self.calls = 0
        self.masked: dict[str, None] = {}
        #: entries that wait for what goes on after the answer
        self.writing: set[asyncio.Task[None]] = set()
        self._mask = mask

    @property
    def count(self) -> int:
        """How many exchanges are in the file."""
        return self.file.count

    def write(self, exchange: Exchange) -> None:
        """Mask an exchange and append it. What cannot be written is told to the log, and traffic goes on."""
        try:
            masked = self._mask(exchange)
            self.file.add(masked)
        except Exception as error:
            # whatever goes wrong here, the client's answer must not suffer
            logger.warning(
                "The exchange %s was not recorded: %s: %s", exchange.id, type(error).__name__, error
            )
            return
        self.calls += len(masked.calls)
        self.masked.update(dict.fromkeys(masked.masked))

    def outgoing(self, inner: Outgoing) -> Outgoing:
        """What stands before a runtime's egress: `Runtime(outgoing=recorder.outgoing)`."""
        return RecordedEgress(inner)

    def round(self, answer: Handle, background: Background) -> Handle:
        """A gateway's handler with this recorder round it; see `recorded`."""
        return recorded(answer, background, self)

    async def settle(self) -> None:
        """Wait for the entries that are held back."""
        if self.writing:
            await asyncio.wait(set(self.writing), timeout=2 * AFTERWARDS)


class Body:
    """A body that passes in pieces, kept up to the limit."""

    def __init__(self, pieces: bytes | list[bytes] = b"") -> None:
        self.pieces: list[bytes] = [pieces] if isinstance(pieces, bytes) else list(pieces)
        self.size = sum(map(len, self.pieces))

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= BODY_LIMIT:
            self.pieces.append(piece)

    def whole(self, whose: str, notes: list[str]) -> bytes:
        if self.size > BODY_LIMIT:
            notes.append(f"the body of {whose}, {self.size} bytes, was not kept (the limit is {BODY_LIMIT})")
            return b""
        return b"".join(self.pieces)

    async def through(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in stream:
            self.add(piece)
            yield piece


class _CallUnderWay:
    """A call that has begun; the response's stream may still run."""

    def __init__(self, call: Call, way_host: str, begun: float) -> None:
        self.call = call
        self.offset = begun
        self.millis = 0.0
        request = call.request
        self.host = call.host_header or way_host
        self.headers = _pairs(request.headers, ("host", "expect", "content-length"))
        self.verb = request.verb
        self.sent = Body(wire_body(request) if request.stream is None else b"")
        self.received = Body()
        self.answer: tuple[int, str, HeaderPairs] | None = None
        self.failure: CallFailed | None = None

    def finished(self, notes: list[str]) -> UpstreamCall:
        url = self.call.url
        response = None
        if self.answer is not None:
            status, reason, headers = self.answer
            response = Response(status, headers, self.received.whole(f"the response of {url}", notes), reason)
        failure = self.failure
        return UpstreamCall(
            purpose=self.call.purpose,
            request=Request(
                self.verb,
                url,
                (("Host", self.host), *self.headers),
                self.sent.whole(f"the request to {url}", notes),
            ),
            response=response,
            failure=failure.kind if failure is not None else "" if response is not None else "unfinished",
            failure_text=failure.text if failure is not None else "",
            offset=round(self.offset * 1000, 3),
            millis=round(self.millis * 1000, 3),
        )


class _Take:
    """An exchange that is being recorded: the tap of its wire, and its calls."""

    def __init__(self, exchange: WireExchange, number: int) -> None:
        self.exchange = exchange
        self.id = str(number)
        self.begun = monotonic()
        self.headers = _pairs(exchange.headers, ())
        self.method, self.target, self.version = exchange.method, exchange.target, f"HTTP/{exchange.version}"
        self.request_body: Body | None = None
        self.head = b""
        self.response_body = Body()
        self.answered_after = 0.0
        self.calls: list[_CallUnderWay] = []
        self.closed = False

    def arrived(self, piece: bytes) -> None:
        if self.request_body is None:
            self.request_body = Body()
        self.request_body.add(piece)

    def answered(self, head: bytes, body: bytes | list[bytes]) -> None:
        self.head = head
        self.response_body = Body(body)
        self.answered_after = monotonic() - self.begun

    def sent(self, piece: bytes) -> None:
        self.response_body.add(piece)

    def finished(self) -> Exchange:
        self.closed = True
        exchange = self.exchange
        notes: list[str] = []
        body = self.request_body or Body(exchange.body_now() or exchange.parts)
        if not exchange.complete:
            notes.append("the request's body was not read to its end")
        host = next((value for name, value in self.headers if name.lower() == "host"), "")
        scheme = "http" if exchange.wire.tls is None else "https"
        url = f"{scheme}://{host}{self.target}" if host and self.target.startswith("/") else self.target
        response = (
            response_of(self.head, self.response_body.whole("the response", notes)) if self.head else None
        )
        if response is None:
            notes.append("the client left before it had an answer")
        return Exchange(
            id=self.id,
            request=Request(self.method, url, self.headers, body.whole("the request", notes), self.version),
            response=response,
            calls=tuple(call.finished(notes) for call in self.calls),
            calls_recorded=True,
            session=exchange.peer[0],
            at=exchange.received,
            millis=round(self.answered_after * 1000, 3),
            notes=tuple(notes),
        )


_current: ContextVar[_Take | None] = ContextVar("recorded exchange", default=None)


class RecordedEgress:
    """The egress with a recorder before it: `Runtime(outgoing=RecordedEgress)`."""

    def __init__(self, inner: Outgoing) -> None:
        self.inner = inner

    async def send(self, call: Call) -> Message:
        take = _current.get()
        if take is None or take.closed:
            return await self.inner.send(call)
        begun = monotonic()
        try:
            host = self.inner.way_of(call.url).host_header
        except CallFailed:
            host = ""
        under_way = _CallUnderWay(call, host, begun - take.begun)
        take.calls.append(under_way)
        request = call.request
        if request.stream is not None:
            request.stream = under_way.sent.through(request.stream)
        try:
            response = await self.inner.send(call)
        except CallFailed as failure:
            under_way.failure = failure
            raise
        finally:
            under_way.millis = monotonic() - begun
        under_way.answer = (response.status, response.reason_phrase, _pairs(response.headers, ()))
        if response.stream is not None:
            response.stream = under_way.received.through(response.stream)
        else:
            under_way.received = Body(wire_body(response))
        return response

    def way_of(self, url: str) -> Way:
        return self.inner.way_of(url)

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        return self.inner.resolve(host, port)

    def answers_for(self, host: str, port: int) -> bool:
        return self.inner.answers_for(host, port)

    def unary(self, url: str) -> UnaryCall | None:
        return self.inner.unary(url)

    def log(self, host: str, port: int, line: str) -> bool:
        return self.inner.log(host, port, line)


def recorded(answer: Handle, background: Background, recorder: Recorder) -> Handle:
    """A gateway's handler with a recorder round it; `background` gives what the gateway goes on with after answers."""
    numbers = iter(range(1, 1 << 62))

    async def afterwards(take: _Take, work: set[asyncio.Task[Any]]) -> None:
        await asyncio.wait(work, timeout=AFTERWARDS)
        recorder.write(take.finished())

    async def handle(exchange: WireExchange) -> None:
        take = _Take(exchange, next(numbers))
        exchange.tap = take
        token = _current.set(take)
        before = set(background())
        try:
            await answer(exchange)
        finally:
            _current.reset(token)
            exchange.tap = None
            work = background() - before
            if work:
                writing = asyncio.get_running_loop().create_task(afterwards(take, work))
                recorder.writing.add(writing)
                writing.add_done_callback(recorder.writing.discard)
            else:
                recorder.write(take.finished())

    return handle


def response_of(head: bytes, body: bytes) -> Response:
    """A response from its head as written to the wire."""
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    version, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    pairs = [line.partition(":") for line in lines if line]
    headers = tuple((name, value.strip(" \t")) for name, _, value in pairs)
    return Response(int(status), headers, body, reason, version)


def _pairs(headers: Headers, dropped: tuple[str, ...]) -> HeaderPairs:
    return tuple(
        (field[0], value)
        for key, field in headers.fields.items()
        if key not in HOP_BY_HOP and key not in dropped
        for value in field[1:]
    )
