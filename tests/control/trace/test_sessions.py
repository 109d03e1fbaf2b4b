"""Trace sessions over the control port: begun, filled, limited, ended; and what they leave unwatched."""

from __future__ import annotations

import asyncio
from typing import Any

from apiproxy_runtime.control.trace import session as limits
from tests.control.house import ControlHouse, archive, control_house, says, workspace


async def begin(home: ControlHouse, proxy: str = "hello") -> str:
    reply = await home.ask("POST", f"/v1/emulator/trace?proxyName={proxy}")
    assert reply.status == 200
    return str(reply.json()["name"])


async def messages(home: ControlHouse, session: str) -> list[Any]:
    reply = await home.ask("GET", f"/v1/emulator/trace/transactions?sessionid={session}")
    assert reply.status == 200
    return list(reply.json()["Messages"])


async def filled(home: ControlHouse, session: str, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        while len([found for found in await messages(home, session) if found["completed"]]) < count:
            await asyncio.sleep(0.02)
    return await messages(home, session)


async def test_a_session_tells_its_limits_and_fills(monkeypatch: Any) -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi"), "other": says("other", "ho")}))
        reply = await home.ask("POST", "/v1/emulator/trace?proxyName=hello")
        told = reply.json()
        assert (told["application"], told["count"], told["timeoutInSeconds"]) == ("hello", 50, 600)
        assert await messages(home, told["name"]) == []
        await home.call("/hello")
        await home.call("/other")
        await home.call("/hello")
        assert len(await filled(home, told["name"], 2)) == 2


async def test_two_sessions_record_each_its_own_proxy() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi"), "other": says("other", "ho")}))
        first, second, same = await begin(home), await begin(home, "other"), await begin(home)
        await home.call("/hello")
        await home.call("/other")
        assert len(await filled(home, first, 1)) == 1
        assert len(await filled(home, second, 1)) == 1
        assert len(await filled(home, same, 1)) == 1


async def test_a_full_session_keeps_what_it_has_and_watches_no_longer() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        session = await begin(home)
        runtime = home.host.runtimes["test"]
        assert runtime.watches
        for _ in range(limits.COUNT + 3):
            await home.call("/hello")
        assert len(await filled(home, session, limits.COUNT)) == limits.COUNT
        assert not runtime.watches
        assert runtime.gateway.watch is None


async def test_a_session_ends_by_itself_or_on_request(monkeypatch: Any) -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        session = await begin(home)
        assert (await home.ask("DELETE", f"/v1/emulator/trace?sessionid={session}")).status == 200
        assert not home.host.runtimes["test"].watches
        gone = await home.ask("GET", f"/v1/emulator/trace/transactions?sessionid={session}")
        assert (gone.status, gone.json()["code"]) == (404, "SessionNotFound")
        assert (await home.ask("DELETE", "/v1/emulator/trace?sessionid=none")).status == 404


async def test_a_proxy_that_is_not_deployed_cannot_be_traced() -> None:
    async with control_house() as home:
        reply = await home.ask("POST", "/v1/emulator/trace?proxyName=nobody")
        assert (reply.status, reply.json()["code"]) == (404, "ApplicationNotFound")
        assert (await home.ask("POST", "/v1/emulator/trace")).status == 400


async def test_a_session_goes_on_over_a_deploy() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        session = await begin(home)
        await home.call("/hello")
        await home.deploy(workspace({"hello": says("hello", "again")}))
        assert (await home.call("/hello")).text == "again"
        first, second = await filled(home, session, 2)
        assert "again" in str(second)
        assert "again" not in str(first)


async def test_test_data_that_comes_while_a_session_runs_counts_before_and_after_its_end() -> None:
    """The programs of a session are compiled apart from those that serve without one."""
    guarded = says(
        "hello", "hi", V="<VerifyAPIKey name='V'><APIKey ref='request.queryparam.k'/></VerifyAPIKey>"
    )

    def apps(key: str) -> bytes:
        app = {"name": "a", "developerEmail": "a@b.c", "apiProducts": ["p"]}
        return archive(
            {
                "products.json": [{"name": "p", "proxies": ["hello"], "apiResources": ["/**"]}],
                "developers.json": [{"email": "a@b.c"}],
                "developerapps.json": [{**app, "credentials": [{"consumerKey": key, "consumerSecret": "s"}]}],
            }
        )

    async with control_house() as home:
        await home.deploy(workspace({"hello": guarded}))
        session = await begin(home)
        await home.ask("POST", "/v1/emulator/setup/tests", data=apps("one"))
        assert (await home.call("/hello/x?k=one")).status == 200
        await home.deploy(workspace({"hello": guarded}))
        await home.ask("DELETE", f"/v1/emulator/trace?sessionid={session}")
        await home.ask("POST", "/v1/emulator/setup/tests", data=apps("two"))
        assert (await home.call("/hello/x?k=two")).status == 200
        assert (await home.call("/hello/x?k=one")).status == 401
