"""apigee-edge-js, the library under several tools, as it comes from npm, against the control port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.conformance.npm import ORGANIZATION, ClientFailed, Clients, clients
from tests.control.house import archive, flow, says
from tests.control.management.certificate import certificate

#: How it may log in: the first makes it a client of Edge for the server, the second one of X.
LOGINS = {
    "basic": {"user": "me@example.com", "password": "secret", "no_token": True},
    "token": {"token": "x"},
}


@pytest.fixture
async def npm(npm_clients: Path) -> AsyncIterator[Clients]:
    async with clients(npm_clients) as running:
        yield running


async def connect(npm: Clients, login: str = "basic") -> None:
    await npm.call(connect={"mgmtServer": npm.house.control, "org": ORGANIZATION, **LOGINS[login]})


@pytest.mark.parametrize("login", LOGINS)
async def test_a_proxy_is_imported_deployed_changed_refused_and_undeployed(
    npm: Clients, tmp_path: Path, login: str
) -> None:
    await connect(npm, login)
    bundle = tmp_path / "hello.zip"
    hello = {"name": "hello", "environment": "test"}
    for revision, text in (("1", "one"), ("2", "two")):
        bundle.write_bytes(archive(says("hello", text)))
        imported = await npm.edge("proxies.import", {"name": "hello", "source": str(bundle)})
        assert (imported["name"], imported["revision"]) == ("hello", revision)
        deployed = await npm.edge("proxies.deploy", {**hello, "revision": revision})
        assert deployed["environment"] == "test"
        assert await npm.text("/hello") == text

    bundle.write_bytes(
        archive({**says("hello", "x"), "apiproxy/policies/reply.xml": "<Unknown name='reply'/>"})
    )
    await npm.edge("proxies.import", {"name": "hello", "source": str(bundle)})
    # without a revision the newest is deployed
    with pytest.raises(ClientFailed, match=r"bad status: 400.*apiproxy/policies/reply\.xml:1"):
        await npm.edge("proxies.deploy", hello)
    assert await npm.text("/hello") == "two"

    assert await npm.edge("proxies.getRevisions", {"name": "hello"}) == [1, 2, 3]
    listed = await npm.edge("proxies.getDeployments", {"name": "hello"})
    assert [item["name"] for item in listed["environment"]] == ["test"]
    undone = await npm.edge("proxies.undeploy", hello)
    assert [(item["rev"], item["error"]) for item in undone] == [("2", None)]
    assert (await npm.house.call("/hello")).status == 404
    await npm.edge("proxies.del", {"name": "hello"})


async def test_a_shared_flow_is_hooked(npm: Clients, tmp_path: Path) -> None:
    await connect(npm)
    bundle = tmp_path / "sf.zip"
    bundle.write_bytes(archive(flow("sf", "marked")))
    await npm.edge("sharedflows.import", {"name": "sf", "source": str(bundle)})
    await npm.edge("sharedflows.deploy", {"name": "sf", "environment": "test"})
    hook = {"environment": "test", "name": "PreProxyFlowHook"}
    await npm.edge("flowhooks.put", {**hook, "sharedFlow": "sf"})
    assert (await npm.edge("flowhooks.get", hook))["sharedFlow"] == "sf"
    with pytest.raises(ClientFailed, match="bad status: 400"):
        await npm.edge("flowhooks.put", {**hook, "sharedFlow": "missing"})


@pytest.mark.parametrize("scope", [{"environment": "test"}, {"proxy": "hello"}, {}])
async def test_a_key_value_map_is_filled_entry_by_entry(
    npm: Clients, tmp_path: Path, scope: dict[str, str]
) -> None:
    await connect(npm)
    bundle = tmp_path / "hello.zip"
    bundle.write_bytes(archive(says("hello", "hi")))
    await npm.edge("proxies.import", {"name": "hello", "source": str(bundle)})
    named = {**scope, "name": "m"}
    await npm.edge("kvms.create", {**named, "entries": {"a": "1"}})
    await npm.edge("kvms.put", {**named, "key": "b", "value": "2"})
    await npm.edge("kvms.put", {**named, "key": "a", "value": "3"})
    assert (await npm.edge("kvms.get", named))["entry"] == [
        {"name": "a", "value": "3"},
        {"name": "b", "value": "2"},
    ]
    await npm.edge("kvms.removeEntry", {**named, "key": "a"})
    await npm.edge("kvms.del", named)
    assert await npm.edge("kvms.get", scope) == []


async def test_a_target_server_is_created_disabled_and_deleted(npm: Clients) -> None:
    await connect(npm)
    target = {"name": "t", "host": "127.0.0.1", "port": 8081, "isEnabled": True}
    await npm.edge("targetservers.create", {"environment": "test", "target": target})
    named = {"environment": "test", "name": "t"}
    await npm.edge("targetservers.disable", named)
    assert (await npm.edge("targetservers.get", named))["isEnabled"] is False
    await npm.edge("targetservers.del", named)
    assert await npm.edge("targetservers.get", {"environment": "test"}) == []


@pytest.mark.parametrize("login", LOGINS)
async def test_an_apps_keys_open_a_proxy_until_they_are_revoked(
    npm: Clients, tmp_path: Path, login: str
) -> None:
    await connect(npm, login)
    verifying = "<VerifyAPIKey name='verify'><APIKey ref='request.queryparam.key'/></VerifyAPIKey>"
    bundle = tmp_path / "hello.zip"
    bundle.write_bytes(archive(says("hello", "{developer.email}", verify=verifying)))
    await npm.edge("proxies.import", {"name": "hello", "source": str(bundle)})
    await npm.edge("proxies.deploy", {"name": "hello", "environment": "test"})
    product = {"name": "p", "proxy": "hello", "environments": ["test"], "approvalType": "auto"}
    await npm.edge("products.create", product)
    person = {"email": "a@b.c", "firstName": "A", "lastName": "B", "userName": "ab"}
    await npm.edge("developers.create", person)
    app = {"email": "a@b.c", "appName": "app"}
    created = await npm.edge("developerapps.create", {**app, "apiProduct": "p"})
    keys = [created["credentials"][0]["consumerKey"], "chosen"]
    await npm.edge("appcredentials.add", {**app, "apiProduct": "p", "consumerKey": "chosen"})
    more = await npm.edge("appcredentials.add", {**app, "apiProduct": "p"})
    keys.append(more["credentials"][-1]["consumerKey"])
    assert [await npm.text(f"/hello?key={key}") for key in keys] == ["a@b.c"] * 3
    await npm.edge("appcredentials.del", {**app, "key": keys[0]})
    await npm.edge("appcredentials.removeProduct", {**app, "key": "chosen", "product": "p"})
    assert [(await npm.house.call(f"/hello?key={key}")).status == 200 for key in keys] == [False, False, True]
    await npm.edge("developerapps.revoke", app)
    assert (await npm.house.call(f"/hello?key={keys[2]}")).status == 401
    await npm.edge("developerapps.approve", app)
    assert (await npm.house.call(f"/hello?key={keys[2]}")).status == 200
    await npm.edge("developerapps.del", app)
    await npm.edge("developers.del", {"email": "a@b.c"})
    await npm.edge("products.del", {"name": "p"})


async def test_caches_keystores_and_references_are_created(npm: Clients) -> None:
    await connect(npm)
    await npm.edge("caches.create", {"environment": "test", "name": "c"})
    await npm.edge("caches.clear", {"environment": "test", "name": "c"})
    await npm.edge("caches.del", {"environment": "test", "name": "c"})
    cert, key = certificate("example.com")
    store = {"environment": "test", "name": "ks"}
    await npm.edge("keystores.create", store)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    given = {"alias": "a", "cert": cert.public_bytes(Encoding.PEM).decode(), "key": pem}
    await npm.edge("keystores.importCert", {**store, **given})
    spec = {"subject": {"commonName": "made.example"}, "lifetime": 30}
    await npm.edge("keystores.newSelfSignedCert", {**store, "alias": "b", "spec": spec})
    assert await npm.edge("keystores.getAliases", store) == ["a", "b"]
    made = await npm.edge("keystores.getAlias", {**store, "alias": "b"})
    assert made["certsInfo"]["certInfo"][0]["subject"] == "CN=made.example"
    reference = {"environment": "test", "name": "ref", "refers": "ks"}
    await npm.edge("references.createOrUpdate", reference)
    assert (await npm.edge("references.get", reference))["refers"] == "ks"
    await npm.edge("references.del", reference)
    await npm.edge("keystores.del", store)
