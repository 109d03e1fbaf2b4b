"""A whole gateway for tests: bundles written as text, real sockets on both sides, an upstream that tells what it got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.open import open_store

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def write_bundle(folder: Path, name: str, files: Mapping[str, str], kind: str = "apiproxy") -> Path:
    """A bundle folder holding the files (path below the folder → text); the manifest is written here."""
    root = folder / name / kind
    manifest = "APIProxy" if kind == "apiproxy" else "SharedFlowBundle"
    for path, text in {f"{name}.xml": f'<{manifest} name="{name}" revision="1"/>', **files}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def proxy(
    base_path: str = "/t",
    *,
    request: str = "",
    response: str = "",
    flows: str = "",
    post_request: str = "",
    post_response: str = "",
    routes: str = '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>',
    extra: str = "",
    properties: str = "",
    name: str = "default",
) -> str:
    """The XML of a ProxyEndpoint; steps are given as `steps("A", "B")`."""
    return f"""<ProxyEndpoint name="{name}">
  <PreFlow name="PreFlow"><Request>{request}</Request><Response>{response}</Response></PreFlow>
  <Flows>{flows}</Flows>
  <PostFlow name="PostFlow"><Request>{post_request}</Request><Response>{post_response}</Response></PostFlow>
  <HTTPProxyConnection><BasePath>{base_path}</BasePath><Properties>{properties}</Properties></HTTPProxyConnection>
  {extra}{routes}
</ProxyEndpoint>"""


def target(
    url: str = "http://up.test",
    *,
    request: str = "",
    response: str = "",
    flows: str = "",
    extra: str = "",
    properties: str = "",
    connection: str = "",
    name: str = "default",
) -> str:
    """The XML of a TargetEndpoint."""
    connection = connection or f"<URL>{url}</URL>"
    return f"""<TargetEndpoint name="{name}">
  <PreFlow name="PreFlow"><Request>{request}</Request><Response>{response}</Response></PreFlow>
  <Flows>{flows}</Flows>{extra}
  <HTTPTargetConnection>{connection}<Properties>{properties}</Properties></HTTPTargetConnection>
</TargetEndpoint>"""


def steps(*names: str, **conditions: str) -> str:
    """`<Step>`s for policies, in order; a keyword gives a policy with its condition (`_` stands for `-`)."""
    plain = "".join(f"<Step><Name>{name}</Name></Step>" for name in names)
    return plain + "".join(
        f"<Step><Name>{name.replace('_', '-')}</Name><Condition>{condition}</Condition></Step>"
        for name, condition in conditions.items()
    )


def properties(**values: str) -> str:
    """`<Property>` elements; `__` in a name stands for a dot."""
    return "".join(
        f'<Property name="{name.replace("__", ".")}">{value}</Property>' for name, value in values.items()
    )


def mark(name: str, header: str = "X-Trail") -> str:
    """An AssignMessage that adds its name to a header of the message of the moment, so that the order shows."""
    return f"""<AssignMessage name="{name}"><Add><Headers><Header name="{header}">{name}</Header></Headers></Add>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""


def note(name: str) -> str:
    """An AssignMessage that appends its name to the variable `trail`."""
    return f"""<AssignMessage name="{name}"><AssignVariable><Name>trail</Name>
<Template>{{trail}} {name}</Template></AssignVariable>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""


def show(name: str, **headers: str) -> str:
    """An AssignMessage that sets headers from templates."""
    lines = "".join(
        f'<Header name="{key.replace("_", "-")}">{value}</Header>' for key, value in headers.items()
    )
    return f"""<AssignMessage name="{name}"><Set><Headers>{lines}</Headers></Set>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""


def raise_fault(name: str, status: int = 500, body: str = "", headers: str = "") -> str:
    payload = f'<Payload contentType="text/plain">{body}</Payload>' if body else ""
    return f"""<RaiseFault name="{name}"><FaultResponse><Set><Headers>{headers}</Headers>{payload}
<StatusCode>{status}</StatusCode></Set></FaultResponse></RaiseFault>"""


@dataclass
class Upstream:
    """A real HTTP server. Without an `answer` it echoes the request as JSON."""

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    answer: Answer | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        told = {
            "method": request.method,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "raw_headers": [(name.decode(), value.decode()) for name, value in request.raw_headers],
            "body": body.decode("utf-8", "replace"),
        }
        self.seen.append(told)
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({key: told[key] for key in ("method", "path", "headers", "body")})


@dataclass
class House:
    """A running gateway with its upstream. `url` is its address, `session` a client that does not follow redirects."""

    runtime: Runtime
    server: Server
    upstream: Upstream
    session: aiohttp.ClientSession
    url: str

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            return Reply(response.status, response.reason or "", response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)


@dataclass
class Reply:
    status: int
    reason: str
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def fault(self) -> tuple[str, str]:
        """(errorcode, faultstring) of a default fault body."""
        fault = self.json()["fault"]
        return fault["detail"]["errorcode"], fault["faultstring"]

    def all(self, header: str) -> list[str]:
        return list(self.headers.getall(header, []))


@contextlib.asynccontextmanager
async def upstream_server(upstream: Upstream) -> AsyncIterator[Upstream]:
    """Run an upstream on a free port."""
    app = web.Application(client_max_size=200 << 20)
    app.router.add_route("*", "/{tail:.*}", upstream.handle)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    upstream.port = runner.addresses[0][1]
    try:
        yield upstream
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def house(
    *bundles: Path,
    answer: Answer | None = None,
    environment: Environment | None = None,
    test_data: TestData | None = None,
    connect_to: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    ssl: Any = None,
) -> AsyncIterator[House]:
    """Deploy bundles and serve them; every call for `up.test` goes to the upstream."""
    findings = Findings()
    loaded = [bundle for path in bundles if (bundle := read_bundle(path, findings)) is not None]
    async with upstream_server(Upstream(answer=answer)) as upstream:
        ways = {"up.test": f"http://127.0.0.1:{upstream.port}", **(connect_to or {})}
        runtime = Runtime(
            environment or Environment(), test_data or TestData(), open_store("memory"), connect_to=ways
        )
        await runtime.load_test_data()
        runtime.deploy(loaded, findings)
        server = Server(runtime.gateway.handle, limits or Limits(), render=render_refusal, ssl=ssl)
        await server.start("127.0.0.1", 0)
        scheme = "https" if ssl is not None else "http"
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            try:
                yield House(runtime, server, upstream, session, f"{scheme}://127.0.0.1:{server.port}")
            finally:
                await server.stop(1)
                await runtime.close(1)
                await asyncio.sleep(0)


def read(path: Path) -> tuple[Bundle | None, Findings]:
    """Read a bundle and what the reader found."""
    findings = Findings()
    return read_bundle(path, findings), findings
