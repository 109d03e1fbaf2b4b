"""Edge's mask configurations, of the organization or a proxy: what traces hide in all environments.

Source: docs.apigee.com, "Data masking and hiding"; apidocs.apigee.com, "Mask configurations".
"""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management.apis import need
from apiproxy_runtime.control.management.call import Call, Route
from apiproxy_runtime.control.name import check_name

_NOUN = "maskconfigs"


def _key(call: Call, name: str) -> str:
    return f"{call.part('proxy')}/{name}"


def _found(call: Call, documents: Documents) -> Document:
    document = documents.get(_NOUN, _key(call, call.part("mask")))
    if document is None:
        raise Refused(
            404, "maskconfigs.DoesNotExist", f"there is no mask configuration {call.part('mask')!r}"
        )
    return document


async def list_all(call: Call) -> web.Response:
    keys = call.host.organization.documents.keys(_NOUN)
    place = _key(call, "")
    return call.answer([key.removeprefix(place) for key in keys if key.startswith(place)])


async def put(call: Call) -> web.Response:
    """Created, or put in the place of the one of that name; without a name it is `default`."""
    document = await call.document()
    name = check_name(call.part("mask") or str(document.get("name") or "default"), "mask configuration")
    kept = {**document, "name": name}
    async with call.host.change() as draft:
        if call.part("proxy"):
            need(draft, "apiproxy", call.part("proxy"))
        draft.documents.put(_NOUN, _key(call, name), kept)
    return call.answer(kept, 201)


async def get(call: Call) -> web.Response:
    return call.answer(_found(call, call.host.organization.documents))


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        document = _found(call, draft.documents)
        draft.documents.delete(_NOUN, _key(call, call.part("mask")))
    return call.answer(document)


ROUTES: list[Route] = [
    route
    for place in (_NOUN, f"apis/{{proxy}}/{_NOUN}")
    for route in (
        ("GET", place, list_all),
        ("POST", place, put),
        ("GET", f"{place}/{{mask}}", get),
        ("POST", f"{place}/{{mask}}", put),
        ("PUT", f"{place}/{{mask}}", put),
        ("DELETE", f"{place}/{{mask}}", delete),
    )
]
