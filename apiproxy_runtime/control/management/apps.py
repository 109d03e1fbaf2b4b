"""Apps of developers, with their keys."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents, app_key
from apiproxy_runtime.control.emulator.testdata import app_document
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management import developers
from apiproxy_runtime.control.management.apiproducts import found as product_found
from apiproxy_runtime.control.management.apiproducts import without_nulls
from apiproxy_runtime.control.management.call import Call, Route, number_of, required, texts_of
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.state.catalog import draw

ACTIONS = {"approve": "approved", "revoke": "revoked"}


def find(host: Host, documents: Documents, developer: str, name: str) -> str:
    """The key of an app. Raises Refused."""
    email = developers.find(host, documents, developer)
    owner = documents.get("developers", email) or {}
    for key in (app_key(email, name), app_key(developers.id_of(host, email, owner), name)):
        if documents.get("developerapps", key) is not None:
            return key
    raise Refused(
        404, "developer.service.AppDoesNotExist", f"the developer {email!r} has no app named {name!r}"
    )


def whole(host: Host, documents: Documents, key: str) -> Document:
    """An app's document with its id and its keys, whether these were written down or drawn."""
    document = documents.get("developerapps", key) or {}
    catalog = developers.catalog_of(host)
    owner, _, name = key.partition("/")
    known = catalog.developers.get(owner)
    email = known.email if known is not None else owner
    app_id = catalog.app_ids.get((email, name), "")
    derived = app_document(catalog, app_id, catalog.apps[app_id]) if app_id in catalog.apps else {}
    return {
        "appFamily": "default",
        "createdAt": 0,
        "lastModifiedAt": 0,
        **derived,
        **document,
        "credentials": document.get("credentials") or derived.get("credentials", []),
        "developerEmail": email,
    }


def shown(call: Call, key: str) -> Document:
    """An app as it is told: with its developer's id."""
    host = call.host
    document = whole(host, host.organization.documents, key)
    email = document["developerEmail"]
    owner = host.organization.documents.get("developers", email) or {}
    return {**document, "developerId": developers.id_of(host, email, owner)}


def credential(
    host: Host, documents: Documents, products: Iterable[str], expires_in: int, given: Document
) -> Document:
    """A new key for products; drawn, unless one is given. Those of manual approval are pending. Raises Refused."""
    approved = [
        {
            "apiproduct": name,
            "status": "pending"
            if product_found(documents, name).get("approvalType") == "manual"
            else "approved",
        }
        for name in products
    ]
    now, world = host.now(), host.store.world
    made: Document = {
        "consumerKey": given.get("consumerKey") or draw(world, 48),
        "consumerSecret": given.get("consumerSecret") or draw(world, 64),
        "apiProducts": approved,
        "attributes": given.get("attributes") or [],
        "status": "approved",
        "issuedAt": now,
        "expiresAt": now + expires_in if expires_in > 0 else -1,
    }
    return {**made, "scopes": given["scopes"]} if given.get("scopes") else made


def given_credentials(document: Document, documents: Documents) -> list[Document] | None:
    """The keys that a client sends with an app; None if it sends none. Raises Refused for products there are not."""
    credentials = document.get("credentials")
    if not isinstance(credentials, list) or not credentials:
        return None
    for item in credentials:
        for name in texts_of(item.get("apiProducts") if isinstance(item, dict) else None):
            product_found(documents, name)
    return credentials


# ---- apps of a developer


async def list_all(call: Call) -> web.Response:
    """Edge: names; X: objects with id and name; with `expand=true` all of them."""
    documents = call.host.organization.documents
    email = developers.find(call.host, documents, call.part("developer"))
    names = developers.shown(call, email)["apps"]
    apps = [shown(call, find(call.host, documents, email, name)) for name in names]
    if call.flag("expand"):
        return call.answer({"app": apps})
    if call.edge:
        return call.answer(names)
    return call.answer({"app": [{"appId": app["appId"], "name": app["name"]} for app in apps]})


async def create(call: Call) -> web.Response:
    """`{"name", "apiProducts", "callbackUrl", "attributes", "scopes", "keyExpiresIn"}`; the app comes with a key."""
    host = call.host
    document = without_nulls(await call.document())
    name = check_name(required(document, "name", "app"), "app")
    products = texts_of(document.get("apiProducts"))
    expires_in = number_of(document.get("keyExpiresIn"), -1)
    async with host.change() as draft:
        email = developers.find(host, draft.documents, call.part("developer"))
        key = app_key(email, name)
        if draft.documents.get("developerapps", key) is not None:
            raise Refused(
                409,
                "developer.service.AppAlreadyExists",
                f"the developer {email!r} has an app named {name!r} already",
            )
        own = credential(host, draft.documents, products, expires_in, {"scopes": document.get("scopes")})
        kept = {
            "status": "approved",
            **document,
            "name": name,
            "appId": host.store.world.uuid(),
            "developerEmail": email,
            "keyExpiresIn": expires_in,
            "createdAt": host.now(),
            "lastModifiedAt": host.now(),
            "credentials": given_credentials(document, draft.documents) or [own],
        }
        kept.pop("developerId", None)
        draft.documents.put("developerapps", key, kept)
    return call.answer(shown(call, key), 201)


def _key(call: Call, documents: Documents) -> str:
    return find(call.host, documents, call.part("developer"), call.part("app"))


async def get(call: Call) -> web.Response:
    return call.answer(shown(call, _key(call, call.host.organization.documents)))


async def replace(call: Call) -> web.Response:
    """PUT: fields that are sent take the place of those before. Products that no key has go to the first key."""
    host = call.host
    document = without_nulls(await call.document())
    async with host.change() as draft:
        key = _key(call, draft.documents)
        before = whole(host, draft.documents, key)
        kept = {**before, **document, "name": before["name"], "appId": before["appId"]}
        kept |= {"developerEmail": before["developerEmail"], "lastModifiedAt": host.now()}
        kept["credentials"] = given_credentials(document, draft.documents) or before["credentials"]
        known = {name for item in kept["credentials"] for name in texts_of(item.get("apiProducts"))}
        added = [name for name in texts_of(document.get("apiProducts")) if name not in known]
        if added and kept["credentials"]:
            first, *others = kept["credentials"]
            more = credential(host, draft.documents, added, -1, {})["apiProducts"]
            kept["credentials"] = [{**first, "apiProducts": [*first.get("apiProducts", []), *more]}, *others]
        kept.pop("developerId", None)
        draft.documents.put("developerapps", key, kept)
    return call.answer(shown(call, key))


async def act(call: Call) -> web.Response:
    """POST: `?action=approve|revoke` (204), or JSON with `apiProducts`: the app gets one more key."""
    host = call.host
    action = call.request.query.get("action", "")
    document = {} if action else without_nulls(await call.document())
    async with host.change() as draft:
        key = _key(call, draft.documents)
        kept = whole(host, draft.documents, key)
        if action:
            kept["status"] = status_after(action)
        else:
            expires_in = number_of(document.get("keyExpiresIn"), -1)
            products = texts_of(document.get("apiProducts"))
            own = credential(host, draft.documents, products, expires_in, {"scopes": document.get("scopes")})
            kept["credentials"] = [*kept["credentials"], own]
            for field in ("attributes", "callbackUrl"):
                kept[field] = document.get(field, kept.get(field))
        draft.documents.put("developerapps", key, {**kept, "lastModifiedAt": host.now()})
    return web.Response(status=204) if action else call.answer(shown(call, key))


def status_after(action: str) -> str:
    """Raises Refused for a word that is no action."""
    if action not in ACTIONS:
        raise Refused(400, "InvalidAction", f"action must be approve or revoke, not {action!r}")
    return ACTIONS[action]


async def delete(call: Call) -> web.Response:
    described = shown(call, _key(call, call.host.organization.documents))
    async with call.host.change() as draft:
        draft.documents.delete("developerapps", _key(call, draft.documents))
    return call.answer(described)


# ---- apps of the organization


async def list_everywhere(call: Call) -> web.Response:
    """Edge: ids; X: objects with the id; with `expand=true` (or X's `includeCred`) all of them.

    `startKey` (an id) and `rows` page.
    """
    documents = call.host.organization.documents
    apps = [shown(call, key) for key in documents.keys("developerapps")]
    wanted = call.request.query.get("apiProduct") or call.request.query.get("apiproduct")
    if wanted:
        apps = [app for app in apps if _has_product(app, wanted)]
    by_id = {str(app["appId"]): app for app in apps}
    ids = call.page(list(by_id), "rows")
    if call.flag("expand") or call.flag("includeCred"):
        return call.answer({"app": [by_id[id_] for id_ in ids]})
    return call.answer(ids if call.edge else {"app": [{"appId": id_} for id_ in ids]})


def _has_product(app: Document, product: str) -> bool:
    return any(product in texts_of(item.get("apiProducts")) for item in app["credentials"])


async def get_by_id(call: Call) -> web.Response:
    for key in call.host.organization.documents.keys("developerapps"):
        app = shown(call, key)
        if app["appId"] == call.part("id"):
            return call.answer(app)
    raise Refused(
        404, "developer.service.AppDoesNotExist", f"there is no app with the id {call.part('id')!r}"
    )


_PLACE = "developers/{developer}/apps"
ROUTES: list[Route] = [
    ("GET", _PLACE, list_all),
    ("POST", _PLACE, create),
    ("GET", f"{_PLACE}/{{app}}", get),
    ("PUT", f"{_PLACE}/{{app}}", replace),
    ("POST", f"{_PLACE}/{{app}}", act),
    ("DELETE", f"{_PLACE}/{{app}}", delete),
    ("GET", "apps", list_everywhere),
    ("GET", "apps/{id}", get_by_id),
]
