"""Attributes of API products, developers and apps, one by one or all together."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management import apps, developers
from apiproxy_runtime.control.management.apiproducts import found
from apiproxy_runtime.control.management.call import Call, Route, required


def _place(call: Call, documents: Documents) -> tuple[str, str]:
    """The noun and key of the document that the path names. Raises Refused."""
    if call.part("product"):
        found(documents, call.part("product"))
        return "products", call.part("product")
    if call.part("app"):
        return "developerapps", apps.find(call.host, documents, call.part("developer"), call.part("app"))
    return "developers", developers.find(call.host, documents, call.part("developer"))


def _attributes(documents: Documents, noun: str, key: str) -> list[Document]:
    listed = (documents.get(noun, key) or {}).get("attributes")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _one(call: Call, attributes: list[Document]) -> Document:
    for attribute in attributes:
        if attribute.get("name") == call.part("attribute"):
            return attribute
    raise Refused(
        404,
        "keymanagement.service.AttributeDoesNotExist",
        f"there is no attribute {call.part('attribute')!r}",
    )


async def list_all(call: Call) -> web.Response:
    documents = call.host.organization.documents
    return call.answer({"attribute": _attributes(documents, *_place(call, documents))})


async def get(call: Call) -> web.Response:
    documents = call.host.organization.documents
    return call.answer(_one(call, _attributes(documents, *_place(call, documents))))


async def replace(call: Call) -> web.Response:
    """`{"attribute": [{"name", "value"}]}` takes the place of all."""
    given = (await call.document()).get("attribute", [])
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise Refused(400, "InvalidJson", '"attribute" must be a list of {"name", "value"}')
    async with call.host.change() as draft:
        noun, key = _place(call, draft.documents)
        document = draft.documents.get(noun, key) or {}
        draft.documents.put(noun, key, {**document, "attributes": given})
    return call.answer({"attribute": given})


async def update(call: Call) -> web.Response:
    document = await call.document()
    attribute = {"name": call.part("attribute"), "value": required(document, "value", "attribute")}
    async with call.host.change() as draft:
        noun, key = _place(call, draft.documents)
        others = [
            item for item in _attributes(draft.documents, noun, key) if item.get("name") != attribute["name"]
        ]
        owner = draft.documents.get(noun, key) or {}
        draft.documents.put(noun, key, {**owner, "attributes": [*others, attribute]})
    return call.answer(attribute)


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        noun, key = _place(call, draft.documents)
        attributes = _attributes(draft.documents, noun, key)
        gone = _one(call, attributes)
        owner = draft.documents.get(noun, key) or {}
        left = [item for item in attributes if item is not gone]
        draft.documents.put(noun, key, {**owner, "attributes": left})
    return call.answer(gone)


ROUTES: list[Route] = [
    route
    for owner in ("apiproducts/{product}", "developers/{developer}", "developers/{developer}/apps/{app}")
    for route in (
        ("GET", f"{owner}/attributes", list_all),
        ("POST", f"{owner}/attributes", replace),
        ("GET", f"{owner}/attributes/{{attribute}}", get),
        ("POST", f"{owner}/attributes/{{attribute}}", update),
        ("PUT", f"{owner}/attributes/{{attribute}}", update),
        ("DELETE", f"{owner}/attributes/{{attribute}}", delete),
    )
]
