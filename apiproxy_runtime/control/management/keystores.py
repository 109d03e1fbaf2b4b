"""Keystores and truststores of an environment."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, name_of
from apiproxy_runtime.control.management.collection import documents_of, found


def aliases_of(keystore: Document) -> list[Document]:
    """The aliases of a keystore's document: alias, cert and perhaps key, in PEM."""
    listed = keystore.get("aliases")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _shown(call: Call, keystore: Document) -> Document:
    """Names only: keys never leave. Edge has objects as aliases, X texts."""
    aliases = aliases_of(keystore)
    names = [str(alias.get("alias")) for alias in aliases]
    if not call.edge:
        return {"name": keystore["name"], "aliases": names}
    with_keys = [str(alias.get("alias")) for alias in aliases if alias.get("key")]
    return {
        "name": keystore["name"],
        "aliases": [
            {
                "aliasName": name,
                "cert": f"{name}-cert",
                **({"key": f"{name}-key"} if name in with_keys else {}),
            }
            for name in names
        ],
        "certs": [f"{name}-cert" for name in names],
        "keys": [f"{name}-key" for name in with_keys],
    }


async def list_all(call: Call) -> web.Response:
    return call.answer(documents_of(call.host, call.environment).keys("keystores"))


async def create(call: Call) -> web.Response:
    name = name_of(call, await call.document(), "keystore")
    keystore: Document = {"name": name, "aliases": []}
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        if documents.get("keystores", name) is not None:
            raise Refused(409, "keystores.AlreadyExists", f"there is a keystore named {name!r} already")
        documents.put("keystores", name, keystore)
    return call.answer(_shown(call, keystore), 201)


async def get(call: Call) -> web.Response:
    documents = documents_of(call.host, call.environment)
    return call.answer(_shown(call, found(documents, "keystores", "keystore", call.part("keystore"))))


async def delete(call: Call) -> web.Response:
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        keystore = found(documents, "keystores", "keystore", call.part("keystore"))
        documents.delete("keystores", call.part("keystore"))
    return call.answer(_shown(call, keystore))


_ONE = f"{ENVIRONMENT}/keystores/{{keystore}}"
ROUTES: list[Route] = [
    ("GET", f"{ENVIRONMENT}/keystores", list_all),
    ("POST", f"{ENVIRONMENT}/keystores", create),
    ("GET", _ONE, get),
    ("DELETE", _ONE, delete),
]
