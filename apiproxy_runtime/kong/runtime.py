"""The runtime of one kong.yml: deploys it, all or nothing, and holds what its plugins share.

It has the surface of the bundles' `gateway.runtime.Runtime`: `gateway.handle` answers exchanges, `outgoing` wraps
every call that leaves, `world` freezes clock and ids, `store` keeps counters and caches, `watch` observes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from msgspec import Struct

from apiproxy_runtime.bundle.finding import Finding, Findings
from apiproxy_runtime.gateway.egress import HttpEgress, Outgoing, Wrapper
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.observation import Watch, Watches
from apiproxy_runtime.kong.balancer import ActiveChecks, Ring
from apiproxy_runtime.kong.chain import Chains
from apiproxy_runtime.kong.declarative import read_configuration
from apiproxy_runtime.kong.gateway import KongGateway, KongProgram, RouteProgram
from apiproxy_runtime.kong.model import Configuration, Route
from apiproxy_runtime.kong.proxy import Proxy
from apiproxy_runtime.kong.router import KongRouter
from apiproxy_runtime.kong.site import KongServices
from apiproxy_runtime.kong.tls import contexts
from apiproxy_runtime.message.context import Deployment
from apiproxy_runtime.policy.egress import HTTPTarget
from apiproxy_runtime.program.program import FaultRules, Segment, TargetProgram
from apiproxy_runtime.program.program import Route as ChosenRoute
from apiproxy_runtime.program.properties import success_codes
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.world import World

_NOTHING = Segment((), (), (), True)


class KongDeployed(Struct, frozen=True):
    """What a deploy put in place."""

    configuration: Configuration
    warnings: tuple[Finding, ...]


class KongRuntime:
    """Serves one kong.yml. Make it inside a running event loop.

    callout_seconds  of external-callout and service-callout: to connect, and for the whole call
    outgoing  wraps the way out of this process (stubs, recording); every call of plugins and to upstreams passes it
    """

    def __init__(
        self,
        store: Store,
        *,
        connect_to: Mapping[str, str] | None = None,
        world: World | None = None,
        outgoing: Wrapper | None = None,
        records: Records | None = None,
        organization: str = "hybrid",
        environment: str = "test",
        callout_seconds: tuple[float, float] = (5.0, 10.0),
    ) -> None:
        self.world = world or World()
        self.store = store
        self.organization = organization
        self.environment = environment
        self.router = KongRouter()
        self.gateway = KongGateway(self.router, self.world, records)
        self.client = HttpClient()
        way_out = HttpEgress(self.client, connect_to)
        self.egress: Outgoing = outgoing(way_out) if outgoing is not None else way_out
        self.checks = ActiveChecks(self.egress)
        self.services = KongServices(
            self.egress,
            store,
            self.world,
            self.gateway.records,
            self.gateway.spawn,
            callout_seconds=callout_seconds,
        )
        self.configuration = Configuration("")
        self.watches: tuple[Watch, ...] = ()
        self._rings: tuple[Ring, ...] = ()

    def turn(self, number: int) -> None:
        """Let every load balancer begin as if `number` calls had gone through it."""
        for ring in self._rings:
            ring.turn(number)

    def watch(self, watch: Watch) -> None:
        """Have the observers that a watch chooses told of requests, until `unwatch`."""
        if watch not in self.watches:
            self._watch_with((*self.watches, watch))

    def unwatch(self, watch: Watch) -> None:
        """End what `watch` began; requests under way keep their observers."""
        self._watch_with(tuple(other for other in self.watches if other is not watch))

    def _watch_with(self, watches: tuple[Watch, ...]) -> None:
        self.watches = watches
        self.gateway.watch = Watches(watches) if len(watches) > 1 else watches[0] if watches else None

    def deploy(self, configuration: Configuration, findings: Findings | None = None) -> KongDeployed:
        """Serve exactly this configuration from now on.

        Raises DeployError with all that is wrong; then what was served before goes on being served.
        """
        findings = findings if findings is not None else Findings()
        findings.raise_errors()
        rings = {upstream.name: Ring(upstream) for upstream in configuration.upstreams}
        chains = Chains(configuration, self.services, findings)
        routes = {
            route.id: self._program(route, chains, rings, configuration) for route in configuration.routes
        }
        findings.raise_errors()
        program = KongProgram(routes, self._deployment(None), chains.unrouted)
        self.router.replace(configuration.routes)
        self.gateway.program = program
        self.configuration = configuration
        self._rings = tuple(rings.values())
        for one, other in self.router.ambiguous():
            findings.warning(
                other.place,
                "",
                f"the routes {one.title} and {other.title} match the same requests with the same priority",
                "Give one of them another path, method or host; until then the greater id wins.",
            )
        self.checks.start(list(rings.values()))
        return KongDeployed(configuration, tuple(findings.warnings))

    def _program(
        self, route: Route, chains: Chains, rings: Mapping[str, Ring], configuration: Configuration
    ) -> RouteProgram:
        proxy, target = None, None
        if route.service is not None:
            proxy = Proxy(route.service, route, rings, configuration, self.services)
            # observers look at a target's name alone
            target = TargetProgram(
                route.service.title,
                True,
                cast(HTTPTarget, proxy),
                _NOTHING,
                _NOTHING,
                (),
                False,
                FaultRules(),
                success_codes(None),
            )
        place = (route.service or route).place
        chosen = ChosenRoute(route.title, None, target, f"{place.file}:{place.line}")
        return RouteProgram(route, chosen, self._deployment(route), chains.of(route), proxy)

    def _deployment(self, route: Route | None) -> Deployment:
        proxy, path = "kong", "/"
        if route is not None:
            proxy = (route.service.name if route.service is not None else None) or route.title
            path = route.paths[0] if route.paths else "/"
        return Deployment(self.organization, self.environment, proxy, "1", path, self.world)

    def server_tls(self) -> ssl.SSLContext | None:
        """The TLS context for a port of this configuration; None when it has no certificates. Raises TlsFailed."""
        return contexts(self.configuration.certificates)

    async def drain(self, grace: float = 5.0) -> None:
        """Wait for calls and logs that outlive their requests, for `grace` seconds at most."""
        await self.gateway.drain(grace)

    async def close(self, grace: float = 5.0) -> None:
        """Finish background work, stop health checks, close connections and the store."""
        self.checks.stop()
        await self.gateway.drain(grace)
        self.client.close()
        self.gateway.records.close()
        await settled(self.store.close())
        await asyncio.sleep(0)


def load_kong(path: Path, findings: Findings) -> Configuration | None:
    """Read a kong.yml; None, and errors among the findings, when it cannot be served."""
    return read_configuration(path, findings)
