"""Keeps an organization in the store, so that a restart finds what was deployed and described.

Contents (packed bundles, documents) are written first, each under a key of its own; then one write of the index names
them. A process killed in between leaves the index before, whole. What no index names any more is deleted last.
Documents may hold keys of apps and keystores, so they are sealed like all secrets of the store.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from apiproxy_runtime.bundle.archive import ZipSource
from apiproxy_runtime.control.documents import Documents
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.organization import Deployment, EnvironmentState, Organization, Revision
from apiproxy_runtime.state.secret import SecretKey, secret_key
from apiproxy_runtime.state.store import Store, StoreError, Value, settled

_INDEX = "index"
_MEANWHILE = (
    "another server that shares this state has deployed meanwhile: restart this one to take over what is there, "
    "or give it a --state or an --organization of its own"
)
#: The documents that may hold secrets.
_SECRET = ("keystores", "developerapps")


class Named(Struct, frozen=True):
    """What the command line names. It is read anew at each start, so only what differs from it is kept."""

    documents: Documents
    environments: dict[str, EnvironmentState]


class Storage:
    """One organization's place in the store. Every method may raise StoreError."""

    def __init__(self, store: Store, organization: str) -> None:
        self.store = store
        self.organization = organization
        self.space = f"control/{organization}"
        self.content = f"control/{organization}/content"
        #: the index as it was read or written last
        self._index: Value | None = None
        self._written: set[str] = set()
        self._documents: dict[str, tuple[str, str]] = {}
        self._secret: SecretKey | None = None
        self._secret_known = False

    async def load(self) -> Organization:
        """What was kept; an empty organization if nothing was."""
        stored = await settled(self.store.get(self.space, _INDEX))
        organization = Organization(self.organization)
        self._index = stored
        if stored is None:
            return organization
        index: dict[str, Any] = json.loads(stored)
        revisions: dict[tuple[str, str], Revision] = {}

        async def revision(record: dict[str, Any]) -> Revision:
            known = record["content"], json.dumps(record, sort_keys=True)
            if known not in revisions:
                revisions[known] = Revision(
                    record["kind"],
                    record["name"],
                    record["number"],
                    await self._files(record["content"], record["name"]),
                    record["folder"],
                    record["created_at"],
                )
            return revisions[known]

        organization.contract = index["contract"]
        organization.seeded = tuple((s, e, p, n) for s, e, p, n in index["seeded"])
        organization.documents = await self._load_documents("organization", index["documents"])
        for record in index["revisions"]:
            found = await revision(record)
            organization.revisions.setdefault(found.key, {})[found.number] = found
        for name, record in index["environments"].items():
            state = organization.environment(name)
            state.contract = record["contract"]
            state.documents = await self._load_documents(f"environment/{name}", record["documents"])
            if record["resources"]:
                state.resources = await self._files(record["resources"], "resources")
            for item in record["deployments"]:
                found = await revision(item["revision"])
                state.deployments[found.key] = Deployment(
                    found, item["origin"], item["base_path"], item["deployed_at"]
                )
        return organization

    async def _files(self, key: str, name: str) -> Files:
        content = await settled(self.store.get(self.content, key))
        if not isinstance(content, bytes):
            raise StoreError(f"the state store has lost the content {key} of {name}: deploy it again")
        self._written.add(key)
        files = Files.of(ZipSource(content, name))
        files.digest = key  # known: it is the key
        return files

    async def _load_documents(self, what: str, key: str) -> Documents:
        if not key:
            return Documents()
        content = await settled(self.store.get(self.content, key))
        if content is None:
            raise StoreError(f"the state store has lost the documents of the {what}")
        self._written.add(key)
        if isinstance(content, bytes):
            secret = self._key()
            if secret is None:
                raise StoreError("documents in the state store are sealed with a key that is gone")
            content = secret.unseal(content, f"{self.content}\0{key}")
        self._documents[what] = (content, key)
        return Documents.of_plain(json.loads(content))

    async def save(self, organization: Organization, named: Named) -> None:
        """Keep what the command line does not name.

        Raises StoreError too when another server that shares the store has deployed meanwhile.
        """
        await self._look()
        environments = {}
        for name, state in organization.environments.items():
            of_line = named.environments.get(name) or EnvironmentState(name)
            own = [item for item in state.deployments.values() if item.origin != "command line"]
            documents = state.documents.without(of_line.documents)
            resources = state.resources.content and state.resources is not of_line.resources
            environments[name] = {
                "contract": state.contract,
                "documents": await self._save_documents(f"environment/{name}", documents),
                "resources": await self._save_files(state.resources) if resources else "",
                "deployments": [
                    {
                        "revision": await self._revision(item.revision),
                        "origin": item.origin,
                        "base_path": item.base_path,
                        "deployed_at": item.deployed_at,
                    }
                    for item in own
                ],
            }
        index = {
            "contract": organization.contract,
            "seeded": organization.seeded,
            "documents": await self._save_documents(
                "organization", organization.documents.without(named.documents)
            ),
            "revisions": [
                await self._revision(revision)
                for numbers in organization.revisions.values()
                for revision in numbers.values()
            ],
            "environments": environments,
        }
        text = json.dumps(index)
        if not await settled(self.store.compare_and_set(self.space, _INDEX, self._index, text, durable=True)):
            raise StoreError(_MEANWHILE)
        self._index = text
        await self._sweep(text)

    async def _look(self) -> None:
        """Notice what others have done to the store."""
        stored = await settled(self.store.get(self.space, _INDEX))
        if stored == self._index:
            return
        if stored is not None:
            raise StoreError(_MEANWHILE)
        # emptied by hand: all is written again
        self._index = None
        self._written.clear()
        self._documents.clear()

    async def _revision(self, revision: Revision) -> dict[str, Any]:
        return {
            "kind": revision.kind,
            "name": revision.name,
            "number": revision.number,
            "folder": revision.folder,
            "created_at": revision.created_at,
            "content": await self._save_files(revision.files),
        }

    async def _save_files(self, files: Files) -> str:
        key = files.digest
        if key not in self._written:
            await self._put(key, files.pack())
        return key

    async def _save_documents(self, what: str, documents: Documents) -> str:
        """The key; a new one whenever the documents say something new."""
        plain = documents.plain()
        if not plain:
            return ""
        text = json.dumps(plain, ensure_ascii=False)
        before, key = self._documents.get(what, ("", ""))
        if text != before:
            key = f"documents/{self.store.world.uuid()}"
            secret = self._key() if any(noun in plain for noun in _SECRET) else None
            await self._put(key, text if secret is None else secret.seal(text, f"{self.content}\0{key}"))
            self._documents[what] = (text, key)
        return key

    async def _put(self, key: str, content: Value) -> None:
        await settled(self.store.put(self.content, key, content, durable=True))
        self._written.add(key)

    def _key(self) -> SecretKey | None:
        if not self._secret_known:
            self._secret, self._secret_known = secret_key(self.store), True
        return self._secret

    async def _sweep(self, index: str) -> None:
        """Delete what was written and is named no more."""
        for key in list(self._written):
            if key not in index:
                await settled(self.store.delete(self.content, key))
                self._written.discard(key)
