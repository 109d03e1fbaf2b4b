"""Test data over the emulator's API: replaced as a whole, read back, and in force for policies at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.house import ControlHouse, archive, control_house, says, workspace

VERIFY = "<VerifyAPIKey name='verify'><APIKey ref='request.queryparam.key'/></VerifyAPIKey>"
READ = """<KeyValueMapOperations name='read' mapIdentifier='settings'><Scope>{scope}</Scope>
<Get assignTo='found'><Key><Parameter>{key}</Parameter></Key></Get></KeyValueMapOperations>"""
PRODUCT = {
    "name": "basic",
    "displayName": "Basic",
    "environments": ["test"],
    "proxies": ["hello"],
    "extra": 1,
}
DEVELOPER = {"email": "ada@example.com", "firstName": "Ada", "lastName": "Byron", "userName": "ada"}
APP = {
    "name": "app",
    "developerEmail": "ada@example.com",
    "apiProducts": ["basic"],
    "credentials": [
        {"consumerKey": "the-key", "consumerSecret": "the-secret", "apiProducts": [{"apiproduct": "basic"}]}
    ],
}


def data(**files: object) -> bytes:
    return archive({f"{name}.json": value for name, value in files.items()})


def consumers(**files: object) -> bytes:
    return data(**{"products": [PRODUCT], "developers": [DEVELOPER], "developerapps": [APP], **files})


async def load(house: ControlHouse, body: bytes) -> None:
    reply = await house.ask("POST", "/v1/emulator/setup/tests", data=body)
    assert (reply.status, reply.body) == (200, b""), reply.text


async def shown(house: ControlHouse, what: str) -> Any:
    reply = await house.ask("GET", f"/v1/emulator/test/{what}")
    assert reply.status == 200
    return reply.json()


async def test_a_key_works_from_the_moment_its_app_is_loaded_and_no_longer_than_that() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi", verify=VERIFY)}))
        assert (await house.call("/hello?key=the-key")).status == 401
        await load(house, consumers())
        assert (await house.call("/hello?key=the-key")).text == "hi"
        await load(house, data(products=[PRODUCT], developers=[DEVELOPER], developerapps=[]))
        assert (await house.call("/hello?key=the-key")).status == 401


async def test_credentials_are_kept_as_written_and_read_back() -> None:
    async with control_house() as house:
        await load(house, consumers())
        (app,) = await shown(house, "developerapps")
        assert app["credentials"] == [
            {
                "consumerKey": "the-key",
                "consumerSecret": "the-secret",
                "apiProducts": [{"apiproduct": "basic", "status": "approved"}],
                "status": "approved",
                "attributes": [],
                "scopes": [],
                "issuedAt": 0,
                "expiresAt": -1,
            }
        ]
        assert app["developerEmail"] == "ada@example.com"
        assert app["appId"]


async def test_an_app_without_credentials_gets_a_key_that_works() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi", verify=VERIFY)}))
        await load(house, consumers(developerapps=[{**APP, "credentials": []}]))
        key = (await shown(house, "developerapps"))[0]["credentials"][0]["consumerKey"]
        assert (await house.call(f"/hello?key={key}")).text == "hi"


async def test_products_and_developers_are_read_back_with_all_their_fields() -> None:
    async with control_house() as house:
        await load(house, consumers())
        assert await shown(house, "products") == [PRODUCT]
        (developer,) = await shown(house, "developers")
        assert developer.items() >= DEVELOPER.items()


@pytest.mark.parametrize("key", ["k", "a/b", "plain"])
async def test_maps_are_replaced_as_a_whole_and_their_values_can_be_read(key: str) -> None:
    async with control_house() as house:
        reads = READ.format(scope="environment", key=key)
        await house.deploy(workspace({"hello": says("hello", "{found}", read=reads)}))
        await load(house, data(maps=[{"name": "settings", "scope": "environment", "entries": {key: "v"}}]))
        assert (await house.call("/hello")).text == "v"
        (shown_map,) = await shown(house, "maps")
        assert shown_map["entriesList"] == [{"name": key, "value": "v"}]
        assert (shown_map["name"], shown_map["encrypted"]) == ("settings", False)
        await load(house, data(maps=[{"name": "other", "scope": "organization", "entries": {"x": "y"}}]))
        assert [item["name"] for item in await shown(house, "maps")] == ["other"]
        assert (await house.call("/hello")).text == ""


async def test_values_of_an_encrypted_map_are_masked() -> None:
    async with control_house() as house:
        await load(house, data(maps=[{"name": "secret", "encrypted": True, "entries": {"k1": "v"}}]))
        (shown_map,) = await shown(house, "maps")
        assert shown_map["encrypted"] is True
        assert shown_map["entriesList"] == [{"name": "k1", "value": "*****"}]


async def test_maps_survive_a_deploy() -> None:
    async with control_house() as house:
        await load(house, data(maps=[{"name": "m1", "entries": {"k1": "v"}}]))
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        assert [item["name"] for item in await shown(house, "maps")] == ["m1"]


async def test_data_with_one_mistake_is_refused_and_the_data_before_stays() -> None:
    async with control_house() as house:
        await load(house, consumers(maps=[{"name": "m1", "entries": {"k1": "v"}}]))
        wrong = consumers(maps=[{"name": "m2", "entries": {"k1": {"not": "a text"}}}])
        reply = await house.ask("POST", "/v1/emulator/setup/tests", data=wrong)
        assert (reply.status, reply.json()["details"][0]["file"]) == (400, "maps.json")
        assert [item["name"] for item in await shown(house, "maps")] == ["m1"]
        assert len(await shown(house, "developerapps")) == 1


async def test_clear_removes_all_test_data() -> None:
    async with control_house() as house:
        await load(house, consumers(maps=[{"name": "m1", "entries": {"k1": "v"}}]))
        assert (await house.ask("DELETE", "/v1/emulator/clear/test")).status == 200
        for what in ("maps", "products", "developers", "developerapps"):
            assert await shown(house, what) == []


async def test_strict_refuses_keys_that_the_emulator_refuses_and_draws_credentials_anew() -> None:
    async with control_house(strict=True) as house:
        reply = await house.ask(
            "POST", "/v1/emulator/setup/tests", data=data(maps=[{"name": "m1", "entries": {"a/b": "v"}}])
        )
        assert (reply.status, reply.json()["code"]) == (400, "InvalidKey")
        await load(house, consumers())
        (app,) = await shown(house, "developerapps")
        assert app["credentials"][0]["consumerKey"] != "the-key"


async def test_a_given_access_token_lets_in_until_it_is_replaced_with_its_app() -> None:
    verify = "<OAuthV2 name='verify'><Operation>VerifyAccessToken</Operation></OAuthV2>"
    bearer = {"Authorization": "Bearer given"}
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi", verify=verify)}))
        assert (await house.call("/hello", headers=bearer)).status == 401
        await load(house, consumers(accesstokens=[{"token": "given", "consumerKey": "the-key"}]))
        assert (await house.call("/hello", headers=bearer)).text == "hi"
        await load(house, data())
        assert (await house.call("/hello", headers=bearer)).status == 401
