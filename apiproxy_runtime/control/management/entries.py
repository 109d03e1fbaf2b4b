"""Entries of key value maps, one by one."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.management.call import Call, Route, number_of, required
from apiproxy_runtime.control.management.keyvaluemaps import MASK, PLACES, found, text_of
from apiproxy_runtime.state.store import settled

#: Entries on a page, unless a client asks for fewer.
PAGE = 1000


async def list_all(call: Call) -> web.Response:
    """X: `keyValueEntries` and a `nextPageToken`, by `pageSize` and `pageToken`."""
    table, encrypted = await found(call)
    query = call.request.query
    size = min(max(number_of(query.get("pageSize"), PAGE), 1), PAGE)
    entries = await settled(table.entries(_after(query.get("pageToken", "")), size + 1))
    page = entries[:size]
    return call.answer(
        {
            "keyValueEntries": [_entry(call, key, values, encrypted) for key, values in page],
            "nextPageToken": base64.urlsafe_b64encode(page[-1][0].encode()).decode()
            if len(entries) > size
            else "",
        }
    )


def _after(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(
            400, "InvalidPageToken", "the pageToken must be the nextPageToken of an answer"
        ) from None


def _entry(call: Call, name: str, values: list[str], encrypted: bool) -> dict[str, str]:
    """An entry; X shows the values of encrypted maps, Edge does not."""
    return {"name": name, "value": MASK if encrypted and call.edge else ",".join(values)}


async def list_keys(call: Call) -> web.Response:
    """Edge: the names of the entries."""
    table, _ = await found(call)
    return call.answer([key for key, _ in await settled(table.entries())])


async def get(call: Call) -> web.Response:
    table, encrypted = await found(call)
    name = call.part("key")
    values = await settled(table.get(name))
    if values is None:
        raise _missing(call)
    return call.answer(_entry(call, name, values, encrypted))


def _missing(call: Call) -> Refused:
    return Refused(
        404,
        "keyvaluemap.service.keyvaluemap_entry_doesnt_exist",
        f"the key value map {call.part('map')!r} has no entry {call.part('key')!r}",
    )


async def create(call: Call) -> web.Response:
    table, encrypted = await found(call)
    document = await call.document()
    name, value = required(document, "name", "entry"), text_of(document)
    if not await settled(table.put(name, [value], override=False)):
        raise Refused(
            409,
            "keyvaluemap.service.keyvaluemap_entry_already_exists",
            f"the key value map {call.part('map')!r} has an entry {name!r} already",
        )
    return call.answer(_entry(call, name, [value], encrypted), 201)


async def update(call: Call) -> web.Response:
    table, encrypted = await found(call)
    name, value = call.part("key"), text_of(await call.document())
    if await settled(table.get(name)) is None:
        raise _missing(call)
    await settled(table.put(name, [value]))
    return call.answer(_entry(call, name, [value], encrypted))


async def delete(call: Call) -> web.Response:
    table, encrypted = await found(call)
    name = call.part("key")
    values = await settled(table.get(name))
    if values is None:
        raise _missing(call)
    await settled(table.delete(name))
    return call.answer(_entry(call, name, values, encrypted))


ROUTES: list[Route] = [
    route
    for place in PLACES
    for route in (
        ("GET", f"{place}/{{map}}/keys", list_keys),
        ("GET", f"{place}/{{map}}/entries", list_all),
        ("POST", f"{place}/{{map}}/entries", create),
        ("GET", f"{place}/{{map}}/entries/{{key}}", get),
        ("POST", f"{place}/{{map}}/entries/{{key}}", update),
        ("PUT", f"{place}/{{map}}/entries/{{key}}", update),
        ("DELETE", f"{place}/{{map}}/entries/{{key}}", delete),
    )
]
