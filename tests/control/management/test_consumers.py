"""Products, developers, apps and keys: what opens a proxy."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.control.house import ControlHouse, archive, control_house, says
from tests.control.management.clients import Edge, X

VERIFY = "<VerifyAPIKey name='verify'><APIKey ref='request.queryparam.key'/></VerifyAPIKey>"
PRODUCT = {
    "name": "p",
    "displayName": "P",
    "proxies": ["hello"],
    "environments": ["test"],
    "approvalType": "auto",
}
PERSON = {"email": "Ann@b.c", "firstName": "Ann", "lastName": "B", "userName": "ab"}
APP = {"name": "app", "apiProducts": ["p"]}
APPS = "developers/Ann@b.c/apps"


@pytest.fixture
async def house() -> AsyncIterator[ControlHouse]:
    """A proxy that wants a key, a product for it, a developer."""
    async with control_house() as house:
        bundle = archive(says("hello", "{developer.email} {apiproduct.name}", verify=VERIFY))
        await house.ask("POST", "/v1/emulator/deploy?environment=test", data=bundle)
        assert (await X(house).ask("POST", "apiproducts", json=PRODUCT)).status == 201
        assert (await X(house).ask("POST", "developers", json=PERSON)).status == 201
        yield house


async def status(house: ControlHouse, key: str) -> int:
    return (await house.call(f"/hello?key={key}")).status


async def created(house: ControlHouse, **fields: Any) -> Any:
    reply = await Edge(house).ask("POST", APPS, json={**APP, **fields})
    assert reply.status == 201, reply.text
    return reply.json()


async def test_a_created_app_comes_with_a_key_that_opens_the_proxy(house: ControlHouse) -> None:
    app = await created(house, callbackUrl=None, keyExpiresIn="-1", attributes=[{"name": "a", "value": "1"}])
    credential = app["credentials"][0]
    assert credential["apiProducts"] == [{"apiproduct": "p", "status": "approved"}]
    assert (credential["expiresAt"], app["status"]) == (-1, "approved")
    assert (await house.call(f"/hello?key={credential['consumerKey']}")).text == "Ann@b.c p"
    developer = (await Edge(house).ask("GET", "developers/ann@b.c")).json()
    assert (developer["apps"], developer["developerId"]) == (["app"], app["developerId"])
    by_id = await X(house).ask("GET", f"apps/{app['appId']}")
    assert by_id.json()["credentials"][0]["consumerKey"] == credential["consumerKey"]


async def test_the_key_of_a_product_with_manual_approval_waits_for_it(house: ControlHouse) -> None:
    await X(house).ask("PUT", "apiproducts/p", json={**PRODUCT, "approvalType": "manual"})
    app = await created(house)
    key = app["credentials"][0]["consumerKey"]
    assert app["credentials"][0]["apiProducts"][0]["status"] == "pending"
    assert await status(house, key) != 200
    path = f"{APPS}/app/keys/{key}/apiproducts/p"
    assert (await Edge(house).ask("POST", f"{path}?action=approve")).status == 204
    assert await status(house, key) == 200
    assert (await Edge(house).ask("POST", f"{path}?action=revoke")).status == 204
    assert await status(house, key) != 200


async def test_a_key_of_ones_own_is_made_then_given_its_product(house: ControlHouse) -> None:
    await created(house, apiProducts=[])
    pair = {"consumerKey": "chosen", "consumerSecret": "s"}
    made = await Edge(house).ask("POST", f"{APPS}/app/keys/create", json=pair)
    assert (made.status, made.json()["consumerSecret"]) == (201, "s")
    assert (await Edge(house).ask("POST", f"{APPS}/app/keys/create", json=pair)).status == 409
    assert await status(house, "chosen") != 200
    given = await Edge(house).ask("POST", f"{APPS}/app/keys/chosen", json={"apiProducts": ["p"]})
    assert given.status == 200
    assert await status(house, "chosen") == 200
    removed = await Edge(house).ask("DELETE", f"{APPS}/app/keys/chosen/apiproducts/p")
    assert removed.json()["apiProducts"] == []
    assert await status(house, "chosen") != 200


@pytest.mark.parametrize("path", [f"{APPS}/app", f"{APPS}/app/keys/KEY", "developers/Ann@b.c"])
async def test_what_is_revoked_opens_nothing_until_it_is_approved(house: ControlHouse, path: str) -> None:
    key = (await created(house))["credentials"][0]["consumerKey"]
    path = path.replace("KEY", key)
    off, on = ("inactive", "active") if path.endswith("@b.c") else ("revoke", "approve")
    for action, opens in ((off, False), (on, True)):
        assert (await Edge(house).ask("POST", f"{path}?action={action}")).status == 204
        assert (await status(house, key) == 200) == opens
    assert (await Edge(house).ask("POST", f"{path}?action=perhaps")).status == 400


async def test_an_expiry_is_counted_from_now(house: ControlHouse) -> None:
    credential = (await created(house, keyExpiresIn="60000"))["credentials"][0]
    assert credential["expiresAt"] - credential["issuedAt"] == 60000


async def test_times_are_numbers_for_edge_and_texts_for_x(house: ControlHouse) -> None:
    await created(house)
    assert isinstance((await Edge(house).ask("GET", f"{APPS}/app")).json()["createdAt"], int)
    assert (await X(house).ask("GET", f"{APPS}/app")).json()["createdAt"].isdecimal()


async def test_an_app_gets_more_keys_and_loses_them(house: ControlHouse) -> None:
    first = (await created(house))["credentials"][0]["consumerKey"]
    more = (await Edge(house).ask("POST", f"{APPS}/app", json={"apiProducts": ["p"]})).json()["credentials"]
    keys = [item["consumerKey"] for item in more]
    assert keys[0] == first
    assert len(set(keys)) == 2
    assert (await X(house).ask("DELETE", f"{APPS}/app/keys/{first}")).status == 200
    assert [await status(house, key) for key in keys] == [401, 200]
    assert (await X(house).ask("GET", f"{APPS}/app/keys/{first}")).status == 404


async def test_an_app_is_changed_without_losing_its_key(house: ControlHouse) -> None:
    key = (await created(house, apiProducts=[]))["credentials"][0]["consumerKey"]
    changed = await X(house).ask("PUT", f"{APPS}/app", json={**APP, "callbackUrl": "http://c"})
    assert (changed.json()["callbackUrl"], changed.json()["credentials"][0]["consumerKey"]) == (
        "http://c",
        key,
    )
    assert await status(house, key) == 200


async def test_a_drawn_key_of_test_data_stays_when_the_app_is_edited(house: ControlHouse) -> None:
    app = {**APP, "name": "drawn", "developerEmail": "Ann@b.c"}
    data = archive({"products.json": [PRODUCT], "developers.json": [PERSON], "developerapps.json": [app]})
    assert (await house.ask("POST", "/v1/emulator/setup/tests", data=data)).status == 200
    key = (await Edge(house).ask("GET", f"{APPS}/drawn")).json()["credentials"][0]["consumerKey"]
    assert await status(house, key) == 200
    await Edge(house).ask("POST", f"{APPS}/drawn/attributes/a", json={"value": "1"})
    pair = {"consumerKey": "second", "consumerSecret": "s", "apiProducts": ["p"]}
    assert (await Edge(house).ask("POST", f"{APPS}/drawn/keys/create", json=pair)).status == 201
    assert [await status(house, each) for each in (key, "second")] == [200, 200]


async def test_deleting_a_developer_deletes_the_apps(house: ControlHouse) -> None:
    key = (await created(house))["credentials"][0]["consumerKey"]
    assert (await Edge(house).ask("DELETE", "developers/Ann@b.c")).status == 200
    assert (await Edge(house).ask("GET", "apps")).json() == []
    assert await status(house, key) == 401


async def test_lists_are_names_for_edge_and_objects_for_x(house: ControlHouse) -> None:
    app = await created(house)
    edge = {
        "apiproducts": ["p"],
        "developers": ["Ann@b.c"],
        APPS: ["app"],
        "apps": [app["appId"]],
    }
    x = {
        "apiproducts": {"apiProduct": [{"name": "p"}]},
        "developers": {"developer": [{"email": "Ann@b.c"}]},
        APPS: {"app": [{"appId": app["appId"], "name": "app"}]},
        "apps": {"app": [{"appId": app["appId"]}]},
    }
    for path, expected in edge.items():
        assert (await Edge(house).ask("GET", path)).json() == expected, path
    for path, objects in x.items():
        assert (await X(house).ask("GET", path)).json() == objects, path
        for client in (Edge(house), X(house)):
            (items,) = (await client.ask("GET", f"{path}?expand=true")).json().values()
            assert len(items) == 1
            assert items[0].get("createdAt"), path


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("apiproducts", PRODUCT, 409),
        ("developers", {**PERSON, "email": "ANN@b.c"}, 409),
        ("apiproducts", {}, 400),
        ("developers", {"firstName": "A"}, 400),
        ("apiproducts", {**PRODUCT, "name": "q", "quota": "many"}, 400),
        (APPS, {"name": "app", "apiProducts": ["missing"]}, 404),
        ("developers/nobody@b.c/apps", APP, 404),
    ],
)
async def test_what_cannot_be_created_is_refused(
    house: ControlHouse, path: str, body: Any, status: int
) -> None:
    assert (await X(house).ask("POST", path, json=body)).status == status


async def test_a_product_is_replaced_and_deleted(house: ControlHouse) -> None:
    key = (await created(house))["credentials"][0]["consumerKey"]
    replaced = await X(house).ask("PUT", "apiproducts/p", json={**PRODUCT, "proxies": ["other"]})
    assert replaced.json()["proxies"] == ["other"]
    assert await status(house, key) != 200
    assert (await Edge(house).ask("DELETE", "apiproducts/p")).status == 200
    assert (await Edge(house).ask("GET", "apiproducts/p")).status == 404


@pytest.mark.parametrize("owner", ["apiproducts/p", "developers/Ann@b.c", f"{APPS}/app"])
async def test_attributes_are_edited_one_by_one(house: ControlHouse, owner: str) -> None:
    await created(house)
    edge, path = Edge(house), f"{owner}/attributes"
    assert (await edge.ask("POST", path, json={"attribute": [{"name": "a", "value": "1"}]})).status == 200
    assert (await edge.ask("POST", f"{path}/b", json={"name": "b", "value": "2"})).status == 200
    assert (await edge.ask("PUT", f"{path}/a", json={"name": "a", "value": "3"})).status == 200
    listed = (await edge.ask("GET", path)).json()["attribute"]
    assert {item["name"]: item["value"] for item in listed} == {"a": "3", "b": "2"}
    assert (await edge.ask("DELETE", f"{path}/a")).status == 200
    assert (await edge.ask("GET", f"{path}/a")).status == 404
    shown = (await edge.ask("GET", owner)).json()
    assert shown["attributes"] == [{"name": "b", "value": "2"}]


async def test_a_developers_fields_are_replaced_and_the_id_stays(house: ControlHouse) -> None:
    before = (await Edge(house).ask("GET", "developers/Ann@b.c")).json()
    await X(house).ask("PUT", "developers/Ann@b.c", json={**PERSON, "firstName": "Anna"})
    after = (await Edge(house).ask("GET", f"developers/{before['developerId']}")).json()
    assert (after["firstName"], after["developerId"]) == ("Anna", before["developerId"])


@pytest.mark.parametrize("client", [Edge, X])
async def test_an_app_of_a_product_or_developer_that_does_not_exist_is_refused(
    house: ControlHouse, client: type[Edge] | type[X]
) -> None:
    async def refused(method: str, path: str, document: dict[str, Any]) -> tuple[int, str]:
        reply = await client(house).ask(method, path, json=document)
        told = reply.json()
        return reply.status, told["code"] if client is Edge else told["error"]["details"][0]["reason"]

    no_product = (404, "keymanagement.service.apiproduct_doesnot_exist")
    own_key = {"credentials": [{"consumerKey": "k", "consumerSecret": "s", "apiProducts": ["none"]}]}
    await created(house)
    assert await refused("POST", APPS, {"name": "a", "apiProducts": ["p", "none"]}) == no_product
    assert await refused("POST", APPS, {"name": "a", "apiProducts": ["p"], **own_key}) == no_product
    assert await refused("PUT", f"{APPS}/app", {"apiProducts": ["none"]}) == no_product
    assert await refused("PUT", f"{APPS}/app", own_key) == no_product
    assert await refused("POST", f"{APPS}/app", {"apiProducts": ["none"]}) == no_product
    assert await refused("POST", "developers/no@b.c/apps", {"name": "a"}) == (
        404,
        "developer.service.DeveloperDoesNotExist",
    )
    assert list((await client(house).ask("GET", "developers/Ann@b.c")).json()["apps"]) == ["app"]
    assert (await house.call("/hello?key=k")).status == 401


async def test_edge_refuses_products_of_proxies_and_environments_there_are_not(house: ControlHouse) -> None:
    """X takes any name, as Apigee's does: a product may come before its proxy."""
    for method, path in (("POST", "apiproducts"), ("PUT", "apiproducts/p")):
        for field, code, message in (
            ("proxies", "InvalidProxy", "Invalid apiproxy none"),
            ("environments", "InvalidEnvironment", "Invalid environment none"),
        ):
            product = {**PRODUCT, "name": f"{method} {field}", field: ["none"]}
            refused = await Edge(house).ask(method, path, json=product)
            assert (refused.status, refused.json()["code"], refused.json()["message"]) == (
                400,
                f"keymanagement.service.{code}",
                message,
            )
            assert (await X(house).ask(method, path, json=product)).status in (200, 201)
