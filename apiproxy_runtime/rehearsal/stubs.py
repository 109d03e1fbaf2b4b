"""The upstreams of a rehearsal: whatever a side sends out is answered here, and kept to be compared.

A call is answered by, in this order: the hosts that `--connect-to` leads to the network, the mocks, the calls recorded
with the case, the choice for what nothing fits (`on_miss`). A recorded call fits when method, host and path are the
same; of several the best in query, body and headers is taken, each once before any twice, so that repeated calls get
the recorded sequence.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from apiproxy_runtime.gateway.compression import decode_body, wire_body
from apiproxy_runtime.gateway.egress import Outgoing, UnaryCall, Way
from apiproxy_runtime.gateway.http.content_encoding import BadEncoding, UnsupportedEncoding
from apiproxy_runtime.gateway.http.errors import BodyTooBig, HeaderInjection
from apiproxy_runtime.gateway.http.head import HOP_BY_HOP, request_head
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.rehearsal.arrival import end_to_end
from apiproxy_runtime.rehearsal.exchange import Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.mocks import Mock
from apiproxy_runtime.rehearsal.outcome import Effect

#: `default` answers 200 with a note of what was called, `closest` the recorded call that fits best, `fail` refuses the
#: connection, `passthrough` really calls.
OnMiss = Literal["default", "closest", "fail", "passthrough"]
ON_MISS: tuple[OnMiss, ...] = ("closest", "default", "fail", "passthrough")
_DROPPED = HOP_BY_HOP | {"host", "content-length", "expect"}
_NO_BODY = frozenset(("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"))
_AUTHORITY = re.compile(r"[^/?#]*//[^/?#]*")
_CLOSED = ("127.0.0.1", 1, True)


class Policy(Struct, frozen=True):
    """What is the same for every side: mocks, the choice for misses, hosts that really are called."""

    mocks: Sequence[Mock] = ()
    on_miss: OnMiss = "closest"
    real_hosts: frozenset[str] = frozenset()


class Stubs:
    """The upstreams of one side; `begin` tells it the calls recorded with the next case, `step` what runs.

    `called` is told of each call, with its number in the case, while whoever makes it is still known.
    """

    def __init__(
        self,
        inner: Outgoing,
        policy: Policy,
        step: Callable[[], str],
        called: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._step = step
        self._called = called
        self._inner = inner
        self._policy = policy
        self._recorded: tuple[UpstreamCall, ...] = ()
        self._used: list[int] = []
        self._mock_uses: dict[int, int] = {}
        self.calls: list[UpstreamCall] = []
        self.effects: list[Effect] = []
        self.misses: list[str] = []

    def begin(self, recorded: tuple[UpstreamCall, ...]) -> None:
        """The next case: what it called is forgotten."""
        self._recorded = recorded
        self._used = [0] * len(recorded)
        self._mock_uses.clear()
        self.calls = []
        self.effects = []
        self.misses = []

    # ---- the egress

    async def send(self, call: Call) -> Message:
        request = await self._leaving(call)
        if self._policy.real_hosts and self._is_real(request.host):
            return await self._really(call, request)
        found = self._find(request)
        if found is None:
            if self._policy.on_miss == "passthrough":
                return await self._really(call, request)
            found = self._missed(request, call.purpose)
        response, failure, text = found
        self._made(UpstreamCall(call.purpose, request, response, failure, text))
        if response is None:
            raise CallFailed(failure or "unreachable", text or "the call failed in the recording")
        return answered(response, call)

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        """Connections that are no HTTP find a closed port, except where `--connect-to` leads them."""
        if host in self._policy.real_hosts or f"{host}:{port}" in self._policy.real_hosts:
            return self._inner.resolve(host, port)
        refusal = "refused: only HTTP, gRPC and log lines are stubbed"
        self.effects.append(Effect("connection", f"{host}:{port}", refusal, self._step()))
        return _CLOSED

    def answers_for(self, host: str, port: int) -> bool:
        """Hosts of the cloud that `--connect-to` leads, that a mock names, or that the recorded case has called."""
        names = (host, f"{host}:{port}")
        return (
            any(name in self._policy.real_hosts for name in names)
            or any(mock.answers_for(name) for mock in self._policy.mocks for name in names)
            or any(call.request.host.lower() in names for call in self._recorded)
        )

    def way_of(self, url: str) -> Way:
        return self._inner.way_of(url)

    def log(self, host: str, port: int, line: str) -> bool:
        self.effects.append(Effect("log", f"{host}:{port}", line, self._step()))
        return True

    def unary(self, url: str) -> UnaryCall | None:
        """gRPC calls get the recorded bytes, else their own back: an external callout that changes nothing."""
        if self._is_real(urlsplit(url).netloc):
            return None

        async def invoke(body: bytes, metadata: tuple[tuple[str, str], ...]) -> bytes:
            request = Request("POST", url, (("Content-Type", "application/grpc"), *metadata), body, "HTTP/2")
            found = self._find(request)
            response = found[0] if found is not None else None
            if response is None:
                response = Response(200, (("Content-Type", "application/grpc"),), body)
            self._made(UpstreamCall("callout", request, response))
            return response.body

        return invoke

    def _is_real(self, host: str) -> bool:
        """Whether calls for `host[:port]` really leave."""
        real = self._policy.real_hosts
        return host in real or host.partition(":")[0] in real

    async def _really(self, call: Call, request: Request) -> Message:
        try:
            message = await self._inner.send(call)
        except CallFailed as failure:
            self._made(UpstreamCall(call.purpose, request, None, failure.kind, failure.text))
            raise
        if message.stream is None:
            pairs, body = end_to_end(message.headers), message.body
            self._made(UpstreamCall(call.purpose, request, Response(message.status, pairs, body)))
        else:
            self._made(
                UpstreamCall(call.purpose, request, Response(message.status, end_to_end(message.headers)))
            )
        return message

    async def _leaving(self, call: Call) -> Request:
        """The request as it would stand on the wire. Raises CallFailed for one that cannot be sent."""
        message = call.request
        way = self._inner.way_of(call.url)
        host = call.host_header or way.host_header
        if message.stream is not None:
            body = b"".join([chunk async for chunk in message.stream])
        else:
            held = wire_body(message)
            body = held if isinstance(held, bytes) else b"".join(held)
        # behind a host without a path the query may come at once, with slashes of its own
        rest = _AUTHORITY.sub("", call.url, count=1)
        target = rest if rest[:1] == "/" else f"/{rest}"
        if " " in target or "#" in target:
            target = target.partition("#")[0].replace(" ", "%20")
        fields = message.headers.fields
        try:
            request_head(message.verb, target, host, fields)
        except HeaderInjection as error:
            raise CallFailed("bad_url", str(error)) from None
        headers: list[tuple[str, str]] = [("Host", host)]
        headers += [
            (field[0], value) for key, field in fields.items() if key not in _DROPPED for value in field[1:]
        ]
        url = f"{way.scheme}://{way.host_header}{target}"
        return Request(message.verb, url, tuple(headers), body)

    def _made(self, call: UpstreamCall) -> None:
        self._called(len(self.calls))
        self.calls.append(call)

    # ---- answers

    def _find(self, request: Request) -> tuple[Response | None, str, str] | None:
        for number, mock in enumerate(self._policy.mocks):
            if mock.fails(request) is None:
                uses = self._mock_uses.get(number, 0)
                if mock.times and uses >= mock.times:
                    continue
                self._mock_uses[number] = uses + 1
                return mock.response, mock.failure, f"as {mock.name} says"
        best: tuple[int, int, int] | None = None
        for number, call in enumerate(self._recorded):
            points = fit(call.request, request)
            if points >= FITS:
                rank = (-self._used[number], points, -number)
                if best is None or rank > best:
                    best = rank
        if best is None:
            return None
        number = -best[2]
        self._used[number] += 1
        call = self._recorded[number]
        return call.response, call.failure, call.failure_text

    def _missed(self, request: Request, purpose: str) -> tuple[Response | None, str, str]:
        nearest = max(self._recorded, key=lambda call: fit(call.request, request), default=None)
        asked = f"{request.method} {request.url}"
        if nearest is not None:
            self.misses.append(f"{asked}: {explain(nearest.request, request)}")
        elif self._policy.mocks:
            reason = self._policy.mocks[0].fails(request)
            self.misses.append(f"{asked}: no mock fits ({self._policy.mocks[0].name}: {reason or 'used up'})")
        else:
            self.misses.append(f"{asked}: nothing was recorded or mocked for this case")
        if self._policy.on_miss == "fail":
            return None, "unreachable", f"no stub answers {asked}"
        if self._policy.on_miss == "closest" and nearest is not None and same_host(nearest.request, request):
            return nearest.response, nearest.failure, nearest.failure_text
        return default_answer(request, purpose), "", ""


#: Points of a call that may be answered by a recorded one: method, host and path are the same.
FITS = 1000


def fit(recorded: Request, made: Request) -> int:
    """How well a recorded call answers one that is made: FITS and more when it may, the rest orders the misses."""
    if recorded.url == made.url and recorded.method == made.method:
        return FITS + 40 + (20 if recorded.body == made.body else 15 * _same_json(recorded.body, made.body))
    points = 0
    if same_host(recorded, made):
        points += 500
    if recorded.path == made.path:
        points += 300
    if recorded.method == made.method:
        points += 200
    if recorded.query == made.query:
        points += 40
    elif sorted(recorded.query.split("&")) == sorted(made.query.split("&")):
        points += 30
    if recorded.body == made.body:
        points += 20
    elif _same_json(recorded.body, made.body):
        points += 15
    return points


def same_host(recorded: Request, made: Request) -> bool:
    """Whether both go to one host; a recording that knows no hosts fits any."""
    host = recorded.host.lower()
    if not host or host == made.host.lower():
        return True
    port = ":443" if recorded.url.startswith("https") else ":80"
    return host.removesuffix(port) == made.host.lower().removesuffix(port)


def explain(nearest: Request, made: Request) -> str:
    """Why the nearest recorded call does not answer one that is made."""
    if not same_host(nearest, made):
        reason = f"host {made.host}, recorded {nearest.host}"
    elif nearest.path != made.path:
        reason = f"path {made.path}, recorded {nearest.path}"
    elif nearest.method != made.method:
        reason = f"method {made.method}, recorded {nearest.method}"
    else:
        reason = "all recorded answers are used up"
    return f"closest is {nearest.method} {nearest.url} ({reason})"


def _same_json(one: bytes, other: bytes) -> bool:
    if one[:1] not in (b"{", b"[") or other[:1] != one[:1]:
        return False
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def default_answer(request: Request, purpose: str) -> Response:
    """What answers a call that nothing was recorded or mocked for: 200, and which call it was, as JSON or XML.

    It names method, path and query, not headers and body, so that a difference in those shows where it is and is not
    carried into the answer. A fetch of keys gets an empty set.
    """
    if purpose == "keys":
        return Response(200, (("Content-Type", "application/json"),), b'{"keys":[]}', "OK")
    accept = (request.header("accept") or "").lower()
    if "xml" in accept and "json" not in accept and "html" not in accept:
        body = f"<stub><method>{request.method}</method><path>{_escaped(request.path)}</path></stub>"
        return Response(200, (("Content-Type", "application/xml"),), body.encode(), "OK")
    told = {"stub": True, "method": request.method, "path": request.path, "query": request.query}
    return Response(200, (("Content-Type", "application/json"),), json.dumps(told).encode(), "OK")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def answered(response: Response, call: Call) -> Message:
    """The response as the egress gives it. Raises CallFailed for a body that is not what its Content-Encoding says."""
    body = b"" if call.request.verb == "HEAD" or response.status in (204, 304) else response.body
    message = Message(False, Headers(response.headers), body)
    message.status = response.status
    message.reason = response.reason or None
    fields = message.headers.fields
    fields.pop("transfer-encoding", None)
    fields.pop("connection", None)
    if "content-length" in fields and body:
        fields["content-length"][1:] = [str(len(body))]
    if call.stream or (call.stream is None and message.content_type() == "text/event-stream"):
        message.body = b""
        message.stream = _once(body)
    elif "content-encoding" in fields:
        try:
            decode_body(message, call.limit)
        except BadEncoding as error:
            raise CallFailed("decompression", str(error)) from error
        except UnsupportedEncoding as error:
            raise CallFailed("unsupported_encoding", error.value) from error
        except BodyTooBig as error:
            raise CallFailed("too_big", str(error)) from error
    elif len(body) > call.limit:
        raise CallFailed("too_big", f"the answer has more than {call.limit} bytes")
    return message


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
