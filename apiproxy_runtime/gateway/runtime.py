"""The runtime of one environment: deploys bundles, all or none, and holds what they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from ssl import SSLContext
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Finding, Findings, Placed
from apiproxy_runtime.bundle.held import hold
from apiproxy_runtime.bundle.model import Bundle, HTTPTargetConnection, LocalTargetConnection, SSLInfo
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.egress import HttpEgress, Outgoing, Wrapper
from apiproxy_runtime.gateway.gateway import Gateway
from apiproxy_runtime.gateway.health import HealthChecks
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.tls import client_context
from apiproxy_runtime.gateway.loadbalancer import Balance
from apiproxy_runtime.gateway.local import LocalProxyTarget
from apiproxy_runtime.gateway.observation import Watch, Watches
from apiproxy_runtime.gateway.router import Router
from apiproxy_runtime.gateway.rpc import Channels, ServerMethod
from apiproxy_runtime.gateway.sslinfo import compile_tls
from apiproxy_runtime.gateway.target import HttpTarget
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.egress import HTTPTarget, LocalTarget, Rpc, RpcTarget
from apiproxy_runtime.policy.site import Services, SharedFlowRunner, Site
from apiproxy_runtime.program.compile import compile_proxy, compile_shared_flow
from apiproxy_runtime.program.program import ProxyProgram, SharedFlowProgram
from apiproxy_runtime.program.sharedflow import run_shared_flow
from apiproxy_runtime.state.catalog import Catalog, load_catalog
from apiproxy_runtime.state.given import seed_access_tokens
from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.world import World

logger = logging.getLogger("apiproxy")

Q = TypeVar("Q")
A = TypeVar("A")

Programs = tuple[tuple[SharedFlowProgram, ...], tuple[ProxyProgram, ...]]


class Deployed(Struct, frozen=True):
    """What a deploy put in place."""

    proxies: tuple[ProxyProgram, ...]
    shared_flows: tuple[SharedFlowProgram, ...]
    warnings: tuple[Finding, ...]


class Prepared(Struct, frozen=True):
    """What `Runtime.prepare` compiled, to be put in place by `Runtime.commit` or forgotten."""

    services: Services
    proxies: tuple[ProxyProgram, ...]
    shared_flows: tuple[SharedFlowProgram, ...]
    warnings: tuple[Finding, ...]
    observed: bool
    balances: dict[Placed, Balance]


class Runtime:
    """Serves the proxies of one environment. Make it inside a running event loop.

    outgoing  puts itself between the runtime and the network: every outgoing call passes it (stubs, a recorder)
    """

    def __init__(
        self,
        environment: Environment,
        test_data: TestData,
        store: Store,
        *,
        connect_to: Mapping[str, str] | None = None,
        world: World | None = None,
        settings: Mapping[str, str] | None = None,
        records: Records | None = None,
        outgoing: Wrapper | None = None,
    ) -> None:
        self.watches: tuple[Watch, ...] = ()
        self._programs: dict[bool, Programs] = {}
        self._balances: dict[Placed, Balance] = {}
        self.router = Router()
        records = records if records is not None else Records()
        self.gateway = Gateway(self.router, records)
        self.client = HttpClient()
        egress = HttpEgress(self.client, connect_to)
        self.egress: Outgoing = outgoing(egress) if outgoing is not None else egress
        self.channels = Channels(self.egress)
        self.health = HealthChecks(self.egress, environment)
        self.shared_flows: dict[str, SharedFlowProgram] = {}
        world = world or World()
        self.services = Services(
            environment=environment,
            test_data=test_data,
            store=store,
            kvms=KeyValueMaps(store, environment.organization, environment.name),
            egress=self.egress,
            targets=self,
            shared_flow=self.shared_flow,
            spawn=self.gateway.spawn,
            world=world,
            settings=dict(settings or {}),
            records=records,
            connect_to=dict(connect_to or {}),
            catalog=Catalog.of(test_data, environment.organization, environment.name),
        )

    async def load_test_data(self) -> None:
        """Arrange products, apps and keys, and put the key value maps and tokens of the test data into the store."""
        services = self.services
        organization, environment = services.environment.organization, services.environment.name
        services.catalog = await settled(
            load_catalog(services.test_data, services.store, organization, environment)
        )
        kvms = services.kvms
        for data in services.test_data.maps:
            table = kvms.map(data.scope, data.name, proxy=data.api_proxy or "")
            await settled(table.seed(data.entries, encrypted=data.encrypted))
        await seed_access_tokens(services.test_data.tokens, services.catalog, services.store)

    # ---- Targets, for the compiler

    def http(
        self, connection: HTTPTargetConnection, site: Site, *, purpose: str, events: bool = False
    ) -> HTTPTarget:
        """Compile an HTTPTargetConnection."""
        target = HttpTarget(connection, site, self.egress, purpose, events)
        balancer = connection.load_balancer
        if target.balance is not None and balancer is not None:
            shared = self._balances.setdefault(balancer.node, target.balance)
            if shared is not target.balance:
                # compiled again to be watched: whose turn it is, and who is out, stays as it was
                target.balance = shared
            elif connection.health_monitor is not None:
                self.health.add(connection.health_monitor, shared)
        return target

    def turn(self, number: int) -> None:
        """Let every load balancer begin as if `number` calls had gone through it."""
        for balance in self._balances.values():
            balance.turn(number)

    def local(self, connection: LocalTargetConnection, site: Site) -> LocalTarget:
        """Compile a LocalTargetConnection."""
        by_url = self.http(HTTPTargetConnection(connection.node), site, purpose="target")
        return LocalProxyTarget(connection, site, self.router, by_url)

    def rpc(self, server: TargetServer, site: Site, method: Rpc[Q, A]) -> RpcTarget[Q, A]:
        """Compile a gRPC method of a target server."""
        return ServerMethod(self.channels, server, site, method)

    def client_tls(self, info: SSLInfo, site: Site) -> Callable[[MessageContext], SSLContext | None]:
        """What makes the TLS context of a connection that is no HTTP (syslog over TLS)."""
        make = compile_tls(info, site, None)

        def context(ctx: MessageContext) -> SSLContext | None:
            profile = make(ctx, None) if make is not None else None
            return client_context(profile) if profile is not None else None

        return context

    def shared_flow(self, name: str) -> SharedFlowRunner | None:
        """What runs a deployed shared flow; None when there is none of that name."""
        program = self.shared_flows.get(name)
        if program is None:
            return None

        def run(ctx: MessageContext) -> Awaitable[None]:
            return run_shared_flow(program, ctx)

        return run

    # ---- deploying

    def deploy(
        self,
        bundles: Iterable[Bundle],
        findings: Findings | None = None,
        folders: Mapping[str, str] | None = None,
    ) -> Deployed:
        """Serve exactly these bundles from now on; `folders` as for `prepare`.

        Raises DeployError with all that is wrong; then what was served before goes on being served.
        """
        work = self._compile(bundles, findings, folders=folders)
        while True:
            try:
                next(work)
            except StopIteration as done:
                return self.commit(done.value)

    async def prepare(
        self,
        bundles: Iterable[Bundle],
        findings: Findings | None = None,
        *,
        environment: Environment | None = None,
        catalog: Catalog | None = None,
        folders: Mapping[str, str] | None = None,
    ) -> Prepared:
        """Compile bundles, for another environment or catalog if need be, while what is deployed goes on serving.

        `folders` tells where a bundle lies, by kind and name with a slash between: findings name it.
        Raises DeployError with all that is wrong. Requests are served between two bundles.
        """
        work = self._compile(bundles, findings, environment=environment, catalog=catalog, folders=folders)
        while True:
            try:
                next(work)
            except StopIteration as done:
                prepared: Prepared = done.value
                return prepared
            await asyncio.sleep(0)

    def _compile(
        self,
        bundles: Iterable[Bundle],
        findings: Findings | None = None,
        *,
        environment: Environment | None = None,
        catalog: Catalog | None = None,
        folders: Mapping[str, str] | None = None,
    ) -> Generator[None, None, Prepared]:
        """What `prepare` does, bundle by bundle; between two of them programs may be watched, or no longer."""
        findings = findings if findings is not None else Findings()
        self.health.prepare()
        services = replace(
            self.services,
            environment=environment or self.services.environment,
            catalog=catalog or self.services.catalog,
            preparing=[],
        )
        observed = bool(self.watches)
        balances: dict[Placed, Balance] = {}
        flows: list[SharedFlowProgram] = []
        proxies: list[ProxyProgram] = []
        # shared flows first, so that their findings come first
        for bundle in sorted(map(hold, bundles), key=lambda bundle: bundle.kind, reverse=True):
            found = Findings()
            serving, self._balances = self._balances, balances
            try:
                if bundle.kind == "apiproxy":
                    proxies.append(compile_proxy(bundle, services, found, observed=observed))
                else:
                    flows.append(compile_shared_flow(bundle, services, found, observed=observed))
            finally:
                self._balances = serving
            folder = (folders or {}).get(f"{bundle.kind}/{bundle.name}", "")
            findings.extend(finding.below(folder, bundle.kind) for finding in found)
            yield
        check_base_paths(proxies, findings, folders or {})
        findings.raise_errors()
        return Prepared(services, tuple(proxies), tuple(flows), tuple(findings.warnings), observed, balances)

    def commit(self, prepared: Prepared) -> Deployed:
        """Serve what was prepared last. Requests that run keep what they began with."""
        self.services = prepared.services
        self.health.environment = prepared.services.environment
        for prepare in prepared.services.preparing:
            answer = prepare()
            if isinstance(answer, Coroutine):
                self.gateway.spawn(answer)
        self._balances = prepared.balances
        self._programs = {prepared.observed: (prepared.shared_flows, prepared.proxies)}
        self._run_watched()
        self.health.start()
        return Deployed(prepared.proxies, prepared.shared_flows, prepared.warnings)

    # ---- watching

    def watch(self, watch: Watch) -> None:
        """Have the observers that a watch chooses told of transactions, until `unwatch`.

        While there is a watch, programs run that tell of every variable; without one nothing of it costs.
        """
        if watch not in self.watches:
            self.watches = (*self.watches, watch)
            self._run_watched()

    def unwatch(self, watch: Watch) -> None:
        """End what `watch` began; transactions under way keep their observers."""
        if watch in self.watches:
            self.watches = tuple(other for other in self.watches if other is not watch)
            self._run_watched()

    def _run_watched(self) -> None:
        """Route to the programs that the watches of the moment need; requests that run keep what they began with."""
        watches = self.watches
        self.gateway.watch = Watches(watches) if len(watches) > 1 else watches[0] if watches else None
        observed = bool(watches)
        programs = self._programs.get(observed) or self._compile_again(observed)
        if programs is None:
            return
        flows, proxies = programs
        self._programs[observed] = programs
        self.shared_flows = {flow.name: flow for flow in flows}
        self.router.replace(proxies)
        if not observed:
            self._programs.pop(True, None)

    def _compile_again(self, observed: bool) -> Programs | None:
        """What is deployed, compiled to be watched or not to be; None when nothing is deployed."""
        before = self._programs.get(not observed)
        if before is None:
            return None
        findings = Findings()
        # the services of before and no copy: what replaces their catalog reaches these programs too
        services = self.services
        flows, proxies = before
        again = (
            tuple(compile_shared_flow(flow.bundle, services, findings, observed=observed) for flow in flows),
            tuple(compile_proxy(proxy.bundle, services, findings, observed=observed) for proxy in proxies),
        )
        # a part of what is deployed already: there is nothing to prepare in the store
        services.preparing.clear()
        if findings.ok:
            return again
        # what the bundles rest on has changed since; what serves goes on, and tells of fewer variables
        for finding in findings.errors:
            logger.warning("Cannot be watched wholly: %s", finding)
        return before

    async def close(self, grace: float = 5.0) -> None:
        """Finish background work, stop health checks, end engines, close connections and the store."""
        self.health.stop()
        await self.gateway.drain(grace)
        await self.services.close()
        await self.channels.close()
        self.client.close()
        self.services.records.close()
        await settled(self.services.store.close())
        await asyncio.sleep(0)


def check_base_paths(
    programs: Iterable[ProxyProgram], findings: Findings, folders: Mapping[str, str]
) -> None:
    """Two endpoints of different proxies must not claim one base path (deployment error of the environment group)."""
    taken: dict[str, str] = {}
    for program in programs:
        for endpoint, source in zip(program.endpoints, program.bundle.proxies, strict=True):
            owner = taken.setdefault(endpoint.base_path, program.bundle.name)
            if owner != program.bundle.name:
                conflict = Findings()
                conflict.error(
                    source.node,
                    "BasePathConflict",
                    f'The base path "{endpoint.base_path}" is already taken by the proxy "{owner}"',
                    "Give one of the two another BasePath.",
                )
                folder = folders.get(f"apiproxy/{program.bundle.name}", "")
                findings.extend(finding.below(folder, "apiproxy") for finding in conflict)
