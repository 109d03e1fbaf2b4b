"""The network of callout tests: a real runtime to compile in, and a real HTTP service to call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.world import World


@dataclass
class Seen:
    """One request as the service got it; `target` is path and query as on the wire."""

    verb: str
    target: str
    headers: dict[str, str]
    body: str


@dataclass
class Backend:
    """An HTTP service that answers every request alike and remembers them."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    status: int = 200
    body: str = '{"city":"Utrecht"}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0.0
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = (await request.read()).decode()
        headers = {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}
        self.seen.append(Seen(request.method, request.raw_path, headers, body))
        await asyncio.sleep(self.delay)
        self.answered.set()
        return web.Response(status=self.status, text=self.body, headers=self.headers)


MakeBackend = Callable[[], Awaitable[Backend]]


@pytest.fixture
async def make_backend() -> AsyncIterator[MakeBackend]:
    runners = []

    async def make() -> Backend:
        backend = Backend()
        runner = web.ServerRunner(web.Server(backend.handle), shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        backend.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return backend

    yield make
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def backend(make_backend: MakeBackend) -> Backend:
    return await make_backend()


MakeRuntime = Callable[..., Runtime]


@pytest.fixture
async def make_runtime() -> AsyncIterator[MakeRuntime]:
    """Makes runtimes: `make_runtime(Environment(…), connect_to={…})`."""
    made = []

    def make(environment: Environment | None = None, connect_to: dict[str, str] | None = None) -> Runtime:
        world = World()
        runtime = Runtime(
            environment or Environment(), TestData(), MemoryStore(world), connect_to=connect_to, world=world
        )
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        await runtime.close(grace=2.0)


@pytest.fixture
async def runtime(make_runtime: MakeRuntime) -> Runtime:
    return make_runtime()
