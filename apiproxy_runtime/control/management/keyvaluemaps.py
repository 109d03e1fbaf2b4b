"""Key value maps of the organization, of an environment, of a proxy. They live in the store, so nothing is compiled."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.apis import need
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.state.kvm import KeyValueMap, KeyValueMaps
from apiproxy_runtime.state.store import settled

#: What Edge shows in place of the values of an encrypted map.
MASK = "*****"
#: Where maps are: paths below the organization.
PLACES = ("keyvaluemaps", f"{ENVIRONMENT}/keyvaluemaps", "apis/{proxy}/keyvaluemaps")


def scope_of(call: Call) -> str:
    if call.environment:
        return "environment"
    return "apiproxy" if call.part("proxy") else "organization"


def maps_of(call: Call) -> KeyValueMaps:
    return call.host.kvms(call.environment or call.host.environment)


async def names_of(call: Call) -> dict[str, bool]:
    """The maps of the scope, each with whether it is encrypted."""
    return await settled(maps_of(call).names(scope_of(call), proxy=call.part("proxy")))


def table_of(call: Call, name: str) -> KeyValueMap:
    """A map of the scope, whether it exists or not."""
    return maps_of(call).map(scope_of(call), name, proxy=call.part("proxy"))


async def found(call: Call) -> tuple[KeyValueMap, bool]:
    """The map that the path names, and whether it is encrypted. Raises Refused."""
    name = call.part("map")
    names = await names_of(call)
    if name not in names:
        raise Refused(
            404,
            "keyvaluemap.service.keyvaluemap_doesnt_exist",
            f"there is no key value map {name!r} of this {scope_of(call)}",
        )
    return table_of(call, name), names[name]


async def shown(table: KeyValueMap, encrypted: bool) -> Document:
    """A map with its entries, as Edge shows it; X shows the first two fields and ignores the third."""
    return {
        "name": table.name,
        "encrypted": encrypted,
        "entry": [
            {"name": key, "value": MASK if encrypted else ",".join(values)}
            for key, values in await settled(table.entries())
        ],
    }


async def list_all(call: Call) -> web.Response:
    return call.answer(list(await names_of(call)))


async def create(call: Call) -> web.Response:
    """`{"name", "encrypted", "entry": [{"name", "value"}]}`."""
    if call.part("proxy"):
        need(call.host.organization, "apiproxy", call.part("proxy"))
    document = await call.document()
    name = check_name(required(document, "name", "key value map"), "key value map")
    entries = given_entries(document)
    encrypted = str(document.get("encrypted", False)).lower() == "true"
    if encrypted:
        _ = maps_of(call).secret  # raises here if there is no key, while nothing has changed
    table = table_of(call, name)
    if not await settled(table.create(encrypted=encrypted)):
        raise Refused(
            409,
            "keyvaluemap.service.keyvaluemap_already_exists",
            f"there is a key value map {name!r} of this {scope_of(call)} already",
        )
    await settled(table.seed(entries, encrypted=encrypted))
    return call.answer(await shown(table, encrypted), 201)


def given_entries(document: Document) -> dict[str, str]:
    """The entries in a map's document. Raises Refused."""
    given = document.get("entry", [])
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Refused(400, "InvalidJson", '"entry" must be a list of {"name", "value"}')
    return {required(item, "name", "entry"): text_of(item) for item in given}


def text_of(entry: Document) -> str:
    """The value of an entry. Raises Refused."""
    value = entry.get("value")
    if not isinstance(value, str):
        raise Refused(400, "MissingField", 'an entry needs a text as its "value"')
    return value


async def get(call: Call) -> web.Response:
    return call.answer(await shown(*await found(call)))


async def update(call: Call) -> web.Response:
    """POST adds and changes entries; PUT has exactly those that are sent."""
    table, encrypted = await found(call)
    entries = given_entries(await call.document())
    await settled(table.seed(entries, encrypted=encrypted))
    if call.request.method == "PUT":
        for key, _ in await settled(table.entries()):
            if key not in entries:
                await settled(table.delete(key))
    return call.answer(await shown(table, encrypted))


async def delete(call: Call) -> web.Response:
    table, encrypted = await found(call)
    described = await shown(table, encrypted)
    await settled(table.drop())
    return call.answer(described)


ROUTES: list[Route] = [
    route
    for place in PLACES
    for route in (
        ("GET", place, list_all),
        ("POST", place, create),
        ("GET", f"{place}/{{map}}", get),
        ("POST", f"{place}/{{map}}", update),
        ("PUT", f"{place}/{{map}}", update),
        ("DELETE", f"{place}/{{map}}", delete),
    )
]
