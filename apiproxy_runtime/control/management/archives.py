"""X's archive deployments: a whole workspace deployed to an environment, as `gcloud apigee archives deploy` does it.

The archive is uploaded first, to an address that is asked for, and named in the deployment; it is not kept.
Source: docs.cloud.google.com/apigee, REST resource organizations.environments.archiveDeployments.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from apiproxy_runtime.bundle.archive import SourceError, ZipSource
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.emulator.deploy import deploy_archive
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.management.organization import done
from apiproxy_runtime.control.name import check_name

_NOUN = "archivedeployments"
#: Archives that wait for their deployment; the oldest go first.
_MOST_WAITING = 4


def routes() -> list[Route]:
    """The routes, over the archives that were uploaded."""
    waiting: dict[str, bytes] = {}

    def place(call: Call) -> str:
        return f"organizations/{call.organization}/environments/{call.environment}/archiveDeployments"

    def shown(call: Call, document: Document) -> Document:
        return {**document, "name": f"{place(call)}/{document['name']}"}

    async def upload_url(call: Call) -> web.Response:
        request = call.request
        id_ = call.host.store.world.uuid()
        return call.answer({"uploadUri": f"{request.scheme}://{request.host}/v1/{place(call)}/uploads/{id_}"})

    async def upload(call: Call) -> web.Response:
        waiting[call.part("upload")] = await call.request.read()
        while len(waiting) > _MOST_WAITING:
            waiting.pop(next(iter(waiting)))
        return web.Response()

    async def create(call: Call) -> web.Response:
        """`{"gcsUri", "labels"}`; the answer is an operation that is over. A name is made where none is sent."""
        document = await call.document()
        # gcloud writes the field in its other form
        document.setdefault("gcsUri", document.pop("gcs_uri", None))
        address = required(document, "gcsUri", "archive deployment")
        now = call.host.now()
        id_ = call.host.store.world.uuid()
        moment = datetime.fromtimestamp(now / 1000, UTC)
        given = str(document.get("name") or f"{moment:%Y%m%d_%H%M%S}_{id_[:8]}")
        name = check_name(given.rpartition("/")[2], "archive deployment")
        archive = waiting.pop(address.rpartition("/")[2], None)
        if archive is None:
            raise Refused(
                400,
                "ArchiveNotUploaded",
                f"no archive was uploaded to {address!r}: ask archiveDeployments:generateUploadUrl for an address",
            )
        try:
            await deploy_archive(call.host, ZipSource(archive, "archive.zip"), call.environment)
        except SourceError as error:
            raise Refused(400, "InvalidArchive", str(error)) from None
        kept = {
            **document,
            "name": name,
            "createdAt": now,
            "updatedAt": now,
            "operation": f"organizations/{call.organization}/operations/{id_}",
        }
        async with call.host.change() as draft:
            draft.documents.put(_NOUN, f"{call.environment}/{name}", kept)
        return call.answer({**done(call, id_), "response": shown(call, kept)})

    async def list_all(call: Call) -> web.Response:
        documents = call.host.organization.documents
        start = f"{call.environment}/"
        found = [
            shown(call, documents.get(_NOUN, key) or {})
            for key in reversed(documents.keys(_NOUN))
            if key.startswith(start)
        ]
        return call.answer({"archiveDeployments": found})

    def found(call: Call, documents: Documents) -> Document:
        document = documents.get(_NOUN, f"{call.environment}/{call.part('archive')}")
        if document is None:
            raise Refused(
                404,
                "archiveDeployments.DoesNotExist",
                f"there is no archive deployment {call.part('archive')!r} in {call.environment!r}",
            )
        return document

    async def get(call: Call) -> web.Response:
        return call.answer(shown(call, found(call, call.host.organization.documents)))

    async def update(call: Call) -> web.Response:
        """The labels alone can change."""
        labels = (await call.document()).get("labels", {})
        async with call.host.change() as draft:
            kept = {
                **found(call, draft.documents),
                "labels": labels,
                "updatedAt": call.host.now(),
            }
            draft.documents.put(_NOUN, f"{call.environment}/{call.part('archive')}", kept)
        return call.answer(shown(call, kept))

    async def delete(call: Call) -> web.Response:
        """What was deployed goes on serving."""
        async with call.host.change() as draft:
            found(call, draft.documents)
            draft.documents.delete(_NOUN, f"{call.environment}/{call.part('archive')}")
        return call.answer({})

    archives = f"{ENVIRONMENT}/archiveDeployments"
    return [
        ("POST", f"{archives}:generateUploadUrl", upload_url),
        ("PUT", f"{archives}/uploads/{{upload}}", upload),
        ("GET", archives, list_all),
        ("POST", archives, create),
        ("GET", f"{archives}/{{archive}}", get),
        ("PATCH", f"{archives}/{{archive}}", update),
        ("DELETE", f"{archives}/{{archive}}", delete),
    ]
