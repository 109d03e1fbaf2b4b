"""Load balancing over target servers: who is next, who is out, and who is retried.

Source: "Load balancing across backend servers". Failures are counted for each server; any answer that is not listed
as unhealthy resets the count. A server that reached MaxFailures stays out until its health monitor finds it well, or,
without a monitor, for five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from msgspec import Struct

from apiproxy_runtime.bundle.model import LoadBalancer
from apiproxy_runtime.policy.events import EventKind
from apiproxy_runtime.world import World

#: Seconds after which a server without a health monitor is tried again.
REST = 300.0

#: What is told when a server is taken out (`unhealthy`), and when it is back in use (`healthy`).
TARGET_HEALTH = EventKind(
    "targets",
    "health",
    ("environment", "proxy", "target_server", "host", "port", "health", "failures"),
    ("proxy", "target_server", "health"),
    "A target server was taken out of its load balancer, or put back",
)


class ServerState(Struct):
    """One target server of a load balancer. `out_until` is a monotonic moment; 0.0 means in use."""

    name: str
    weight: int
    fallback: bool
    failures: int = 0
    in_flight: int = 0
    current: float = 0.0
    out_until: float = 0.0


class Balance:
    """The state of one LoadBalancer element, shared by the transactions that go through it.

    changed  told of a server that is taken out or put back
    """

    def __init__(
        self,
        balancer: LoadBalancer,
        enabled: frozenset[str],
        world: World,
        monitored: bool,
        changed: Callable[[ServerState], None] = lambda server: None,
    ) -> None:
        self.changed = changed
        self.algorithm = balancer.algorithm
        self.max_failures = balancer.max_failures
        self.retry = balancer.retry_enabled and len(balancer.servers) > 1
        self.unhealthy = frozenset(balancer.unhealthy_codes)
        self.monitored = monitored
        self.world = world
        self.servers = [
            ServerState(server.name, server.weight or 1, server.is_fallback)
            for server in balancer.servers
            if server.is_enabled and server.name in enabled
        ]

    def candidates(self) -> Iterator[ServerState]:
        """The servers to try for one call, each once: by the algorithm, the fallback last of all."""
        tried: set[str] = set()
        while True:
            regular = [
                s for s in self.servers if not s.fallback and s.name not in tried and self.available(s)
            ]
            if not regular:
                break
            server = self._next(regular)
            tried.add(server.name)
            yield server
        for server in self.servers:
            if server.fallback and self.available(server):
                yield server

    def available(self, server: ServerState) -> bool:
        if not server.out_until:
            return True
        if not self.monitored and self.world.monotonic() >= server.out_until:
            server.out_until, server.failures = 0.0, 0
            self.changed(server)
            return True
        return False

    def _next(self, servers: list[ServerState]) -> ServerState:
        if self.algorithm == "LeastConnections":
            return min(servers, key=lambda server: server.in_flight)
        # smooth weighted round robin: each server's share is proportional to its weight, and evenly spread
        total = 0.0
        for server in servers:
            weight = server.weight if self.algorithm == "Weighted" else 1
            server.current += weight
            total += weight
        best = max(servers, key=lambda server: server.current)
        best.current -= total
        return best

    def turn(self, number: int) -> None:
        """Let the servers take turns as if `number` calls had gone before; who is out stays out."""
        regular = [server for server in self.servers if not server.fallback]
        for server in regular:
            server.current = 0.0
        weights = [server.weight if self.algorithm == "Weighted" else 1 for server in regular]
        for _ in range(number % (sum(weights) // math.gcd(*weights)) if weights else 0):
            self._next(regular)

    def failed(self, server: ServerState) -> None:
        """Count a failure; the server is taken out when it has had too many."""
        server.failures += 1
        if 0 < self.max_failures <= server.failures:
            was_in_use = not server.out_until
            server.out_until = self.world.monotonic() + REST
            if was_in_use:
                self.changed(server)

    def succeeded(self, server: ServerState) -> None:
        server.failures = 0
        if server.out_until:
            server.out_until = 0.0
            self.changed(server)
