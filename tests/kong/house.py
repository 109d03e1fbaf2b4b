"""A running Kong side for tests: a kong.yml as text, real sockets on both sides, an upstream that tells what it got."""

from __future__ import annotations

import asyncio
import contextlib
import ssl as tls
import textwrap
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.kong.declarative import configuration_of
from apiproxy_runtime.kong.document import parse_document
from apiproxy_runtime.kong.gateway import render_refusal
from apiproxy_runtime.kong.model import Configuration
from apiproxy_runtime.kong.runtime import KongRuntime
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.world import World
from tests.house import Answer, Reply, Upstream, upstream_server


def read(text: str, file: str = "kong.yml", **environment: str) -> tuple[Configuration | None, Findings]:
    """What a kong.yml holds, and what was found in it."""
    findings = Findings()
    root = parse_document(textwrap.dedent(text).encode(), file, findings, environment)
    configuration = configuration_of(root, findings) if root is not None and findings.ok else None
    return configuration, findings


def errors(text: str, file: str = "kong.yml") -> list[str]:
    """The errors of a kong.yml, each with its place."""
    return [str(finding) for finding in read(text, file)[1].errors]


def warnings(text: str) -> list[str]:
    return [str(finding) for finding in read(text)[1].warnings]


def plugin(name: str, config: str = "", **fields: str) -> str:
    """A kong.yml with one service, one route for everything, and a global plugin; `config` is in flow style."""
    extra = "".join(f"    {key}: {value}\n" for key, value in fields.items())
    return (
        '_format_version: "3.0"\n'
        "services:\n  - {name: up, url: http://up.test, retries: 0, routes: [{name: all, paths: [/]}]}\n"
        f"plugins:\n  - name: {name}\n    config: {{{config}}}\n{extra}"
    )


@dataclass
class KongHouse:
    """A running Kong side with its upstream; `callee` is a second one, for the host `callee.test`."""

    runtime: KongRuntime
    upstream: Upstream
    callee: Upstream
    session: aiohttp.ClientSession
    url: str
    warnings: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        async with self.session.request(
            method, self.url + path, allow_redirects=False, **options
        ) as response:
            return Reply(response.status, response.reason or "", response.headers, await response.read())

    async def get(self, path: str = "/", **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def post(self, path: str = "/", **options: Any) -> Reply:
        return await self.call("POST", path, **options)

    @property
    def sent(self) -> dict[str, Any]:
        """The last request that reached the upstream."""
        return self.upstream.seen[-1]


@contextlib.asynccontextmanager
async def kong(
    text: str,
    *,
    answer: Answer | None = None,
    callee: Answer | None = None,
    world: World | None = None,
    connect_to: Mapping[str, str] | None = None,
    ssl: tls.SSLContext | bool = False,
    callout_seconds: tuple[float, float] = (5.0, 10.0),
    **environment: str,
) -> AsyncIterator[KongHouse]:
    """Serve a kong.yml; calls for `up.test` go to the upstream. With `ssl` True its own certificates are shown."""
    configuration, findings = read(text, **environment)
    findings.raise_errors()
    assert configuration is not None
    async with (
        upstream_server(Upstream(answer=answer)) as upstream,
        upstream_server(Upstream(answer=callee)) as called,
    ):
        ways = {
            "up.test": f"http://127.0.0.1:{upstream.port}",
            "callee.test": f"http://127.0.0.1:{called.port}",
            **(connect_to or {}),
        }
        real = world or World()
        runtime = KongRuntime(
            open_store("memory", real), connect_to=ways, world=real, callout_seconds=callout_seconds
        )
        deployed = runtime.deploy(configuration, findings)
        context = runtime.server_tls() if ssl is True else ssl or None
        server = Server(runtime.gateway.handle, Limits(), render=render_refusal, ssl=context)
        await server.start("127.0.0.1", 0)
        scheme = "https" if context is not None else "http"
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            try:
                url = f"{scheme}://127.0.0.1:{server.port}"
                told = [str(finding) for finding in deployed.warnings]
                yield KongHouse(runtime, upstream, called, session, url, told)
            finally:
                await server.stop(1)
                await runtime.close(1)
                await asyncio.sleep(0)


def write(folder: Path, text: str, name: str = "kong.yml") -> Path:
    """A kong.yml in a folder."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path
