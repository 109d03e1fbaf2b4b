"""Developers of the organization."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management.apiproducts import without_nulls
from apiproxy_runtime.control.management.call import Call, Route, required
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.state.catalog import Catalog

_STATUS = {"active": "active", "inactive": "inactive"}


def catalog_of(host: Host) -> Catalog:
    """Ids and keys that documents leave out. All environments have the same."""
    return host.runtime(next(reversed(host.organization.environments), host.environment)).services.catalog


def find(host: Host, documents: Documents, wanted: str) -> str:
    """The key (email) of a developer, by email in any case or by id. Raises Refused."""
    for email in documents.keys("developers"):
        if email.lower() == wanted.lower():
            return email
    known = catalog_of(host).developers.get(wanted)
    if known is not None and documents.get("developers", known.email) is not None:
        return known.email
    raise Refused(404, "developer.service.DeveloperDoesNotExist", f"there is no developer {wanted!r}")


def id_of(host: Host, email: str, document: Document) -> str:
    """The given id, else the one that policies see."""
    developer = catalog_of(host).developers.get(email)
    derived = catalog_of(host).developer_id(developer) if developer is not None else ""
    return str(document.get("developerId") or derived)


def shown(call: Call, email: str) -> Document:
    """A developer with the names of the apps."""
    host = call.host
    document = host.organization.documents.get("developers", email) or {}
    ids = {email, id_of(host, email, document)}
    owned = [key.partition("/") for key in host.organization.documents.keys("developerapps")]
    return {
        "attributes": [],
        "companies": [],
        "createdAt": 0,
        "firstName": "",
        "lastName": "",
        "lastModifiedAt": 0,
        "status": "active",
        "userName": email,
        **document,
        "apps": [name for owner, _, name in owned if owner in ids],
        "developerId": id_of(host, email, document),
        "email": email,
        "organizationName": call.organization,
    }


async def list_all(call: Call) -> web.Response:
    """Edge: emails; X: objects with it; with `expand=true` all of them. `startKey` and `count` page."""
    emails = call.page(call.host.organization.documents.keys("developers"), "count")
    if call.flag("expand"):
        return call.answer({"developer": [shown(call, email) for email in emails]})
    return call.answer(emails if call.edge else {"developer": [{"email": email} for email in emails]})


async def create(call: Call) -> web.Response:
    document = await call.document()
    email = check_name(required(document, "email", "developer"), "developer")
    now = call.host.now()
    async with call.host.change() as draft:
        if any(known.lower() == email.lower() for known in draft.documents.keys("developers")):
            raise Refused(
                409, "developer.service.DeveloperAlreadyExists", f"there is a developer {email!r} already"
            )
        kept = {
            **without_nulls(document),
            "email": email,
            "developerId": call.host.store.world.uuid(),
            "status": "active",
            "createdAt": now,
            "lastModifiedAt": now,
        }
        draft.documents.put("developers", email, kept)
    return call.answer(shown(call, email), 201)


async def get(call: Call) -> web.Response:
    return call.answer(shown(call, find(call.host, call.host.organization.documents, call.part("developer"))))


async def update(call: Call) -> web.Response:
    """What is sent takes the place of what was there; `?action=active|inactive` changes the status alone (204)."""
    action = call.request.query.get("action", "")
    document = {} if action else without_nulls(await call.document())
    async with call.host.change() as draft:
        email = find(call.host, draft.documents, call.part("developer"))
        before = draft.documents.get("developers", email) or {}
        if action:
            if action not in _STATUS:
                raise Refused(400, "InvalidAction", f"action must be active or inactive, not {action!r}")
            kept = {**before, "status": _STATUS[action]}
        else:
            stays: Document = {
                key: before[key] for key in ("developerId", "status", "createdAt") if key in before
            }
            kept = {**stays, **document, "email": email}
            for field in ("apps", "companies", "organizationName"):
                kept.pop(field, None)
        draft.documents.put("developers", email, {**kept, "lastModifiedAt": call.host.now()})
    return web.Response(status=204) if action else call.answer(shown(call, email))


async def delete(call: Call) -> web.Response:
    """The developer and all apps of theirs."""
    email = find(call.host, call.host.organization.documents, call.part("developer"))
    described = shown(call, email)
    async with call.host.change() as draft:
        draft.documents.delete("developers", email)
        for key in draft.documents.keys("developerapps"):
            if key.partition("/")[0] in (email, described["developerId"]):
                draft.documents.delete("developerapps", key)
    return call.answer(described)


ROUTES: list[Route] = [
    ("GET", "developers", list_all),
    ("POST", "developers", create),
    ("GET", "developers/{developer}", get),
    ("PUT", "developers/{developer}", update),
    ("POST", "developers/{developer}", update),
    ("DELETE", "developers/{developer}", delete),
]
