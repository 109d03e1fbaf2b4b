"""What clients call things, and bodies that are meant to hurt: refused as wrong, whatever the noun."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.house import archive, control_house, says
from tests.control.management.clients import Edge, X

UNFIT = [".", "..", "../../etc", "a/b", "a\\b", "a\nb", "a\0b", "\ud800", "x" * 256]
#: Where things are made, with what else they need.
MADE: dict[str, dict[str, Any]] = {
    "apis": {},
    "sharedflows": {},
    "apiproducts": {},
    "environments": {},
    "envgroups": {},
    "datacollectors": {"type": "STRING"},
    "maskconfigs": {},
    "keyvaluemaps": {},
    "environments/test/keyvaluemaps": {},
    "environments/test/targetservers": {"host": "h", "port": 1},
    "environments/test/references": {"refers": "r"},
    "environments/test/keystores": {},
    "environments/test/caches": {},
    "environments/test/virtualhosts": {},
}


@pytest.mark.parametrize("place", MADE)
async def test_a_name_that_no_path_leads_to_is_refused(place: str) -> None:
    async with control_house() as house:
        for name in UNFIT:
            reply = await Edge(house).ask("POST", place, json={"name": name, **MADE[place]})
            assert (reply.status, reply.json()["code"]) == (400, "InvalidName"), name
        fits = await X(house).ask("POST", place, json={"name": "A-b_1.2 ü", **MADE[place]})
        assert fits.status in (200, 201)


async def test_developers_apps_bundles_and_environments_are_named_as_strictly() -> None:
    bundle = archive(says("hello", "hi"))
    async with control_house() as house:
        edge = Edge(house)
        await edge.ask("POST", "developers", json={"email": "a@b.c"})
        for name in ("..", "a/b", "a\nb"):
            refused = [
                await edge.ask("POST", "developers", json={"email": name}),
                await edge.ask("POST", "developers/a@b.c/apps", json={"name": name}),
                await edge.ask("POST", "apis", params={"action": "import", "name": name}, data=bundle),
                await house.ask("POST", "/v1/emulator/deploy", params={"environment": name}, data=bundle),
            ]
            assert [reply.json()["code"] for reply in refused] == ["InvalidName"] * 4
        place = "/v1/organizations/o/environments/a%0Ab/targetservers"
        assert (await house.ask("POST", place, json={"name": "t", "host": "h", "port": 1})).status == 400
        assert list(house.host.organization.environments) == ["test"]


@pytest.mark.parametrize("depth", [500, 900, 100_000])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/organizations/o/environments/test/targetservers",
        "/v1/organizations/o/keyvaluemaps",
        "/v1/emulator/deploy",
        "/event-hooks",
    ],
)
async def test_json_that_is_nested_too_deep_is_refused(path: str, depth: int) -> None:
    body = '{"name": "t", "host": "h", "port": 1, "x": ' + "[" * depth + "]" * depth + "}"
    async with control_house() as house:
        headers = {"Content-Type": "application/json"}
        reply = await house.ask("POST", path, data=body, headers=headers)
        # deep as it is, a map or an archive may not look at it
        assert reply.status in (400, 201)
        good = {"name": "good", "host": "h", "port": 1}
        after = await house.ask("POST", "/v1/organizations/o/environments/test/targetservers", json=good)
        assert after.status == 201


async def test_a_mask_that_is_none_is_refused_and_the_one_before_stays() -> None:
    async with control_house() as house:
        edge = Edge(house)
        assert (await edge.ask("POST", "maskconfigs", json={"variables": ["a"]})).status == 201
        for wrong in (5, {"a": 1}, [1, {}]):
            refused = await edge.ask("POST", "maskconfigs", json={"variables": wrong})
            assert refused.status == 400, refused.text
            assert "variables" in refused.json()["message"]
        assert house.host.runtimes["test"].services.environment.debug_mask.variables == ("a",)
        assert (
            await edge.ask("POST", "maskconfigs", json={"name": "two", "variables": "b, c"})
        ).status == 201
        assert house.host.runtimes["test"].services.environment.debug_mask.variables == ("a", "b", "c")
