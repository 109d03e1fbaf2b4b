"""Compiles bundles as a deploy would, without a runtime: nothing is opened, nothing can be called."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, HTTPTargetConnection, LocalTargetConnection, SSLInfo
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.sslinfo import compile_tls
from apiproxy_runtime.gateway.target import HttpTarget
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import (
    Call,
    CallFailed,
    HTTPTarget,
    LocalTarget,
    Rpc,
    RpcFailed,
    RpcTarget,
)
from apiproxy_runtime.policy.site import Services, Site
from apiproxy_runtime.program.compile import compile_proxy, compile_shared_flow
from apiproxy_runtime.state.catalog import Catalog
from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from ssl import SSLContext

    from apiproxy_runtime.gateway.egress import UnaryCall, Way

Q = TypeVar("Q")
A = TypeVar("A")
_NOT_RUNNING = "nothing runs while a bundle is only checked"


class _NoEgress:
    """The way out of a bundle that never runs."""

    async def send(self, call: Call) -> Message:
        raise CallFailed("connect_failed", _NOT_RUNNING)

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        return host, port, False

    def answers_for(self, host: str, port: int) -> bool:
        return False

    def log(self, host: str, port: int, line: str) -> bool:
        return True

    def way_of(self, url: str) -> Way:
        raise CallFailed("connect_failed", _NOT_RUNNING)

    def unary(self, url: str) -> UnaryCall | None:
        return None


class _NoCall:
    """A gRPC method of a bundle that never runs."""

    async def call(
        self,
        ctx: MessageContext,
        request: object,
        timeout_ms: int,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> Any:
        raise RpcFailed("UNAVAILABLE", _NOT_RUNNING)


class _Targets:
    """Compiles connections for their findings."""

    def __init__(self) -> None:
        self.egress = _NoEgress()

    def http(
        self, connection: HTTPTargetConnection, site: Site, *, purpose: str, events: bool = False
    ) -> HTTPTarget:
        return HttpTarget(connection, site, self.egress, purpose, events)

    def local(self, connection: LocalTargetConnection, site: Site) -> LocalTarget:
        return self.http(HTTPTargetConnection(connection.node), site, purpose="target")

    def rpc(self, server: TargetServer, site: Site, method: Rpc[Q, A]) -> RpcTarget[Q, A]:
        compile_tls(server.ssl_info, site, None)
        return _NoCall()

    def client_tls(self, info: SSLInfo, site: Site) -> Callable[[MessageContext], SSLContext | None]:
        compile_tls(info, site, None)
        return lambda ctx: None


def _never(work: Coroutine[Any, Any, Any]) -> None:
    work.close()


class Checker:
    """Compiles one bundle after the other against one environment."""

    def __init__(self, environment: Environment, test_data: TestData) -> None:
        world = World()
        store = MemoryStore(world)
        self.services = Services(
            environment=environment,
            test_data=test_data,
            store=store,
            kvms=KeyValueMaps(store, environment.organization, environment.name),
            egress=_NoEgress(),
            targets=_Targets(),
            shared_flow=lambda name: None,
            spawn=_never,
            world=world,
            catalog=Catalog.of(test_data, environment.organization, environment.name),
        )

    def check(self, bundle: Bundle, findings: Findings) -> None:
        """Compile a bundle; what is wrong is added to the findings."""
        compile_bundle = compile_proxy if bundle.kind == "apiproxy" else compile_shared_flow
        compile_bundle(bundle, self.services, findings)

    def __enter__(self) -> Checker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what compiling has started (engines of scripts)."""
        if self.services.closing:
            import asyncio  # only where something was started

            asyncio.run(self.services.close())


def base_path_conflicts(bundles: Iterable[Bundle]) -> dict[int, Findings]:
    """Two proxies of one environment must not claim one base path: what is found, by the number of the bundle."""
    taken: dict[str, str] = {}
    conflicts: dict[int, Findings] = {}
    for number, bundle in enumerate(bundles):
        for proxy in bundle.proxies:
            owner = taken.setdefault(proxy.base_path, bundle.name)
            if owner != bundle.name:
                conflicts.setdefault(number, Findings()).error(
                    proxy.node,
                    "BasePathConflict",
                    f'The base path "{proxy.base_path}" is already taken by the proxy "{owner}"',
                    "Give one of the two another BasePath.",
                )
    return conflicts
