"""A gateway with event hooks, its API, and a server that receives what they send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from apiproxy_runtime.control.events.handlers.handler import Function, Tools
from apiproxy_runtime.control.events.hooks import Hooks
from apiproxy_runtime.control.events.marker import Marker
from apiproxy_runtime.control.events.routes import routes
from apiproxy_runtime.control.events.transactions import TransactionEvents
from apiproxy_runtime.control.observe.reported import of_bundles
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from tests.house import House, house, proxy, raise_fault, steps, target, write_bundle


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A real server. `statuses` are answered in order, then 200; while `held`, nothing is."""

    url: str = ""
    seen: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    held: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Received(request.method, request.path, headers, await request.read()))
        if self.held is not None:
            await self.held.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text="noted", headers={"Location": self.url})

    def events(self) -> list[dict[str, Any]]:
        """What came beside pings."""
        return [found for one in self.seen if (found := one.json()).get("event") != "ping"]


@dataclass
class Stage:
    house: House
    hooks: Hooks
    receiver: Receiver
    client: aiohttp.ClientSession
    url: str

    async def api(self, method: str, path: str, document: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON of a call to the API; None for an empty answer."""
        if document is not None:
            options["json"] = document
        async with self.client.request(method, self.url + path, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def hook(self, source: str, event: str | None = None, **settings: Any) -> dict[str, Any]:
        """A webhook to the receiver; `config` is added to its configuration."""
        config = {"url": self.receiver.url, **settings.pop("config", {})}
        document = {"source": source, "event": event, "handler": "webhook", "config": config, **settings}
        status, hook = await self.api("POST", "/event-hooks", document)
        assert status == 201, hook
        return dict(hook)


async def until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def stage(
    *bundles: Path, functions: Mapping[str, Function] | None = None, **options: Any
) -> AsyncIterator[Stage]:
    """Everything running."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", receiver.handle)
    egress = HttpClient()
    async with house(*bundles, **options) as running, serving(application) as url:
        receiver.url = f"{url}/hook"
        runtime = running.runtime
        marker = Marker(time.time)
        hooks = Hooks(runtime.services.store, Tools(HttpEgress(egress), marker, functions or {}))
        transactions = TransactionEvents(of_bundles(runtime), marker)
        hooks.attach(runtime.services.events)
        hooks.changed.append(transactions.reconsider)
        api = web.Application()
        api.router.add_routes(routes(hooks, runtime.services.events.kinds))
        async with serving(api) as address, aiohttp.ClientSession() as client:
            try:
                yield Stage(running, hooks, receiver, client, address)
            finally:
                await hooks.close(0.1)
                egress.close()


def fails(folder: Path, name: str = "fails") -> Path:
    """A proxy that raises a fault."""
    return write_bundle(
        folder,
        name,
        {
            "proxies/default.xml": proxy(
                f"/{name}", request=steps("RF-No"), routes='<RouteRule name="none"/>'
            ),
            "policies/RF-No.xml": raise_fault("RF-No", 418, "short and stout"),
        },
    )


def echoes(folder: Path, name: str = "echoes") -> Path:
    """A proxy with a target that echoes."""
    files = {"proxies/default.xml": proxy(f"/{name}"), "targets/default.xml": target()}
    return write_bundle(folder, name, files)
