"""`apis` and `sharedflows`: proxies and shared flows by name, and importing them."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.bundle.archive import Source, SourceError, ZipSource
from apiproxy_runtime.bundle.discover import BundleSource, NoBundleFound, find_bundles
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.management.call import BUNDLE, Call, Route, name_of
from apiproxy_runtime.control.management.revisiondocument import revision_document
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.control.organization import Organization
from apiproxy_runtime.control.upload import zip_of

_NOUN: dict[BundleKind, str] = {"apiproxy": "API proxy", "sharedflowbundle": "shared flow"}
_ROOT: dict[BundleKind, str] = {"apiproxy": "APIProxy", "sharedflowbundle": "SharedFlowBundle"}


async def list_all(call: Call) -> web.Response:
    """Edge: names. X: objects, with revisions and times where these are asked for."""
    organization = call.host.organization
    names = organization.names(call.kind)
    member = "proxies" if call.kind == "apiproxy" else "sharedFlows"
    if call.edge:
        return call.answer(names)
    revisions, times = call.flag("includeRevisions"), call.flag("includeMetaData")
    items = []
    for name in names:
        described = describe(organization, call.kind, name)
        item: Document = {"name": name}
        if call.kind == "apiproxy":
            item["apiProxyType"] = "PROGRAMMABLE"
        if revisions:
            item["revision"] = described["revision"]
        if times:
            item |= {key: described[key] for key in ("metaData", "latestRevisionId")}
        items.append(item)
    return call.answer({member: items} if items else {})


async def get(call: Call) -> web.Response:
    name = call.part("name")
    need(call.host.organization, call.kind, name)
    return call.answer(describe(call.host.organization, call.kind, name))


def describe(organization: Organization, kind: BundleKind, name: str) -> Document:
    """A proxy or shared flow with the numbers of its revisions, as texts."""
    revisions = organization.revisions_of(kind, name)
    times = [revision.created_at for revision in revisions.values()]
    labels = organization.documents.get("labels", f"{kind}/{name}")
    described: Document = {
        "metaData": {
            "createdAt": min(times, default=0),
            "createdBy": "apiproxy",
            "lastModifiedAt": max(times, default=0),
            "lastModifiedBy": "apiproxy",
            "subType": "Proxy" if kind == "apiproxy" else "SharedFlow",
        },
        "name": name,
        "revision": list(revisions),
        "latestRevisionId": next(reversed(revisions), ""),
    }
    return described if labels is None else {**described, "labels": labels}


def need(organization: Organization, kind: BundleKind, name: str) -> None:
    """Raises Refused if there is no bundle of that name."""
    if name not in organization.names(kind):
        code = "ApplicationDoesNotExist" if kind == "apiproxy" else "SharedFlowDoesNotExist"
        raise Refused(
            404, f"messaging.config.beans.{code}", f"there is no {_NOUN[kind]} named {name!r} here; import it"
        )


async def create(call: Call) -> web.Response:
    """`?action=import&name=N` with a zip, raw or as any part of a form; or JSON with a `name`: an empty bundle.

    With `validate=true` a bundle that cannot be read is refused; `?action=validate` does no more than that.
    """
    query = call.request.query
    archive = await zip_of(call.request)
    if archive is None:
        document = {} if query.get("action") == "import" else await call.document()
        if not document:
            raise Refused(
                400, "InvalidArchive", "send the bundle as a zip, in the body or as a part of a form"
            )
        name = name_of(call, document, _NOUN[call.kind])
        root = _ROOT[call.kind]
        files = Files({f"{call.kind}/{name}.xml": f'<{root} name="{_attribute(name)}"/>'.encode()}, name)
    else:
        source = bundle_in(archive, call.kind)
        name = check_name(query.get("name", "").strip() or _own_name(source), _NOUN[call.kind])
        files = files_of(source, name)
        if call.flag("validate") or query.get("action") == "validate":
            check(source)
    if query.get("action") == "validate":
        return call.answer({"name": name, "type": "Application"})
    async with call.host.change() as draft:
        revision = draft.import_revision(call.kind, name, files, created_at=call.host.now())
    return call.answer(revision_document(revision), 201)


def bundle_in(archive: bytes, kind: BundleKind) -> BundleSource:
    """The bundle of a kind in a zip. Raises Refused."""
    try:
        source: Source = ZipSource(archive, "bundle.zip")
        found = [bundle for bundle in find_bundles(source) if bundle.kind == kind]
    except (SourceError, NoBundleFound) as error:
        raise Refused(400, "InvalidArchive", str(error)) from None
    if len(found) != 1:
        raise Refused(400, "InvalidArchive", f"the zip must hold one folder {kind}/, with the bundle in it")
    return found[0]


def files_of(source: BundleSource, name: str) -> Files:
    """The files of a bundle, as a revision keeps them. Raises Refused."""
    try:
        return Files.of(source.source, (source.kind,), name)
    except SourceError as error:
        raise Refused(400, "InvalidArchive", str(error)) from None


def check(source: BundleSource) -> None:
    """Raises DeployError for a bundle that cannot be read."""
    findings = Findings()
    read_bundle(source, findings)
    findings.raise_errors()


def _own_name(source: BundleSource) -> str:
    bundle = read_bundle(source, Findings())
    if bundle is None or not bundle.name:
        raise Refused(400, "MissingField", "name the bundle: ?action=import&name=NAME")
    return bundle.name


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


async def update(call: Call) -> web.Response:
    """PATCH: X's labels, kept as they are sent."""
    labels = (await call.document()).get("labels")
    if not isinstance(labels, dict):
        raise Refused(
            400, "MissingField", 'only the "labels" of a proxy can be changed: send {"labels": {…}}'
        )
    kind, name = call.kind, call.part("name")
    async with call.host.change() as draft:
        need(draft, kind, name)
        draft.documents.put("labels", f"{kind}/{name}", labels)
    return call.answer(describe(call.host.organization, kind, name))


async def delete(call: Call) -> web.Response:
    """All revisions; none of them may be deployed."""
    kind, name = call.kind, call.part("name")
    async with call.host.change() as draft:
        need(draft, kind, name)
        described = describe(draft, kind, name)
        refuse_deployed(draft, kind, name, "")
        draft.forget(kind, name)
    return call.answer(described)


def refuse_deployed(organization: Organization, kind: BundleKind, name: str, number: str) -> None:
    """Raises Refused if a revision (any, without a number) is deployed somewhere."""
    for state in organization.environments.values():
        deployment = state.deployments.get((kind, name))
        if deployment is not None and number in ("", deployment.revision.number):
            raise Refused(
                400,
                "messaging.config.beans.ApplicationRevisionDeployed",
                f"revision {deployment.revision.number} of {name!r} is deployed in the environment "
                f"{state.name!r}: undeploy it first",
            )


ROUTES: list[Route] = [
    ("GET", "{collection:apis|sharedflows}", list_all),
    ("POST", "{collection:apis|sharedflows}", create),
    ("GET", BUNDLE, get),
    ("PATCH", BUNDLE, update),
    ("DELETE", BUNDLE, delete),
]
