"""Test data of the emulator: products, developers, apps and key value maps, replaced as a whole and read back."""

from __future__ import annotations

import re

from aiohttp import web

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.developer import App
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import TestData, find_test_files, read_test_files
from apiproxy_runtime.bundle.workspace import find_workspace
from apiproxy_runtime.control.answer import Refused, json_answer
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.upload import uploaded
from apiproxy_runtime.control.workspace import consumer_documents
from apiproxy_runtime.state.catalog import Catalog, Consumer
from apiproxy_runtime.state.kvm import KeyValueMap
from apiproxy_runtime.state.store import settled

#: Names of entries that the emulator takes: two characters or more, no slash.
_STRICT_KEY = re.compile(r"[A-Z0-9._\-$ ][^/]+", re.IGNORECASE)
#: What stands for the values of an encrypted map.
MASK = "*****"


async def replace(host: Host, request: web.Request) -> web.Response:
    """`POST /setup/tests`: the answer has no body. Refused data leaves the data before in place."""
    source = await uploaded(request)
    findings = Findings()
    try:
        files = find_test_files(source, find_workspace(source), None)
        data = read_test_files(source, files, findings)
        documents = consumer_documents(source, files)
    except SourceError as error:
        raise Refused(400, "InvalidArchive", str(error)) from None
    if host.strict:
        _check_keys(data, findings)
        documents = _without_credentials(documents)
    await host.replace_test_data(documents, data.maps, findings, data.tokens)
    return web.Response()


async def clear(host: Host, request: web.Request) -> web.Response:
    """`DELETE /clear/test`."""
    await host.replace_test_data(Documents(), ())
    return web.Response()


def _check_keys(data: TestData, findings: Findings) -> None:
    for table in data.maps:
        for key in table.entries:
            if not _STRICT_KEY.fullmatch(key):
                findings.error(
                    table.place,
                    "InvalidKey",
                    f"the emulator refuses the key {key!r} of the map {table.name!r}",
                    "It takes two characters or more, without a slash; without --strict any key will do.",
                )


def _without_credentials(documents: Documents) -> Documents:
    """The emulator draws keys and secrets anew, whatever the file says."""
    drawn = documents.copy()
    for key in drawn.keys("developerapps"):
        app = drawn.get("developerapps", key)
        if app is not None:
            drawn.put("developerapps", key, {**app, "credentials": []})
    return drawn


async def products(host: Host, request: web.Request) -> web.Response:
    return json_answer(host.organization.documents.all("products"))


async def developers(host: Host, request: web.Request) -> web.Response:
    catalog = _catalog(host)
    found = []
    for document in host.organization.documents.all("developers"):
        developer = catalog.developers.get(str(document.get("email")))
        if developer is not None:
            document.setdefault("developerId", catalog.developer_id(developer))
        found.append(document)
    return json_answer(found)


async def apps(host: Host, request: web.Request) -> web.Response:
    """All apps with their keys and secrets, as clients of the emulator read them."""
    catalog = _catalog(host)
    return json_answer([app_document(catalog, app_id, app) for app_id, app in catalog.apps.items()])


def app_document(catalog: Catalog, app_id: str, app: App) -> Document:
    """An app as the emulator shows it; times are milliseconds since the epoch."""
    return {
        "name": app.name,
        "displayName": app.display_name,
        "appId": app_id,
        "developerEmail": catalog.owner(app).email,
        "callbackUrl": app.callback_url,
        "status": app.status,
        "attributes": _attributes(app.attributes),
        "credentials": [_credential(consumer) for consumer in catalog.consumers_of(app_id)],
        "apiProducts": list(app.api_products),
        "scopes": list(app.scopes),
    }


def _credential(consumer: Consumer) -> Document:
    credential = consumer.credential
    return {
        "consumerKey": credential.consumer_key,
        "consumerSecret": credential.consumer_secret,
        "apiProducts": [
            {"apiproduct": product.name, "status": product.status} for product in credential.api_products
        ],
        "status": credential.status,
        "attributes": _attributes(credential.attributes),
        "scopes": list(credential.scopes),
        "issuedAt": credential.issued_at,
        "expiresAt": credential.expires_at,
    }


def _attributes(attributes: dict[str, str]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in attributes.items()]


def _catalog(host: Host) -> Catalog:
    """The catalog of the environment deployed last; all environments have the same apps."""
    name = next(reversed(host.organization.environments), host.environment)
    return host.runtime(name).services.catalog


async def maps(host: Host, request: web.Request) -> web.Response:
    """All key value maps. The emulator shows names alone; here values come with them, those of encrypted maps masked."""
    found: list[Document] = []
    organization = host.organization
    anywhere = host.kvms(host.environment)
    for name, encrypted in (await settled(anywhere.names("organization"))).items():
        table = anywhere.map("organization", name)
        found.append(await _map_document(table, encrypted, {"scope": "organization"}))
    for environment in organization.environments:
        kvms = host.kvms(environment)
        for name, encrypted in (await settled(kvms.names("environment"))).items():
            place = {"scope": "environment", "environment": environment}
            found.append(await _map_document(kvms.map("environment", name), encrypted, place))
    seeded = {proxy for scope, _, proxy, _ in organization.seeded if scope == "apiproxy"}
    for proxy in sorted({*organization.names("apiproxy"), *seeded}):
        for name, encrypted in (await settled(anywhere.names("apiproxy", proxy=proxy))).items():
            table = anywhere.map("apiproxy", name, proxy=proxy)
            found.append(await _map_document(table, encrypted, {"scope": "apiproxy", "apiproxy": proxy}))
    return json_answer(found)


async def _map_document(table: KeyValueMap, encrypted: bool, place: Document) -> Document:
    entries = [
        {"name": key, "value": MASK if encrypted else ",".join(values)}
        for key, values in await settled(table.entries())
    ]
    return {
        "name": table.name,
        "encrypted": encrypted,
        "maskedValues": encrypted,
        "entriesList": entries,
        "entry": entries,
        **place,
    }
