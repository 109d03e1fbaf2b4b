"""The control API of the Apigee emulator, under `/v1/emulator`: what its clients call, answered as they read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from apiproxy_runtime import __version__
from apiproxy_runtime.control.answer import json_answer
from apiproxy_runtime.control.emulator import testdata
from apiproxy_runtime.control.emulator.analytics import Analytics
from apiproxy_runtime.control.emulator.deploy import deploy
from apiproxy_runtime.control.host import Host

PREFIX = "/v1/emulator"

Handler = Callable[[Host, web.Request], Awaitable[web.Response]]


def routes(host: Host) -> list[web.RouteDef]:
    """All calls but those about trace sessions."""
    analytics = Analytics(host)

    def on(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await handler(host, request)

        return handle

    async def deploy_and_follow(host: Host, request: web.Request) -> web.Response:
        analytics.begin()
        return await deploy(host, request)

    return [
        web.post(f"{PREFIX}/deploy", on(deploy_and_follow)),
        web.get(f"{PREFIX}/tree", on(tree)),
        web.post(f"{PREFIX}/reset", on(reset)),
        web.get(f"{PREFIX}/version", on(version)),
        web.get(f"{PREFIX}/healthz", on(healthz)),
        web.get(f"{PREFIX}/analytics", analytics.answer),
        web.post(f"{PREFIX}/setup/tests", on(testdata.replace)),
        web.delete(f"{PREFIX}/clear/test", on(testdata.clear)),
        web.get(f"{PREFIX}/test/maps", on(testdata.maps)),
        web.get(f"{PREFIX}/test/products", on(testdata.products)),
        web.get(f"{PREFIX}/test/developers", on(testdata.developers)),
        web.get(f"{PREFIX}/test/developerapps", on(testdata.apps)),
    ]


async def tree(host: Host, request: web.Request) -> web.Response:
    """One item for each ProxyEndpoint, base paths without their leading slash; `proxyUID` is the deploy's number."""
    return json_answer(
        [
            {
                "application": program.bundle.name,
                "name": endpoint.name,
                "basePath": endpoint.base_path.removeprefix("/"),
                "revision": program.deployment.revision,
                "environment": name,
                "proxyUID": str(state.contract),
            }
            for name, state in host.organization.environments.items()
            for program in host.programs(name)
            for endpoint in program.endpoints
        ]
    )


async def version(host: Host, request: web.Request) -> web.Response:
    """`environment` is the one deployed last, `revision` the number of the last deploy."""
    organization = host.organization
    return json_answer(
        {
            "version": __version__,
            "releaseId": __version__,
            "environment": next(reversed(organization.environments), host.environment),
            "environments": list(organization.environments),
            "organization": organization.name,
            "revision": str(organization.contract),
        }
    )


async def healthz(host: Host, request: web.Request) -> web.Response:
    return json_answer({"status": "ok"})


async def reset(host: Host, request: web.Request) -> web.Response:
    """Everything is undeployed, and all test data and key value maps are forgotten."""
    await host.reset()
    return json_answer({})
