"""Edge's virtual hosts: where traffic comes in. Whatever their names, it is the traffic port."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.management.collection import documents_of, found
from apiproxy_runtime.control.name import check_name

_NOUN = "virtualhosts"


def traffic(call: Call) -> tuple[str, str]:
    """Host and port at which proxies are called from this machine."""
    address = urlsplit(call.host.here.address)
    host = address.hostname or "localhost"
    return "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host, str(address.port or 80)


async def list_hosts(call: Call) -> web.Response:
    kept = documents_of(call.host, call.environment).keys(_NOUN)
    return call.answer(list(dict.fromkeys(("default", *kept))))


async def get_host(call: Call) -> web.Response:
    """Any name will do: apigeetool tells with it where a proxy can be called. It has no TLS."""
    host, port = traffic(call)
    kept = documents_of(call.host, call.environment).get(_NOUN, call.part("host")) or {}
    return call.answer(
        {
            **kept,
            "name": call.part("host"),
            "hostAliases": [host],
            "interfaces": [],
            "port": port,
            "listenOptions": [],
        }
    )


async def create(call: Call) -> web.Response:
    """Kept as it was sent, and shown; it opens no port."""
    document = await call.document()
    name = check_name(call.part("host") or required(document, "name", "virtual host"), "virtual host")
    kept = {**document, "name": name}
    async with call.host.change() as draft:
        draft.environment(call.environment).documents.put(_NOUN, name, kept)
    return call.answer(kept, 201)


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        document = found(documents, _NOUN, "virtual host", call.part("host"))
        documents.delete(_NOUN, call.part("host"))
    return call.answer(document)


_ONE = f"{ENVIRONMENT}/{_NOUN}/{{host}}"
ROUTES: list[Route] = [
    ("GET", f"{ENVIRONMENT}/{_NOUN}", list_hosts),
    ("POST", f"{ENVIRONMENT}/{_NOUN}", create),
    ("GET", _ONE, get_host),
    ("PUT", _ONE, create),
    ("POST", _ONE, create),
    ("DELETE", _ONE, delete),
]
