"""What belongs to the organization as a whole: environment groups, data collectors, masks; and what is not there."""

from typing import Any

import pytest

from tests.control.house import archive, control_house, says, workspace
from tests.control.management.clients import Edge, X

# ---- environment groups


async def test_the_default_group_has_every_environment() -> None:
    async with control_house() as house:
        x = X(house)
        (group,) = (await x.ask("GET", "envgroups")).json()["environmentGroups"]
        assert (group["name"], group["state"], group["hostnames"]) == ("default", "ACTIVE", ["localhost"])
        await x.ask("POST", "environments", json={"name": "new"})
        attached = (await x.ask("GET", "envgroups/default/attachments")).json()["environmentGroupAttachments"]
        assert [item["environment"] for item in attached] == ["test", "new"]


async def test_a_group_is_made_given_environments_changed_and_deleted() -> None:
    """Each change is answered with an operation that is over, which is what Terraform waits for."""
    async with control_house(state="memory") as house:
        x = X(house)
        made = (await x.ask("POST", "envgroups", json={"name": "g", "hostnames": ["a.example"]})).json()
        assert (made["done"], made["response"]["name"]) == (True, "g")
        assert (await x.ask("POST", "envgroups", json={"name": "g"})).status == 409
        wrong = await x.ask("POST", "envgroups/g/attachments", json={"environment": "none"})
        assert wrong.status == 400
        attached = (await x.ask("POST", "envgroups/g/attachments", json={"environment": "test"})).json()
        name = attached["response"]["name"]
        assert (await x.ask("GET", f"envgroups/g/attachments/{name}")).json()["environment"] == "test"
        changed = await x.ask("PATCH", "envgroups/g?updateMask=hostnames", json={"hostnames": ["b.example"]})
        assert changed.json()["done"]
        group = (await x.ask("GET", "envgroups/g")).json()
        assert (group["name"], group["hostnames"]) == ("g", ["b.example"])
        assert "environments" not in group
        assert (await x.ask("DELETE", f"envgroups/g/attachments/{name}")).json()["done"]
        assert (await x.ask("GET", "envgroups/g/attachments")).json() == {"environmentGroupAttachments": []}
        assert (await x.ask("DELETE", "envgroups/g")).json()["done"]
        assert (await x.ask("GET", "envgroups/g")).status == 404


async def test_the_default_group_has_every_environment_whatever_is_said_of_it() -> None:
    async with control_house() as house:
        x = X(house)
        assert (await x.ask("PATCH", "envgroups/default", json={"hostnames": ["a.example"]})).status == 200
        await x.ask("POST", "environments", json={"name": "new"})
        attached = (await x.ask("GET", "envgroups/default/attachments")).json()["environmentGroupAttachments"]
        assert [item["environment"] for item in attached] == ["test", "new"]
        assert (await x.ask("GET", "envgroups/default")).json()["hostnames"] == ["a.example"]


async def test_a_group_loses_the_environments_that_are_deleted() -> None:
    async with control_house() as house:
        x = X(house)
        await x.ask("POST", "envgroups", json={"name": "g"})
        await x.ask("POST", "environments", json={"name": "new"})
        await x.ask("POST", "envgroups/g/attachments", json={"environment": "new"})
        assert (await x.ask("DELETE", "environments/new")).status == 200
        assert (await x.ask("GET", "envgroups/g/attachments")).json() == {"environmentGroupAttachments": []}


# ---- data collectors

CAPTURE = """<DataCapture name='capture'><Capture><DataCollector>dc_size</DataCollector>
    <Collect ref='request.queryparam.size'/></Capture></DataCapture>"""


async def test_a_data_collector_types_what_is_captured_in_all_environments() -> None:
    async with control_house() as house:
        x = X(house)
        await house.deploy(workspace({"hello": says("hello", "hi", capture=CAPTURE)}))
        created = await x.ask("POST", "datacollectors?dataCollectorId=dc_size", json={"type": "INTEGER"})
        assert (created.status, created.json()["name"]) == (201, "dc_size")
        collectors = house.host.runtimes["test"].services.environment.data_collectors
        assert collectors["dc_size"].type == "INTEGER"
        assert (
            await x.ask("POST", "datacollectors", json={"name": "dc_size", "type": "STRING"})
        ).status == 409
        changed = await x.ask(
            "PATCH", "datacollectors/dc_size?updateMask=description", json={"description": "d"}
        )
        assert (changed.json()["type"], changed.json()["description"]) == ("INTEGER", "d")
        (listed,) = (await x.ask("GET", "datacollectors")).json()["dataCollectors"]
        assert listed["name"] == "dc_size"
        assert (await x.ask("POST", "environments", json={"name": "new"})).status == 200
        assert "dc_size" in house.host.runtimes["new"].services.environment.data_collectors
        # test data and deploys leave it alone
        await house.ask("POST", "/v1/emulator/setup/tests", data=archive({"products.json": []}))
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        assert (await x.ask("GET", "datacollectors/dc_size")).status == 200
        assert (await x.ask("DELETE", "datacollectors/dc_size")).status == 200
        assert house.host.runtimes["test"].services.environment.data_collectors == {}
        assert (await x.ask("GET", "datacollectors/dc_size")).status == 404


# ---- Edge's masks


@pytest.mark.parametrize("place", ["maskconfigs", "apis/hello/maskconfigs"])
async def test_edges_masks_hide_in_traces_what_they_name(place: str) -> None:
    async with control_house() as house:
        edge = Edge(house)
        await house.deploy(
            workspace({"hello": says("hello", "hi")}, debugmask={"variables": ["request.header.x-own"]})
        )
        mask = {"name": "default", "variables": ["request.header.x-key"], "jSONPathsRequest": ["$.pin"]}
        assert (await edge.ask("POST", place, json=mask)).status == 201
        assert (await edge.ask("GET", place)).json() == ["default"]
        assert (await edge.ask("GET", f"{place}/default")).json() == mask
        session = (await house.ask("POST", "/v1/emulator/trace?proxyName=hello")).json()["name"]
        headers = {"X-Key": "s3cret", "X-Own": "s3cret"}
        await house.call("/hello", "POST", json={"pin": "s3cret", "open": "shown"}, headers=headers)
        told = await house.ask("GET", f"/v1/emulator/trace/transactions?sessionid={session}")
        assert "shown" in told.text
        assert "s3cret" not in told.text
        assert (await edge.ask("DELETE", f"{place}/default")).status == 200
        assert house.host.runtimes["test"].services.environment.debug_mask.variables == (
            "request.header.x-own",
        )
        assert (await edge.ask("GET", f"{place}/default")).status == 404


async def test_a_mask_of_a_proxy_that_is_not_there_is_refused() -> None:
    async with control_house() as house:
        assert (await Edge(house).ask("POST", "apis/none/maskconfigs", json={"variables": []})).status == 404


@pytest.mark.parametrize("path", ["apis/hello", "apis/hello/revisions/1"])
async def test_the_masks_of_a_proxy_go_with_it(path: str) -> None:
    async with control_house() as house:
        edge = Edge(house)
        await edge.ask("POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")))
        for place in ("maskconfigs", "apis/hello/maskconfigs"):
            assert (await edge.ask("POST", place, json={"variables": ["a"]})).status == 201
        assert (await edge.ask("DELETE", path)).status == 200
        assert (await edge.ask("GET", "apis/hello/maskconfigs")).json() == []
        assert (await edge.ask("GET", "maskconfigs")).json() == ["default"]


# ---- environments, labels, operations


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
async def test_what_is_said_of_an_environment_is_kept(method: str) -> None:
    properties = {"property": [{"name": "a", "value": "b"}]}
    async with control_house() as house:
        x = X(house)
        await x.ask("POST", "environments", json={"name": "e", "displayName": "E", "description": "d"})
        changed = await x.ask(method, "environments/e", json={"name": "e", "properties": properties})
        assert changed.status == 200
        await house.deploy(workspace({"hello": says("hello", "hi")}, environment="e"), "e")
        told = (await x.ask("GET", "environments/e")).json()
        assert (told["name"], told["displayName"], told["description"]) == ("e", "E", "d")
        assert told["properties"] == properties
        assert (await x.ask(method, "environments/none", json={})).status == 404


async def test_labels_of_a_proxy_are_kept_as_long_as_it_is_there() -> None:
    async with control_house() as house:
        x = X(house)
        await x.ask("POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")))
        path = "apis/hello?updateMask=labels"
        assert (await x.ask("PATCH", path, json={"labels": {"a": "b"}})).json()["labels"] == {"a": "b"}
        assert (await x.ask("GET", "apis/hello")).json()["labels"] == {"a": "b"}
        assert (await x.ask("PATCH", path, json={"description": "d"})).status == 400
        await x.ask("DELETE", "apis/hello")
        await x.ask("POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")))
        assert "labels" not in (await x.ask("GET", "apis/hello")).json()


async def test_no_operation_is_under_way() -> None:
    async with control_house() as house:
        assert (await X(house).ask("GET", "operations")).json() == {"operations": []}
        assert (await X(house).ask("GET", "operations/any")).json()["done"]


# ---- what there is not


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("GET", "userroles", "token"),
        ("POST", "companies/c/apps", "developers/EMAIL/apps"),
        ("GET", "environments/test/stats/apis", "/metrics"),
        ("GET", "environments/test:getIamPolicy", "there are apis, sharedflows"),
        ("POST", "resourcefiles?type=jsc&name=a.js", "environments/ENV/resourcefiles"),
        ("PUT", "", "there are apis, sharedflows"),
        ("GET", "sites", "there are apis, sharedflows"),
    ],
)
async def test_what_there_is_not_is_answered_with_what_to_use_instead(
    method: str, path: str, instead: str
) -> None:
    async with control_house() as house:
        told: dict[str, Any] = {}
        for client in (Edge(house), X(house)):
            reply = await client.ask(method, path)
            assert reply.status == 404
            told[type(client).__name__] = reply.json()
        assert instead in told["Edge"]["message"]
        assert instead in told["X"]["error"]["message"]


async def test_audits_are_not_kept() -> None:
    async with control_house() as house:
        reply = await house.ask("GET", "/v1/audits/organizations/hybrid")
        assert (reply.status, "/event-hooks" in reply.text) == (404, True)


# ---- pages of a list


async def test_lists_are_given_page_by_page() -> None:
    async with control_house() as house:
        x, edge = X(house), Edge(house)
        for name in ("c", "a", "b"):
            await x.ask("POST", "apiproducts", json={"name": name})
            await x.ask("POST", "developers", json={"email": f"{name}@b.c"})
        await x.ask("POST", "developers/a@b.c/apps", json={"name": "app"})

        async def products(query: str) -> list[str]:
            found = (await x.ask("GET", f"apiproducts?{query}")).json()["apiProduct"]
            return [item["name"] for item in found]

        assert await products("") == ["c", "a", "b"]
        assert await products("count=2") == ["a", "b"]
        assert await products("startKey=b&count=2") == ["b", "c"]
        assert await products("expand=true&startKey=c") == ["c"]
        assert (await edge.ask("GET", "developers?startKey=b@b.c")).json() == ["b@b.c", "c@b.c"]
        (app,) = (await edge.ask("GET", "apps?rows=10")).json()
        assert (await edge.ask("GET", f"apps?startKey={app}&rows=1")).json() == [app]
        assert (await edge.ask("GET", "apps?startKey=zzz")).json() == []
