"""Revisions: described, fetched as a zip, replaced, deleted."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.management.apis import bundle_in, check, files_of, need, refuse_deployed
from apiproxy_runtime.control.management.call import BUNDLE, Call, Route
from apiproxy_runtime.control.management.revisiondocument import revision_document
from apiproxy_runtime.control.organization import Organization, Revision
from apiproxy_runtime.control.upload import zip_of


def find(organization: Organization, kind: BundleKind, name: str, number: str) -> Revision:
    """A revision. Raises Refused."""
    need(organization, kind, name)
    revision = organization.revision(kind, name, number)
    if revision is None:
        known = ", ".join(organization.revisions_of(kind, name))
        raise Refused(
            404,
            "messaging.config.beans.ApplicationRevisionDoesNotExist",
            f"{name!r} has no revision {number}; it has {known}",
        )
    return revision


def found(call: Call) -> Revision:
    """The revision that a path names. Raises Refused."""
    return find(call.host.organization, call.kind, call.part("name"), call.part("revision"))


async def list_all(call: Call) -> web.Response:
    need(call.host.organization, call.kind, call.part("name"))
    return call.answer(list(call.host.organization.revisions_of(call.kind, call.part("name"))))


async def get(call: Call) -> web.Response:
    """The description, or with `?format=bundle` the zip."""
    revision = found(call)
    if call.request.query.get("format") != "bundle":
        return call.answer(revision_document(revision))
    name = "".join(char if char.isalnum() or char in "._-" else "_" for char in revision.name)
    return web.Response(
        body=revision.files.pack(),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}_rev{revision.number}.zip"'},
    )


async def update(call: Call) -> web.Response:
    """A zip takes the place of a revision that is not deployed."""
    archive = await zip_of(call.request)
    if archive is None:
        raise Refused(400, "InvalidArchive", "send the bundle as a zip, in the body or as a part of a form")
    source = bundle_in(archive, call.kind)
    if call.flag("validate"):
        check(source)
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        refuse_deployed(draft, revision.kind, revision.name, revision.number)
        updated = draft.import_revision(
            revision.kind,
            revision.name,
            files_of(source, revision.name),
            created_at=call.host.now(),
            number=revision.number,
        )
    return call.answer(revision_document(updated))


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        refuse_deployed(draft, revision.kind, revision.name, revision.number)
        draft.forget(revision.kind, revision.name, revision.number)
    return call.answer(revision_document(revision))


_ONE = f"{BUNDLE}/revisions/{{revision}}"
ROUTES: list[Route] = [
    ("GET", f"{BUNDLE}/revisions", list_all),
    ("GET", _ONE, get),
    ("POST", _ONE, update),
    ("PUT", _ONE, update),
    ("DELETE", _ONE, delete),
]
