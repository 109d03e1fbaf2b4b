"""Hooks on the source `proxies`, over the control port as it is served."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.control.house import control_house, says, workspace


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the handler `log` wrote."""
    mark = "log callback: "
    return [
        json.loads(record.getMessage().removeprefix(mark))
        for record in caplog.records
        if record.getMessage().startswith(mark)
    ]


async def test_deploy_update_refusal_and_undeploy_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apiproxy.events")
    async with control_house() as house:
        made = await house.ask("POST", "/event-hooks", json={"source": "proxies", "handler": "log"})
        assert made.status == 201
        await house.deploy(workspace({"hello": says("hello", "one")}))
        await house.deploy(workspace({"hello": says("hello", "two")}))
        await house.deploy(
            workspace({"hello": says("hello", "three", Q="<Quota name='Q'><Interval>x</Interval></Quota>")})
        )
        async with house.host.change() as draft:
            draft.undeploy("test", "apiproxy", "hello")
        await asyncio.sleep(0.05)

    told = lines(caplog)
    assert [line["event"] for line in told] == ["deployed", "updated", "refused", "undeployed"]
    assert told[0]["data"] == {
        "organization": "hybrid",
        "environment": "test",
        "kind": "apiproxy",
        "name": "hello",
        "revision": told[0]["data"]["revision"],
        "base_paths": ["/hello"],
    }
    (error,) = told[2]["data"]["errors"]
    assert error["file"].endswith("apiproxy/policies/Q.xml")
    assert error["line"] == 1


async def test_sources_and_hooks_need_the_token_where_there_is_one() -> None:
    async with control_house(token="t0ken") as house:
        refused = await house.ask("GET", "/event-hooks")
        allowed = await house.ask("GET", "/event-hooks", headers={"Authorization": "Bearer t0ken"})

    assert (refused.status, allowed.status) == (401, 200)


async def test_hook_made_before_its_environment_exists_hears_it() -> None:
    async with control_house() as house:
        await house.ask("POST", "/event-hooks", json={"source": "http-log-enterprise", "handler": "log"})
        await house.deploy(workspace({"hello": says("hello", "hi")}, environment="late"), "late")
        await house.call("/hello")
        (status,) = house.reporting.hooks.status().values()

    assert status["waiting"] + status["delivered"] == 1
