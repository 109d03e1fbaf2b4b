"""Which server a request goes to: targets of an upstream by its algorithm, or the service's own host.

Kong shuffles its wheel of weights at start, we do not: targets take turns in the order of the file, each according to
its weight and evenly spread, so that a rehearsal is repeatable. Health checks follow the upstreams reference: a
counter that reaches its threshold takes a target out or in, a threshold of 0 is off.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Upstream
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed, Egress


class Peer(Struct, eq=False):
    """One server and how it does. `authority` is what the Host header says, None for host and port."""

    host: str
    port: int
    weight: int = 100
    authority: str | None = None
    healthy: bool = True
    current: int = 0
    in_flight: int = 0
    successes: int = 0
    http_failures: int = 0
    tcp_failures: int = 0
    timeouts: int = 0


class Ring:
    """The targets of an upstream."""

    def __init__(self, upstream: Upstream) -> None:
        config = upstream.config
        self.name = upstream.name
        self.algorithm: str = config["algorithm"]
        self.hash_on: str = config["hash_on"]
        self.config = config
        header = config["host_header"]
        self.peers = [
            Peer(target.host, target.port, target.weight, header)
            for target in upstream.targets
            if target.weight > 0
        ]
        passive = config["healthchecks"]["passive"]
        self._well = frozenset(passive["healthy"]["http_statuses"])
        self._ill = frozenset(passive["unhealthy"]["http_statuses"])
        self._to_be_well: int = passive["healthy"]["successes"]
        self._limits: dict[str, int] = {
            "http_failures": passive["unhealthy"]["http_failures"],
            "tcp_failures": passive["unhealthy"]["tcp_failures"],
            "timeouts": passive["unhealthy"]["timeouts"],
        }
        self._watches = bool(self._to_be_well or any(self._limits.values()))

    def candidates(self, ctx: KongContext) -> Iterator[Peer]:
        """The peers to try, one after another and for ever; ends at once when no target is healthy."""
        key = self.hash_key(ctx) if self.algorithm in ("consistent-hashing", "sticky-sessions") else ""
        tried: list[Peer] = []
        while True:
            live = [peer for peer in self.peers if peer.healthy]
            if not live:
                return
            fresh = [peer for peer in live if peer not in tried] or live
            peer = self._next(fresh, key)
            tried.append(peer)
            yield peer

    def _next(self, peers: list[Peer], key: str) -> Peer:
        if key:
            return max(peers, key=lambda peer: _rendezvous(key, peer))
        if self.algorithm == "least-connections":
            return min(peers, key=lambda peer: (peer.in_flight + 1) / peer.weight)
        total = 0
        for peer in peers:
            peer.current += peer.weight
            total += peer.weight
        best = max(peers, key=lambda peer: peer.current)
        best.current -= total
        return best

    def turn(self, number: int) -> None:
        """Let the targets take turns as if `number` calls had gone before; who is unhealthy stays so."""
        for peer in self.peers:
            peer.current = 0
        weights = [peer.weight for peer in self.peers]
        for _ in range(number % (sum(weights) // math.gcd(*weights)) if weights else 0):
            self._next(self.peers, "")

    def hash_key(self, ctx: KongContext) -> str:
        """What a request is hashed on; empty when it has neither that nor the fallback (then it takes its turn)."""
        return self._hash_value(ctx, self.hash_on, "hash_on") or self._hash_value(
            ctx, self.config["hash_fallback"], "hash_fallback"
        )

    def _hash_value(self, ctx: KongContext, kind: str, field: str) -> str:
        name = self.config.get(f"{field}_{kind}") or ""
        if kind == "consumer":
            return ctx.consumer.id if ctx.consumer is not None else ""
        if kind == "ip":
            return ctx.client.ip
        if kind == "header":
            return ctx.request.headers.get(name) or ""
        if kind == "cookie":
            return cookies(ctx.request).get(name or self.config["hash_on_cookie"] or "", "")
        if kind == "path":
            return ctx.request.path
        if kind == "query_arg":
            return ctx.request.query.get(name) or ""
        return ctx.captures.get(name, "") if kind == "uri_capture" else ""

    def answered(self, peer: Peer, status: int) -> None:
        """A passive check: what the peer answered."""
        if not self._watches:
            return
        if status in self._ill:
            self._count(peer, "http_failures")
        elif status in self._well:
            self.succeeded(peer, self._to_be_well)

    def failed(self, peer: Peer, timeout: bool) -> None:
        """A passive check: the peer could not be reached, or took too long."""
        if self._watches:
            self._count(peer, "timeouts" if timeout else "tcp_failures")

    def _count(self, peer: Peer, kind: str) -> None:
        count = getattr(peer, kind) + 1
        setattr(peer, kind, count)
        peer.successes = 0
        if 0 < self._limits[kind] <= count:
            peer.healthy = False

    def succeeded(self, peer: Peer, threshold: int) -> None:
        peer.http_failures = peer.tcp_failures = peer.timeouts = 0
        peer.successes += 1
        if 0 < threshold <= peer.successes:
            peer.healthy = True


def _rendezvous(key: str, peer: Peer) -> float:
    """The share of a key that a peer claims (highest random weight): few keys move when targets come or go."""
    digest = hashlib.blake2b(f"{key}\0{peer.host}:{peer.port}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 1) / 2**64
    return math.pow(share, 1 / peer.weight)


def cookies(request: Message) -> dict[str, str]:
    """The cookies of a request."""
    pairs = (part.partition("=") for part in (request.headers.get("Cookie") or "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


class ActiveChecks:
    """The active health checks of what is served: each asks the targets at its intervals."""

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, rings: list[Ring]) -> None:
        """Check these from now on, and no others."""
        self.stop()
        loop = asyncio.get_running_loop()
        for ring in rings:
            active = ring.config["healthchecks"]["active"]
            intervals = [active[side]["interval"] for side in ("healthy", "unhealthy")]
            for healthy, interval in zip((True, False), intervals, strict=True):
                if interval:
                    self._tasks.append(loop.create_task(self._watch(ring, active, healthy, interval)))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _watch(self, ring: Ring, active: dict[str, Any], healthy: bool, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            for peer in [peer for peer in ring.peers if peer.healthy is healthy]:
                await self.check(ring, peer, active)

    async def check(self, ring: Ring, peer: Peer, active: dict[str, Any]) -> None:
        """One check of one target."""
        scheme = "https" if active["type"] == "https" else "http"
        request = Message.request("GET")
        for name, values in (active["headers"] or {}).items():
            request.headers.set_values(name, values)
        call = Call(
            f"{scheme}://{peer.host}:{peer.port}{active['http_path']}",
            request,
            "health",
            int(active["timeout"] * 1000),
            int(active["timeout"] * 1000),
            host_header=peer.authority,
            tls=TlsProfile(
                verify=active["https_verify_certificate"],
                server_name=active["https_sni"] or peer.authority or peer.host,
            ),
        )
        limits = active["unhealthy"]
        kind = ""
        try:
            answer = await self.egress.send(call)
        except CallFailed as error:
            kind = "timeouts" if "timeout" in error.kind else "tcp_failures"
        else:
            if active["type"] != "tcp" and answer.status in limits["http_statuses"]:
                kind = "http_failures"
            elif active["type"] == "tcp" or answer.status in active["healthy"]["http_statuses"]:
                ring.succeeded(peer, active["healthy"]["successes"])
        if kind:
            count = getattr(peer, kind) + 1
            setattr(peer, kind, count)
            peer.successes = 0
            if 0 < limits[kind] <= count:
                peer.healthy = False


def lone_peer(host: str, port: int) -> Peer:
    """The one server of a service whose host names no upstream."""
    return Peer(host, port)
