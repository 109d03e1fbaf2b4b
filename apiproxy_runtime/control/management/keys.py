"""Keys of an app: made, given products, approved, revoked, deleted."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management import apps
from apiproxy_runtime.control.management.apiproducts import without_nulls
from apiproxy_runtime.control.management.call import Call, Route, number_of, required, texts_of

#: Makes a key's document anew, given the organization's documents; None deletes it.
Change = Callable[[Document, Documents], Document | None]


def _found(call: Call, app: Document) -> Document:
    for credential in app["credentials"]:
        if credential.get("consumerKey") == call.part("key"):
            return dict(credential)
    raise Refused(
        404,
        "keymanagement.service.InvalidClientIdForGivenApp",
        f"the app {call.part('app')!r} has no key {call.part('key')!r}",
    )


def shown(credential: Document) -> Document:
    return {"attributes": [], "scopes": [], **credential}


async def _change(call: Call, change: Change) -> Document:
    """Change the key that the path names; what it was, if it is deleted."""
    host = call.host
    async with host.change() as draft:
        place = apps.find(host, draft.documents, call.part("developer"), call.part("app"))
        app = apps.whole(host, draft.documents, place)
        before = _found(call, app)
        after = change(before, draft.documents)
        changed = [
            after if item.get("consumerKey") == call.part("key") else item
            for item in app["credentials"]
            if after is not None or item.get("consumerKey") != call.part("key")
        ]
        draft.documents.put("developerapps", place, {**app, "credentials": changed})
    return shown(after or before)


async def create(call: Call) -> web.Response:
    """`{"consumerKey", "consumerSecret"}`, with products, scopes and expiry if wanted."""
    host = call.host
    document = without_nulls(await call.document())
    name = required(document, "consumerKey", "key")
    async with host.change() as draft:
        place = apps.find(host, draft.documents, call.part("developer"), call.part("app"))
        app = apps.whole(host, draft.documents, place)
        if any(item.get("consumerKey") == name for item in app["credentials"]):
            raise Refused(
                409, "keymanagement.service.ConsumerKeyAlreadyExists", f"there is a key {name!r} already"
            )
        seconds = number_of(document.get("expiresInSeconds"), -1)
        expires_in = number_of(document.get("keyExpiresIn"), seconds * 1000)
        products = texts_of(document.get("apiProducts"))
        made = apps.credential(host, draft.documents, products, expires_in, document)
        draft.documents.put("developerapps", place, {**app, "credentials": [*app["credentials"], made]})
    return call.answer(shown(made), 201)


async def get(call: Call) -> web.Response:
    host = call.host
    documents = host.organization.documents
    place = apps.find(host, documents, call.part("developer"), call.part("app"))
    return call.answer(shown(_found(call, apps.whole(host, documents, place))))


async def update(call: Call) -> web.Response:
    """Products are added to those of the key, `attributes` and `scopes` replaced; or `?action=approve|revoke` (204)."""
    action = call.request.query.get("action", "")
    document = {} if action else without_nulls(await call.document())

    def change(key: Document, documents: Documents) -> Document:
        if action:
            return {**key, "status": apps.status_after(action)}
        had = key.get("apiProducts") or []
        names = [name for name in texts_of(document.get("apiProducts")) if name not in texts_of(had)]
        added = apps.credential(call.host, documents, names, -1, {})["apiProducts"]
        given: Document = {field: document[field] for field in ("attributes", "scopes") if field in document}
        return {**key, **given, "apiProducts": [*had, *added]}

    after = await _change(call, change)
    return web.Response(status=204) if action else call.answer(after)


async def delete(call: Call) -> web.Response:
    return call.answer(await _change(call, lambda key, documents: None))


async def act_on_product(call: Call) -> web.Response:
    """`?action=approve|revoke` (204)."""
    status = apps.status_after(call.request.query.get("action", ""))

    def change(key: Document, documents: Documents) -> Document:
        products = [
            {"apiproduct": name, "status": status}
            if (name := str(item.get("apiproduct"))) == call.part("product")
            else item
            for item in _products(call, key)
        ]
        return {**key, "apiProducts": products}

    await _change(call, change)
    return web.Response(status=204)


async def remove_product(call: Call) -> web.Response:
    def change(key: Document, documents: Documents) -> Document:
        products = [item for item in _products(call, key) if item.get("apiproduct") != call.part("product")]
        return {**key, "apiProducts": products}

    return call.answer(await _change(call, change))


def _products(call: Call, key: Document) -> list[Document]:
    """The products of a key, the one in the path among them. Raises Refused."""
    products = [
        item if isinstance(item, dict) else {"apiproduct": item} for item in key.get("apiProducts") or []
    ]
    if call.part("product") not in texts_of(products):
        raise Refused(
            404,
            "keymanagement.service.apiproduct_doesnot_exist",
            f"the key has no API product {call.part('product')!r}",
        )
    return products


_PLACE = "developers/{developer}/apps/{app}/keys"
_ONE = f"{_PLACE}/{{key}}"
ROUTES: list[Route] = [
    ("POST", _PLACE, create),
    ("POST", f"{_PLACE}/create", create),
    ("GET", _ONE, get),
    ("POST", _ONE, update),
    ("PUT", _ONE, update),
    ("DELETE", _ONE, delete),
    ("POST", f"{_ONE}/apiproducts/{{product}}", act_on_product),
    ("DELETE", f"{_ONE}/apiproducts/{{product}}", remove_product),
]
