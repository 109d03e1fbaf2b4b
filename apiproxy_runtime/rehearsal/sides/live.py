"""A gateway that runs elsewhere, called over the network: its answers are all that is seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic

from apiproxy_runtime.gateway.compression import wire_body
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.rehearsal.arrival import arriving, end_to_end
from apiproxy_runtime.rehearsal.exchange import Exchange, Response
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Kind, Reached

#: Methods that a server may be asked without consequences (RFC 9110 §9.2.1).
SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class LiveSide:
    """Sends cases to an address, at most `rate` a second, never twice."""

    kind: Kind = "live"
    calls_seen = False
    effects_seen = False

    def __init__(
        self,
        url: str,
        connect_to: Mapping[str, str] | None = None,
        rate: float = 20.0,
        timeout: float = 30.0,
    ) -> None:
        self.title = url.rstrip("/")
        self._connect_to = connect_to
        self._pause = 1.0 / rate if rate > 0 else 0.0
        self._timeout = timeout
        self._due = 0.0
        self._client: HttpClient | None = None
        self._egress: HttpEgress | None = None

    async def open(self) -> None:
        self._client = HttpClient()
        self._egress = HttpEgress(self._client, self._connect_to)

    async def answer(self, number: int, now: float, case: Exchange) -> Outcome:
        assert self._egress is not None
        wait = self._due - monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._due = max(self._due, monotonic()) + self._pause
        request = Message(True, arriving(case.request), case.request.body)
        request.verb = case.request.method
        request.headers.remove("Host")
        request.encoded = case.request.body if "content-encoding" in request.headers.fields else None
        deadline = asyncio.get_running_loop().time() + self._timeout
        millis = int(self._timeout * 1000)
        call = Call(self.title + case.request.target, request, "target", millis, millis, deadline)
        try:
            message = await self._egress.send(call)
        except CallFailed as failure:
            return Outcome(None, failure=f"{failure.kind}: {failure.text}")
        body = b"" if message.stream is not None else wire_body(message)
        data = body if isinstance(body, bytes) else b"".join(body)
        return Outcome(Response(message.status, end_to_end(message.headers), data, message.reason_phrase))

    def reached(self) -> Reached | None:
        return None

    def about(self) -> Mapping[str, str]:
        return {"kind": "a running gateway", "address": self.title}

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            await asyncio.sleep(0)
