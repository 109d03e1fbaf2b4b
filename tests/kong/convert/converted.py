"""Converts bundles written as text, reads the result with our own Kong side, and serves both beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.kong.convert.convert import Converted, convert
from apiproxy_runtime.kong.convert.outcome import Row
from apiproxy_runtime.kong.declarative import read_configuration
from apiproxy_runtime.kong.gateway import render_refusal
from apiproxy_runtime.kong.model import Configuration
from apiproxy_runtime.kong.runtime import KongRuntime
from apiproxy_runtime.state.open import open_store
from tests.house import House, Reply, house, write_bundle


def bundles_of(*paths: Path) -> list[Bundle]:
    findings = Findings()
    return [bundle for path in paths if (bundle := read_bundle(path, findings)) is not None]


def converted(
    *paths: Path, environment: Environment | None = None, test_data: TestData | None = None, **options: Any
) -> Converted:
    return convert(bundles_of(*paths), environment or Environment(), test_data or TestData(), **options)


def document(result: Converted) -> dict[str, Any]:
    """What a YAML reader makes of the text."""
    loaded: dict[str, Any] = yaml.safe_load(result.text)
    return loaded


def accepted(result: Converted, folder: Path) -> Configuration:
    """Our own reader takes it without an error."""
    file = folder / "kong.yml"
    file.write_text(result.text)
    findings = Findings()
    configuration = read_configuration(file, findings)
    assert [str(finding) for finding in findings.errors] == []
    assert configuration is not None
    return configuration


def routes_of(result: Converted) -> dict[str, dict[str, Any]]:
    """The routes by name, wherever they stand; those of a service have its plugins too."""
    found: dict[str, dict[str, Any]] = {}
    tree = document(result)
    for service in tree.get("services", ()):
        for route in service["routes"]:
            found[route["name"]] = {
                **route,
                "plugins": [*service.get("plugins", ()), *route.get("plugins", ())],
                "service": service["name"],
            }
    for route in tree.get("routes", ()):
        found[route["name"]] = {"plugins": [], **route}
    return found


def plugins_of(route: Mapping[str, Any]) -> dict[str, Any]:
    return {plugin["name"]: plugin["config"] for plugin in route["plugins"]}


def row(result: Converted, name: str, kind: str = "policy") -> Row:
    return next(row for row in result.coverage.sorted() if (row.kind, row.name) == (kind, name))


def simple(folder: Path, name: str, xml: str, *, flow: str = "", target: bool = True) -> Path:
    """A proxy with one policy in the request's PreFlow."""
    step = "<Step><Name>P</Name></Step>"
    rule = "<TargetEndpoint>default</TargetEndpoint>" if target else ""
    return write_bundle(
        folder,
        name,
        {
            "policies/P.xml": xml,
            "proxies/default.xml": f'<ProxyEndpoint name="default"><PreFlow><Request>{step}</Request></PreFlow>{flow}'
            f'<HTTPProxyConnection><BasePath>/{name}</BasePath></HTTPProxyConnection><RouteRule name="r">{rule}'
            "</RouteRule></ProxyEndpoint>",
            "targets/default.xml": '<TargetEndpoint name="default"><HTTPTargetConnection>'
            "<URL>http://up.test/back</URL></HTTPTargetConnection></TargetEndpoint>",
        },
    )


@dataclass
class Beside:
    """A bundle and what it was converted to, both served."""

    apigee: House
    kong: str
    session: aiohttp.ClientSession
    result: Converted

    async def ask(self, method: str, path: str, **options: Any) -> tuple[Reply, Reply]:
        """The answer of the bundle, and Kong's."""
        before = await self.apigee.call(method, path, **options)
        async with self.session.request(
            method, self.kong + path, allow_redirects=False, **options
        ) as response:
            after = Reply(response.status, response.reason or "", response.headers, await response.read())
        return before, after


@contextlib.asynccontextmanager
async def beside(
    folder: Path,
    *paths: Path,
    environment: Environment | None = None,
    test_data: TestData | None = None,
    **options: Any,
) -> AsyncIterator[Beside]:
    """Serve the bundles and their conversion with one upstream, which is `up.test`."""
    result = converted(*paths, environment=environment, test_data=test_data, **options)
    configuration = accepted(result, folder)
    async with house(*paths, environment=environment, test_data=test_data) as apigee:
        ways = {"up.test": f"http://127.0.0.1:{apigee.upstream.port}"}
        runtime = KongRuntime(open_store("memory"), connect_to=ways)
        runtime.deploy(configuration, Findings())
        server = Server(runtime.gateway.handle, Limits(), render=render_refusal)
        await server.start("127.0.0.1", 0)
        try:
            yield Beside(apigee, f"http://127.0.0.1:{server.port}", apigee.session, result)
        finally:
            await server.stop(1)
            await runtime.close(1)
