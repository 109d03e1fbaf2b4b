"""Key value maps and their entries, in all scopes and both flavours."""

from typing import Any

import pytest
import yarl

from tests.control.house import archive, control_house, says
from tests.control.management.clients import Edge, X

SCOPES = ["keyvaluemaps", "environments/test/keyvaluemaps", "apis/hello/keyvaluemaps"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_entries_are_created_read_changed_and_deleted(scope: str) -> None:
    async with control_house() as house:
        x = X(house)
        await x.ask("POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")))
        assert (await x.ask("POST", scope, json={"name": "m", "encrypted": False})).status == 201
        assert (await x.ask("GET", scope)).json() == ["m"]
        entries = f"{scope}/m/entries"
        entry = {"name": "k", "value": "one"}
        assert (await x.ask("GET", f"{entries}/k")).status == 404
        created = await x.ask("POST", entries, json=entry)
        assert (created.status, created.json()) == (201, entry)
        again = await x.ask("POST", entries, json=entry)
        assert (again.status, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
        assert (await x.ask("PUT", f"{entries}/k", json={"name": "k", "value": "two"})).status == 200
        assert (await x.ask("GET", f"{entries}/k")).json() == {"name": "k", "value": "two"}
        assert (await x.ask("GET", entries)).json() == {
            "keyValueEntries": [{"name": "k", "value": "two"}],
            "nextPageToken": "",
        }
        assert (await x.ask("DELETE", f"{entries}/k")).status == 200
        assert (await x.ask("PUT", f"{entries}/k", json=entry)).status == 404
        assert (await x.ask("DELETE", f"{entries}/k")).status == 404
        assert (await x.ask("DELETE", f"{scope}/m")).status == 200
        assert (await x.ask("GET", f"{scope}/m")).status == 404


async def test_maps_of_the_scopes_are_apart() -> None:
    async with control_house() as house:
        await X(house).ask("POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")))
        for scope in SCOPES:
            await Edge(house).ask("POST", scope, json={"name": "m", "entry": [{"name": "k", "value": scope}]})
        for scope in SCOPES:
            assert (await Edge(house).ask("GET", f"{scope}/m/entries/k")).json()["value"] == scope
        assert (await Edge(house).ask("GET", "environments/other/keyvaluemaps")).json() == []
        assert (await Edge(house).ask("GET", "apis/other/keyvaluemaps")).json() == []


async def test_a_proxy_that_is_not_there_gets_no_map() -> None:
    async with control_house() as house:
        refused = await Edge(house).ask("POST", "apis/helo/keyvaluemaps", json={"name": "m"})
        assert (refused.status, refused.json()["code"]) == (
            404,
            "messaging.config.beans.ApplicationDoesNotExist",
        )


async def test_a_policy_reads_what_was_written() -> None:
    get = """<KeyValueMapOperations name='get' mapIdentifier='m'><Scope>environment</Scope>
        <Get assignTo='flow.v'><Key><Parameter>k</Parameter></Key></Get></KeyValueMapOperations>"""
    async with control_house() as house:
        await house.ask(
            "POST", "/v1/emulator/deploy?environment=test", data=archive(says("hello", "{flow.v}", get=get))
        )
        scope = "environments/test/keyvaluemaps"
        await X(house).ask("POST", scope, json={"name": "m"})
        for value, method, path in (("one", "POST", "entries"), ("two", "PUT", "entries/k")):
            await X(house).ask(method, f"{scope}/m/{path}", json={"name": "k", "value": value})
            assert (await house.call("/hello")).text == value


async def test_edge_shows_the_entries_with_their_map_and_masks_encrypted_ones() -> None:
    async with control_house() as house:
        entry = [{"name": "k", "value": "secret"}]
        # apigee-edge-js sends the flag as a text
        await Edge(house).ask("POST", "keyvaluemaps", json={"name": "m", "encrypted": "true", "entry": entry})
        assert (await Edge(house).ask("GET", "keyvaluemaps/m")).json() == {
            "name": "m",
            "encrypted": True,
            "entry": [{"name": "k", "value": "*****"}],
        }
        assert (await Edge(house).ask("GET", "keyvaluemaps/m/entries/k")).json()["value"] == "*****"
        assert (await X(house).ask("GET", "keyvaluemaps/m/entries/k")).json()["value"] == "secret"


async def test_edge_adds_entries_by_post_and_replaces_all_by_put() -> None:
    async with control_house() as house:
        edge = Edge(house)
        await edge.ask("POST", "keyvaluemaps", json={"name": "m", "entry": [{"name": "a", "value": "1"}]})
        await edge.ask("POST", "keyvaluemaps/m", json={"name": "m", "entry": [{"name": "b", "value": "2"}]})
        assert (await edge.ask("GET", "keyvaluemaps/m/keys")).json() == ["a", "b"]
        await edge.ask("PUT", "keyvaluemaps/m", json={"name": "m", "entry": [{"name": "c", "value": "3"}]})
        assert (await edge.ask("GET", "keyvaluemaps/m/keys")).json() == ["c"]


async def test_entries_come_in_pages() -> None:
    async with control_house() as house:
        names = [f"k{number}" for number in range(5)]
        entry = [{"name": name, "value": name} for name in names]
        await Edge(house).ask("POST", "keyvaluemaps", json={"name": "m", "entry": entry})
        seen, token = [], ""
        for _ in range(3):
            path = f"keyvaluemaps/m/entries?pageSize=2&pageToken={token}"
            page = (await X(house).ask("GET", path)).json()
            seen += [item["name"] for item in page["keyValueEntries"]]
            token = page["nextPageToken"]
        assert (seen, token) == (names, "")
        assert (await X(house).ask("GET", "keyvaluemaps/m/entries?pageToken=%")).status == 400


@pytest.mark.parametrize(
    "body", [{}, {"name": "m", "entry": {}}, {"name": "m", "entry": [{"name": "k"}]}, {"name": " "}]
)
async def test_a_wrong_map_is_refused_and_not_made(body: dict[str, Any]) -> None:
    async with control_house() as house:
        assert (await Edge(house).ask("POST", "keyvaluemaps", json=body)).status == 400
        assert (await Edge(house).ask("GET", "keyvaluemaps")).json() == []


async def test_keys_may_hold_slashes() -> None:
    async with control_house() as house:
        await X(house).ask("POST", "keyvaluemaps", json={"name": "m"})
        await X(house).ask("POST", "keyvaluemaps/m/entries", json={"name": "a/b c", "value": "v"})
        raw = "keyvaluemaps/m/entries/a%2Fb%20c"
        url = f"/v1/organizations/hybrid/{raw}"
        async with house.session.get(yarl.URL(house.control + url, encoded=True)) as reply:
            assert (await reply.json())["value"] == "v"
