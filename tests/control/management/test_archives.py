"""X's archive deployments: a workspace is uploaded, then deployed by the address it was uploaded to."""

from typing import Any

from tests.control.house import ControlHouse, archive, control_house, says, workspace
from tests.control.management.clients import X

PLACE = "environments/test/archiveDeployments"


async def uploaded(house: ControlHouse, content: bytes) -> str:
    address = (await X(house).ask("POST", f"{PLACE}:generateUploadUrl", json={})).json()["uploadUri"]
    assert address.startswith(house.control)
    # as gcloud does it: nothing but the archive
    reply = await house.ask("PUT", address.removeprefix(house.control), data=content)
    assert reply.status == 200
    return str(address)


async def deployed(house: ControlHouse, address: str, **fields: Any) -> Any:
    return await X(house).ask("POST", PLACE, json={"gcsUri": address, **fields})


async def test_an_uploaded_workspace_is_deployed_listed_and_forgotten() -> None:
    async with control_house() as house:
        x = X(house)
        assert (await x.ask("GET", PLACE)).json() == {"archiveDeployments": []}
        address = await uploaded(house, workspace({"hello": says("hello", "one")}))
        operation = (await deployed(house, address, labels={"a": "b"})).json()
        assert operation["done"]
        assert (await house.call("/hello")).text == "one"
        (listed,) = (await x.ask("GET", PLACE)).json()["archiveDeployments"]
        assert listed == operation["response"]
        assert (listed["labels"], listed["operation"]) == ({"a": "b"}, operation["name"])
        one = f"{PLACE}/{listed['name'].rpartition('/')[2]}"
        changed = await x.ask("PATCH", one, json={"labels": {"c": "d"}})
        assert changed.json()["labels"] == {"c": "d"}
        assert (await x.ask("GET", one)).json()["labels"] == {"c": "d"}
        assert (await x.ask("DELETE", one)).status == 200
        assert (await x.ask("GET", one)).status == 404
        assert (await house.call("/hello")).text == "one"


async def test_a_refused_archive_leaves_what_was_there() -> None:
    broken = {**says("hello", "two"), "apiproxy/policies/reply.xml": "<Nothing name='reply'/>"}
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "one")}))
        for content in (workspace({"hello": broken}), archive({"a": "b"}), b"no zip"):
            refused = await deployed(house, await uploaded(house, content))
            assert refused.status == 400, refused.text
        assert (await house.call("/hello")).text == "one"
        assert (await X(house).ask("GET", PLACE)).json() == {"archiveDeployments": []}


async def test_an_archive_with_a_name_that_cannot_be_is_not_deployed_and_waits_on() -> None:
    async with control_house() as house:
        address = await uploaded(house, workspace({"hello": says("hello", "one")}))
        assert (await deployed(house, address, name="..")).status == 400
        assert (await house.call("/hello")).status == 404
        assert (await deployed(house, address, name="right")).status == 200


async def test_an_archive_is_deployed_once_and_only_if_it_was_uploaded() -> None:
    async with control_house() as house:
        address = await uploaded(house, workspace({"hello": says("hello", "one")}))
        assert (await deployed(house, address, name="mine")).json()["response"]["name"].endswith("/mine")
        for gone in (address, "gs://bucket/archive.zip", ""):
            assert (await deployed(house, gone)).status == 400
