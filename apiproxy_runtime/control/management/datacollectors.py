"""Data collectors of the organization: the types of what DataCapture keeps, in all environments.

Source: docs.cloud.google.com/apigee, REST resource organizations.datacollectors.
"""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management.call import Call, Route, name_of, required

_NOUN = "datacollectors"


def _found(call: Call, documents: Documents) -> Document:
    document = documents.get(_NOUN, call.part("collector"))
    if document is None:
        raise Refused(
            404, "datacollectors.DoesNotExist", f"there is no data collector {call.part('collector')!r}"
        )
    return document


async def list_all(call: Call) -> web.Response:
    documents = call.host.organization.documents
    return call.answer({"dataCollectors": documents.all(_NOUN)} if documents.keys(_NOUN) else {})


async def create(call: Call) -> web.Response:
    """`{"name", "type", "description"}`; the name may be the parameter `dataCollectorId` instead."""
    document = await call.document()
    name = name_of(call, document, "data collector", "dataCollectorId")
    type_ = required(document, "type", "data collector")
    now = call.host.now()
    kept = {**document, "name": name, "type": type_, "createdAt": now, "lastModifiedAt": now}
    async with call.host.change() as draft:
        if draft.documents.get(_NOUN, name) is not None:
            raise Refused(409, "datacollectors.AlreadyExists", f"there is a data collector {name!r} already")
        draft.documents.put(_NOUN, name, kept)
    return call.answer(kept, 201)


async def get(call: Call) -> web.Response:
    return call.answer(_found(call, call.host.organization.documents))


async def update(call: Call) -> web.Response:
    """The description alone can change."""
    document = await call.document()
    async with call.host.change() as draft:
        kept = {**_found(call, draft.documents), "lastModifiedAt": call.host.now()}
        kept["description"] = document.get("description", "")
        draft.documents.put(_NOUN, call.part("collector"), kept)
    return call.answer(kept)


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        _found(call, draft.documents)
        draft.documents.delete(_NOUN, call.part("collector"))
    return call.answer({})


ROUTES: list[Route] = [
    ("GET", _NOUN, list_all),
    ("POST", _NOUN, create),
    ("GET", f"{_NOUN}/{{collector}}", get),
    ("PATCH", f"{_NOUN}/{{collector}}", update),
    ("DELETE", f"{_NOUN}/{{collector}}", delete),
]
