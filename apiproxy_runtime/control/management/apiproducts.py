"""API products of the organization."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management.call import Call, Route, required, texts_of
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.control.organization import Organization

_DEFAULTS: Document = {
    "apiResources": [],
    "approvalType": "auto",
    "attributes": [],
    "environments": [],
    "proxies": [],
    "scopes": [],
}


def found(documents: Documents, name: str) -> Document:
    """A product. Raises Refused."""
    product = documents.get("products", name)
    if product is None:
        raise Refused(
            404, "keymanagement.service.apiproduct_doesnot_exist", f"there is no API product {name!r}"
        )
    return product


def shown(product: Document) -> Document:
    """With the fields that every answer has. An operation group takes the place of proxies and paths."""
    defaults = dict(_DEFAULTS)
    if any(key.endswith("perationGroup") for key in product):
        del defaults["apiResources"], defaults["proxies"]
    return {**defaults, "displayName": product.get("name"), "createdBy": "apiproxy", **product}


async def list_all(call: Call) -> web.Response:
    """Edge: names; X: objects with the name; with `expand=true` all of them. `startKey` and `count` page."""
    documents = call.host.organization.documents
    names = call.page(documents.keys("products"), "count")
    expanded = [shown(found(documents, name)) for name in names] if call.flag("expand") else None
    return call.listed("apiProduct", names, expanded)


def _check(call: Call, draft: Organization, product: Document) -> None:
    """Raises Refused for proxies and environments that there are not, where Edge speaks; X takes any name."""
    if not call.edge:
        return
    for name in texts_of(product.get("proxies")):
        if name not in draft.names("apiproxy"):
            raise Refused(400, "keymanagement.service.InvalidProxy", f"Invalid apiproxy {name}")
    for name in texts_of(product.get("environments")):
        if name not in draft.environments:
            raise Refused(400, "keymanagement.service.InvalidEnvironment", f"Invalid environment {name}")


async def create(call: Call) -> web.Response:
    document = await call.document()
    name = check_name(required(document, "name", "API product"), "API product")
    now = call.host.now()
    async with call.host.change() as draft:
        if draft.documents.get("products", name) is not None:
            raise Refused(
                409,
                "keymanagement.service.apiproduct_already_exists",
                f"there is an API product {name!r} already",
            )
        _check(call, draft, document)
        kept = {**without_nulls(document), "createdAt": now, "lastModifiedAt": now}
        draft.documents.put("products", name, kept)
    return call.answer(shown(kept), 201)


def without_nulls(document: Document) -> Document:
    """A document without the fields that a client left out in so many words."""
    return {key: value for key, value in document.items() if value is not None}


async def get(call: Call) -> web.Response:
    return call.answer(shown(found(call.host.organization.documents, call.part("product"))))


async def update(call: Call) -> web.Response:
    """What is sent takes the product's place."""
    document = await call.document()
    name = call.part("product")
    async with call.host.change() as draft:
        before = found(draft.documents, name)
        _check(call, draft, document)
        created = before.get("createdAt", call.host.now())
        kept = {
            **without_nulls(document),
            "name": name,
            "createdAt": created,
            "lastModifiedAt": call.host.now(),
        }
        draft.documents.put("products", name, kept)
    return call.answer(shown(kept))


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        product = found(draft.documents, call.part("product"))
        draft.documents.delete("products", call.part("product"))
    return call.answer(shown(product))


ROUTES: list[Route] = [
    ("GET", "apiproducts", list_all),
    ("POST", "apiproducts", create),
    ("GET", "apiproducts/{product}", get),
    ("PUT", "apiproducts/{product}", update),
    ("POST", "apiproducts/{product}", update),
    ("DELETE", "apiproducts/{product}", delete),
]
