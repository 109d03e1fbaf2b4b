"""What the page reads: events as they happen, bounded memory, slow readers dropped, nothing while nobody looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from apiproxy_runtime.control.trace import live as limits
from apiproxy_runtime.control.trace.trace import Sight
from tests.control.house import ControlHouse, control_house, says, workspace

ASSIGN = "<AssignMessage name='note'><AssignVariable><Name>private.k</Name><Value>s3cret</Value></AssignVariable></AssignMessage>"


@contextlib.asynccontextmanager
async def page(home: ControlHouse) -> AsyncIterator[aiohttp.StreamReader]:
    """An open page: the stream of its events."""
    async with home.session.get(home.control + "/trace/events") as response:
        assert response.content_type == "text/event-stream"
        yield response.content


async def event(stream: aiohttp.StreamReader, wanted: str) -> Any:
    """The data of the next event of that name."""
    async with asyncio.timeout(5):
        while True:
            name = (await stream.readline()).decode().removeprefix("event: ").strip()
            if name == wanted:
                return json.loads((await stream.readline()).decode().removeprefix("data: "))


async def shown(stream: aiohttp.StreamReader, count: int) -> list[Any]:
    """That many transactions that are over."""
    found: dict[str, Any] = {}
    while len(found) < count:
        for line in (await event(stream, "transactions"))["transactions"]:
            if line["completed"]:
                found[line["id"]] = line
    return list(found.values())


async def test_transactions_show_as_they_happen() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi", note=ASSIGN)}))
        async with page(home) as stream:
            assert (await event(stream, "hello"))["transactions"] == []
            await home.call("/hello/x?a=1")
            (line,) = await shown(stream, 1)
            assert (line["method"], line["uri"], line["status"], line["proxy"]) == (
                "GET",
                "/hello/x?a=1",
                200,
                "hello",
            )
            found = (await home.ask("GET", f"/trace/transactions/{line['id']}")).json()
            steps = [point["policy"] for point in found["points"] if point["is"] == "step"]
            assert steps == ["note", "reply"]
            assert "s3cret" not in json.dumps(found)
            assert found["messages"][found["response"]]["content"] == "hi"


async def test_nothing_is_watched_while_no_page_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGER", 0.05)
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        runtime = home.host.runtimes["test"]
        assert not runtime.watches
        async with page(home) as stream:
            await event(stream, "hello")
            assert runtime.watches
            await home.call("/hello")
            await shown(stream, 1)
        async with asyncio.timeout(5):
            while runtime.watches:
                await home.call("/hello")
                await asyncio.sleep(0.02)
        kept = len((await home.ask("GET", "/trace/transactions")).json()["transactions"])
        await home.call("/hello")
        assert len((await home.ask("GET", "/trace/transactions")).json()["transactions"]) == kept > 0


async def test_environments_made_while_a_page_is_open_are_watched() -> None:
    async with control_house() as home, page(home) as stream:
        await event(stream, "hello")
        await home.deploy(workspace({"hello": says("hello", "hi")}, environment="later"), "later")
        await home.call("/hello")
        (line,) = await shown(stream, 1)
        assert line["environment"] == "later"


async def test_deploys_and_refusals_are_told_with_place_and_cure() -> None:
    broken = says("hello", "hi")
    broken["apiproxy/policies/reply.xml"] = "<AssignMessage name='reply'><Set></AssignMessage>"
    async with control_house() as home, page(home) as stream:
        await event(stream, "hello")
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        await event(stream, "deployed")
        assert (await home.deploy(workspace({"hello": broken}))).status == 400
        await event(stream, "deployed")
        told = (await home.ask("GET", "/trace/deployed")).json()
        (refused,) = told["refused"]
        finding = refused["findings"][0]
        assert finding["file"].endswith("reply.xml")
        assert finding["line"] == 1
        assert [found["name"] for found in told["environments"][0]["proxies"]] == ["hello"]
        await home.deploy(workspace({"hello": says("hello", "mended")}))
        assert (await home.ask("GET", "/trace/deployed")).json()["refused"] == []


async def test_search_looks_into_messages_and_variables() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi {request.queryparam.a}")}))
        async with page(home) as stream:
            await event(stream, "hello")
            await home.call("/hello?a=needle")
            await home.call("/hello?a=hay")
            await home.call("/hello", headers={"X-Find": "Needle"})
            await shown(stream, 3)
            found = (await home.ask("GET", "/trace/transactions?text=needle")).json()["transactions"]
            assert len(found) == 2


async def test_a_request_that_fits_no_base_path_is_shown_with_its_404() -> None:
    mask = {"variables": ["request.header.X-Key", "request.queryparam.pin"]}
    async with control_house() as home:
        home.host.here.address = home.traffic
        await home.deploy(workspace({"hello": says("hello", "hi")}, debugmask=mask))
        async with page(home) as stream:
            await event(stream, "hello")
            answer = await home.call("/helo/x?pin=1", "POST", data=b"body", headers={"X-Key": "s3cret"})
            (line,) = await shown(stream, 1)
            assert (line["method"], line["uri"], line["status"]) == ("POST", "/helo/x?pin=*****", 404)
            assert (line["proxy"], line["environment"]) == ("", "test")
            found = (await home.ask("GET", f"/trace/transactions/{line['id']}")).json()
            assert found["fault"] == "messaging.adaptors.http.flow.ApplicationNotFound"
            assert found["raised"]["text"].startswith("Unable to identify proxy for host: 127.0.0.1:")
            assert found["raised"]["text"].endswith(" and url: /helo/x")
            assert found["messages"][found["response"]]["content"] == answer.body.decode()
            assert found["messages"][found["request"]]["content"] == "body"
            assert "s3cret" not in json.dumps(found)
            for form in ("emulator", "har", "otel"):
                assert (await home.ask("GET", f"/trace/transactions/{line['id']}/{form}")).status == 200
            # of a body that had not arrived nothing is known, and a replay would send something else
            await home.call("/helo", "POST", data=slow_body())
            (line,) = await shown(stream, 1)
            replayed = await home.ask("POST", f"/trace/transactions/{line['id']}/replay")
            assert (replayed.status, replayed.json()["code"]) == (409, "BodyNotKept")


async def slow_body() -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.sleep(0.2)
    yield b"two"


async def test_requests_without_a_proxy_are_told_to_nobody_once_the_page_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LINGER", 0.05)
    async with control_house() as home:
        gateway = home.host.runtime("test").gateway
        before = gateway.strayed
        async with page(home) as stream:
            await event(stream, "hello")
            assert len(gateway.strayed) == len(before) + 1
        async with asyncio.timeout(5):
            while gateway.strayed != before:
                await asyncio.sleep(0.02)


async def test_the_policy_of_a_step_is_shown_as_it_was_deployed() -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        query = "environment=test&proxy=hello&policy=reply&file=apiproxy/policies/reply.xml"
        found = (await home.ask("GET", f"/trace/policy?{query}")).json()
        assert (found["bundle"], found["line"]) == ("hello", 1)
        assert found["xml"].startswith("<AssignMessage name='reply'>")
        gone = await home.ask("GET", f"/trace/policy?{query.replace('policy=reply', 'policy=../x')}")
        assert gone.status == 404


async def test_replay_sends_the_request_through_the_traffic_port() -> None:
    async with control_house() as home:
        home.host.here.address = home.traffic
        await home.deploy(workspace({"hello": says("hello", "{request.header.x-a} {request.content}")}))
        async with page(home) as stream:
            await event(stream, "hello")
            await home.call("/hello/x?b=%20", "POST", data=b"body", headers={"X-A": "seen"})
            (line,) = await shown(stream, 1)
            reply = await home.ask("POST", f"/trace/transactions/{line['id']}/replay", json={"headers": {}})
            assert reply.json()["status"] == 200
            (again,) = await shown(stream, 1)
            assert (again["method"], again["uri"]) == ("POST", "/hello/x?b=%20")
            found = (await home.ask("GET", f"/trace/transactions/{again['id']}")).json()
            assert found["messages"][found["response"]]["content"] == "seen body"


async def test_replay_asks_for_masked_headers() -> None:
    async with control_house() as home:
        home.host.here.address = home.traffic
        mask = {"variables": ["request.header.X-Key"]}
        files = says("hello", "{request.header.x-key}")
        await home.deploy(workspace({"hello": files}, debugmask=mask))
        async with page(home) as stream:
            await event(stream, "hello")
            await home.call("/hello", headers={"X-Key": "s3cret"})
            (line,) = await shown(stream, 1)
            address = f"/trace/transactions/{line['id']}/replay"
            refused = await home.ask("POST", address)
            assert (refused.status, refused.json()["code"]) == (409, "MaskedHeaders")
            assert "X-Key" in refused.json()["message"]
            given = await home.ask("POST", address, json={"headers": {"X-Key": "mine"}})
            assert given.json()["size"] == len("mine")
            without = await home.ask("POST", address, json={"headers": {"X-Key": ""}})
            assert without.json()["size"] == 0


@pytest.mark.parametrize("form", ["emulator", "har", "otel"])
async def test_downloads_are_files(form: str) -> None:
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        async with page(home) as stream:
            await event(stream, "hello")
            await home.call("/hello")
            (line,) = await shown(stream, 1)
            reply = await home.ask("GET", f"/trace/transactions/{line['id']}/{form}")
            assert reply.headers["Content-Disposition"].startswith('attachment; filename="hello-')
            assert {"emulator": "Messages", "har": "log", "otel": "resourceSpans"}[form] in reply.json()


async def test_a_page_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BEAT", 0.001)
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        port = int(home.control.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(f"GET /trace/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        runtime = home.host.runtimes["test"]
        async with asyncio.timeout(5):
            while not runtime.watches:
                await asyncio.sleep(0.01)
        (sight,) = runtime.watches
        assert isinstance(sight, Sight)
        live = sight.trace.live
        async with asyncio.timeout(20):
            while live.readers:
                live.broadcast("noise", "x" * 200_000)
                await asyncio.sleep(0.001)
        writer.close()


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TRANSACTIONS", 5)
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        async with page(home) as stream:
            await event(stream, "hello")
            for number in range(9):
                await home.call(f"/hello/{number}")
            await shown(stream, 9)
            kept = (await home.ask("GET", "/trace/transactions")).json()["transactions"]
            assert [line["uri"] for line in kept] == [f"/hello/{number}" for number in range(4, 9)]
            await home.ask("DELETE", "/trace/transactions")
            assert (await home.ask("GET", "/trace/transactions")).json()["transactions"] == []


async def test_more_than_anybody_can_read_is_counted_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BURST", 3.0)
    monkeypatch.setattr(limits, "RATE", 0.0)
    async with control_house() as home:
        await home.deploy(workspace({"hello": says("hello", "hi")}))
        async with page(home) as stream:
            await event(stream, "hello")
            for _ in range(10):
                assert (await home.call("/hello")).text == "hi"
            left_out, seen = 0, 0
            while left_out + seen < 10:
                news = await event(stream, "transactions")
                left_out += news["skipped"]
                seen += len([line for line in news["transactions"] if line["completed"]])
            assert (seen, left_out) == (3, 7)


async def test_the_page_and_its_files_come_with_a_policy_that_allows_only_them() -> None:
    async with control_house() as home:
        reply = await home.ask("GET", "/")
        assert reply.status == 200
        policy = reply.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "style=" not in reply.text
        assert "<script>" not in reply.text
        assert (await home.ask("GET", "/page/app.js")).headers["Content-Type"].startswith("text/javascript")
        assert (await home.ask("GET", "/page/nothing.js")).status == 404
