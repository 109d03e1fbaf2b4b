"""Where traffic comes in: Edge's virtual hosts and X's environment groups. Whatever their names, it is the traffic port."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route

GROUP = "default"


def traffic(call: Call) -> tuple[str, str]:
    """Host and port at which proxies are called from this machine."""
    address = urlsplit(call.host.here.address)
    host = address.hostname or "localhost"
    return "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host, str(address.port or 80)


async def list_hosts(call: Call) -> web.Response:
    return call.answer(["default"])


async def get_host(call: Call) -> web.Response:
    """Any name will do: apigeetool tells with it where a proxy can be called. It has no TLS."""
    host, port = traffic(call)
    return call.answer(
        {
            "name": call.part("host"),
            "hostAliases": [host],
            "interfaces": [],
            "port": port,
            "listenOptions": [],
        }
    )


def _group(call: Call) -> Document:
    return {
        "name": GROUP,
        "hostnames": [traffic(call)[0]],
        "createdAt": 0,
        "lastModifiedAt": 0,
        "state": "ACTIVE",
    }


async def list_groups(call: Call) -> web.Response:
    return call.answer({"environmentGroups": [_group(call)]})


async def get_group(call: Call) -> web.Response:
    return call.answer(_group(call))


async def attachments(call: Call) -> web.Response:
    """All environments belong to the one group."""
    return call.answer(
        {
            "environmentGroupAttachments": [
                {"name": name, "environment": name, "environmentGroupId": GROUP, "createdAt": 0}
                for name in call.host.organization.environments
            ]
        }
    )


ROUTES: list[Route] = [
    ("GET", f"{ENVIRONMENT}/virtualhosts", list_hosts),
    ("GET", f"{ENVIRONMENT}/virtualhosts/{{host}}", get_host),
    ("GET", "envgroups", list_groups),
    ("GET", f"envgroups/{GROUP}", get_group),
    ("GET", f"envgroups/{GROUP}/attachments", attachments),
]
