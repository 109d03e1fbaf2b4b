"""The control API of the Apigee emulator, under `/v1/emulator`."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime import __version__
from apiproxy_runtime.control.answer import json_answer
from apiproxy_runtime.control.host import Host

PREFIX = "/v1/emulator"


def routes(host: Host) -> list[web.RouteDef]:
    async def version(request: web.Request) -> web.Response:
        organization = host.organization
        active = next(reversed(organization.environments), host.environment)
        return json_answer(
            {
                "version": __version__,
                "releaseId": __version__,
                "environment": active,
                "organization": organization.name,
                "revision": str(organization.contract),
            }
        )

    async def healthz(request: web.Request) -> web.Response:
        return json_answer({"status": "ok"})

    return [web.get(f"{PREFIX}/version", version), web.get(f"{PREFIX}/healthz", healthz)]
