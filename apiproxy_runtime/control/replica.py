"""A process that serves what an organization deploys: it compiles on request, and swaps when told.

Two steps, so that several processes agree: all prepare, and only when none has refused all commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Finding, Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.control.documents import Documents, consumers_of, environment_of
from apiproxy_runtime.control.inherited import with_inherited
from apiproxy_runtime.control.organization import EnvironmentState, Revision
from apiproxy_runtime.gateway.gateway import Gateway, not_found
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.runtime import Prepared, Runtime
from apiproxy_runtime.state.catalog import Catalog, load_catalog
from apiproxy_runtime.state.store import Store, settled

MakeRuntime = Callable[[Environment], Runtime]


class Plan(Struct, frozen=True):
    """What is to be served: all environments in the order of their last deploy, and which of them to compile anew."""

    organization: str
    documents: Documents
    environments: tuple[EnvironmentState, ...]
    compile: frozenset[str]


class ReplicaGone(Exception):
    """A worker has ended: it takes no traffic, so no deploy waits for it."""


class Replica(Protocol):
    """Where programs run: this process, or a worker at the other end of a socket."""

    async def prepare(self, plan: Plan) -> tuple[Finding, ...]:
        """Compile; the warnings. Raises DeployError, and then nothing is left to abort."""
        ...

    async def commit(self) -> None:
        """Serve what was prepared."""
        ...

    async def abort(self) -> None:
        """Forget what was prepared."""
        ...


class LocalReplica:
    """Serves in this process. `handle` answers the traffic port; `address` is its URL once it listens."""

    def __init__(self, store: Store, make_runtime: MakeRuntime) -> None:
        self.store = store
        self.make_runtime = make_runtime
        self.runtimes: dict[str, Runtime] = {}
        #: that of the environment deployed last comes first
        self.gateways: tuple[Gateway, ...] = ()
        self.address = ""
        #: told of each runtime as it is made
        self.made: list[Callable[[Runtime], None]] = []
        self._pending: _Pending | None = None
        self._read: dict[Revision, tuple[Bundle | None, tuple[Finding, ...]]] = {}

    def handle(self, exchange: Exchange) -> Awaitable[None]:
        """Answer a request with the environment that has its path; of several, with the one deployed last."""
        gateways = self.gateways
        if len(gateways) == 1:
            return gateways[0].handle(exchange)
        return self._choose(exchange)

    async def _choose(self, exchange: Exchange) -> None:
        path = exchange.target.partition("?")[0]
        for gateway in self.gateways:
            if gateway.router.match(path) is not None:
                return await gateway.handle(exchange)
        if self.gateways:
            return await self.gateways[0].handle(exchange)
        return not_found(exchange, path)

    def runtime(self, environment: Environment) -> Runtime:
        """The runtime of an environment; made when it is first needed, kept for good."""
        runtime = self.runtimes.get(environment.name)
        if runtime is None:
            runtime = self.runtimes[environment.name] = self.make_runtime(environment)
            for told in self.made:
                told(runtime)
        return runtime

    async def prepare(self, plan: Plan) -> tuple[Finding, ...]:
        findings = Findings()
        data = consumers_of(plan.documents, findings)
        prepared: dict[str, Prepared] = {}
        catalogs: dict[str, Catalog] = {}
        read: dict[Revision, tuple[Bundle | None, tuple[Finding, ...]]] = {}
        for state in plan.environments:
            catalogs[state.name] = await settled(
                load_catalog(data, self.store, plan.organization, state.name)
            )
            # parsing takes a second for some dozens of bundles: requests are served meanwhile
            bundles = await asyncio.to_thread(self._bundles, state, findings, read)
            if state.name not in plan.compile and state.name in self.runtimes:
                continue
            environment = environment_of(
                state.name,
                plan.organization,
                with_inherited(state.documents, plan.documents),
                state.resources,
                findings,
            )
            check_hooks(environment, state, findings)
            prepared[state.name] = await self.runtime(environment).prepare(
                bundles,
                findings,
                environment=environment,
                catalog=catalogs[state.name],
                folders={"/".join(key): item.revision.folder for key, item in state.deployments.items()},
            )
        findings.raise_errors()
        self._pending = _Pending(prepared, catalogs, read, tuple(state.name for state in plan.environments))
        return tuple(findings.warnings)

    def _bundles(
        self,
        state: EnvironmentState,
        findings: Findings,
        read: dict[Revision, tuple[Bundle | None, tuple[Finding, ...]]],
    ) -> list[Bundle]:
        """The bundles of an environment; each revision is parsed once."""
        bundles = []
        for deployment in state.deployments.values():
            revision = deployment.revision
            known = self._read.get(revision) or read.get(revision)
            if known is None:
                found = Findings()
                known = (revision.read(found), tuple(found))
            read[revision] = known
            bundle, noted = known
            findings.extend(noted)
            if bundle is not None:
                bundles.append(deployment.placed(bundle))
        return bundles

    async def commit(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        for name, prepared in pending.prepared.items():
            self.runtimes[name].commit(prepared)
        for name, catalog in pending.catalogs.items():
            self.runtimes[name].services.catalog = catalog
        for name, runtime in self.runtimes.items():
            if name not in pending.order:
                runtime.deploy(())
        self.gateways = tuple(self.runtimes[name].gateway for name in reversed(pending.order))
        self._read = pending.read

    async def abort(self) -> None:
        self._pending = None

    async def close(self, grace: float) -> None:
        """End all runtimes, once none of them has work left."""
        for runtime in self.runtimes.values():
            await runtime.gateway.drain(grace)
        for runtime in self.runtimes.values():
            await runtime.close(grace)
        await settled(self.store.close())


def check_hooks(environment: Environment, state: EnvironmentState, findings: Findings) -> None:
    """A flow hook needs its shared flow (SharedFlowDoesNotExist), as the emulator demands.

    Bundles named one by one on the command line may do without: there it is a warning.
    """
    flows = {name for kind, name in state.deployments if kind == "sharedflowbundle"}
    named = all(deployment.origin == "command line" for deployment in state.deployments.values())
    for point, hook in environment.flow_hooks.items():
        if hook.shared_flow not in flows:
            tell = findings.warning if named else findings.error
            tell(
                hook.place,
                "SharedFlowDoesNotExist",
                f"the flow hook {point} names the shared flow {hook.shared_flow!r}, which is not deployed",
                suggestion(hook.shared_flow, flows) or "Deploy it too.",
            )


class _Pending(Struct, frozen=True):
    prepared: dict[str, Prepared]
    catalogs: dict[str, Catalog]
    read: dict[Revision, tuple[Bundle | None, tuple[Finding, ...]]]
    order: tuple[str, ...]
