"""A whole host for tests: real sockets for traffic and control, an organization that starts empty or with bundles."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.control.content import Content
from apiproxy_runtime.control.deployevent import DeployEvent
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management.flavour import Choice
from apiproxy_runtime.control.observe.reporting import Reporting
from apiproxy_runtime.control.observe.routes import area
from apiproxy_runtime.control.replica import LocalReplica
from apiproxy_runtime.control.server import run
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import Store
from tests.house import Reply, proxy, steps

APIGEE = "src/main/apigee"


def archive(files: Mapping[str, str | bytes | object]) -> bytes:
    """A zip; what is neither text nor bytes is written as JSON."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as into:
        for path, content in files.items():
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            into.writestr(path, text)
    return packed.getvalue()


def says(name: str, text: str, base_path: str = "", revision: str = "1", **files: str) -> dict[str, str]:
    """The files of a proxy that answers with a text (which may be a template). Keywords are more policies."""
    reply = (
        f"<AssignMessage name='reply'><Set><Payload contentType='text/plain'>{text}</Payload></Set>"
        "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"
    )
    return {
        f"apiproxy/{name}.xml": f"<APIProxy name='{name}' revision='{revision}'/>",
        "apiproxy/proxies/default.xml": proxy(
            base_path or f"/{name}",
            request=steps(*files),
            response=steps("reply"),
            routes="<RouteRule name='none'/>",
        ),
        "apiproxy/policies/reply.xml": reply,
        **{f"apiproxy/policies/{policy}.xml": xml for policy, xml in files.items()},
    }


def flow(name: str, text: str) -> dict[str, str]:
    """The files of a shared flow that sets a header `flow` of the message of the moment."""
    mark = f"<AssignMessage name='m'><Set><Headers><Header name='flow'>{text}</Header></Headers></Set></AssignMessage>"
    return {
        f"sharedflowbundle/{name}.xml": f"<SharedFlowBundle name='{name}' revision='1'/>",
        "sharedflowbundle/sharedflows/default.xml": f"<SharedFlow name='default'>{steps('m')}</SharedFlow>",
        "sharedflowbundle/policies/m.xml": mark,
    }


def workspace(
    proxies: Mapping[str, Mapping[str, str]],
    shared_flows: Mapping[str, Mapping[str, str]] | None = None,
    environment: str = "test",
    **files: object,
) -> bytes:
    """An emulator archive. Keywords are files of the environment, without `.json`; deployments.json is written."""
    shared_flows = shared_flows or {}
    content: dict[str, object] = {}
    for folder, bundles in (("apiproxies", proxies), ("sharedflows", shared_flows)):
        for name, bundle in bundles.items():
            content.update({f"{APIGEE}/{folder}/{name}/{path}": text for path, text in bundle.items()})
    deployments = {
        "proxies": [{"name": name} for name in proxies],
        "sharedflows": [{"name": name} for name in shared_flows],
    }
    described = {"deployments": deployments, **files}
    for name, value in described.items():
        content[f"{APIGEE}/environments/{environment}/{name}.json"] = value
    return archive(content)


@dataclass
class ControlHouse:
    """`traffic` and `control` are addresses; `events` what subscribers were told."""

    host: Host
    traffic: str
    control: str
    session: aiohttp.ClientSession
    reporting: Reporting
    events: list[DeployEvent] = field(default_factory=list)

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """A call of the control port."""
        return await self._send(method, self.control + path, options)

    async def call(self, path: str, method: str = "GET", **options: Any) -> Reply:
        """A call of the traffic port."""
        return await self._send(method, self.traffic + path, options)

    async def _send(self, method: str, url: str, options: dict[str, Any]) -> Reply:
        async with self.session.request(method, url, allow_redirects=False, **options) as response:
            return Reply(response.status, response.reason or "", response.headers, await response.read())

    async def deploy(self, body: bytes, environment: str = "test") -> Reply:
        return await self.ask("POST", f"/v1/emulator/deploy?environment={environment}", data=body)


@contextlib.asynccontextmanager
async def control_house(
    state: str = "memory",
    content: Content | None = None,
    *,
    token: str = "",
    names: tuple[str, ...] = (),
    organization: str = "hybrid",
    environment: str = "test",
    strict: bool = False,
    flavour: Choice = "auto",
    reports: Callable[[Store], Reporting] = Reporting,
) -> AsyncIterator[ControlHouse]:
    """A host with both ports open, in this process."""
    store = open_store(state)

    def make_runtime(of: Environment) -> Runtime:
        return Runtime(of, TestData(), store)

    replica = LocalReplica(store, make_runtime)
    reporting = reports(store)
    reporting.follow(replica)
    host = Host(organization, environment, replica, strict=strict)
    await host.start(content or Content())
    server = Server(replica.handle, Limits(), render=render_refusal)
    await server.start("127.0.0.1", 0)
    reporting.server = server
    await reporting.start()
    listening = socket.create_server(("127.0.0.1", 0))
    control = f"http://127.0.0.1:{listening.getsockname()[1]}"
    serving = asyncio.get_running_loop().create_task(
        run(host, listening, token=token, names=names, more=(area(reporting),), flavour=flavour)
    )
    async with aiohttp.ClientSession() as session:
        house = ControlHouse(host, f"http://127.0.0.1:{server.port}", control, session, reporting)
        host.subscribe(house.events.append)
        try:
            yield house
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            await server.stop(1)
            await reporting.close(0.2)
            await replica.close(1)
