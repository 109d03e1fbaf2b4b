"""Recording: both faces of every exchange are in the file, without secrets, however the process ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.har import read_har
from tests.house import Upstream, proxy, steps, target, upstream_server, write_bundle

SECRET = "top-secret-key-4711"
CALLOUT = """<ServiceCallout name="SC"><Request variable="ask"><Set><Verb>POST</Verb>
<Headers><Header name="X-Auth-Token">backend-token-0815</Header></Headers>
<Payload contentType="application/json">{"q":1}</Payload></Set></Request><Response>told</Response>
<HTTPTargetConnection><URL>http://up.test/callout</URL></HTTPTargetConnection></ServiceCallout>"""


def bundle(folder: Path) -> Path:
    return write_bundle(
        folder,
        "b",
        {
            "proxies/default.xml": proxy("/b", request=steps("SC")),
            "targets/default.xml": target("http://up.test/base"),
            "policies/SC.xml": CALLOUT,
        },
    )


@contextlib.asynccontextmanager
async def recording(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`apiproxy record` in a process of its own: the process and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "apiproxy_runtime", "record", "--port", "0", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        seen = ""
        while "Ready: " not in seen:
            line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
            assert line, seen
            seen += line
        yield process, seen.rpartition("Ready: ")[2].split(" ")[0]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def get(url: str, **options: object) -> tuple[int, bytes]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.request("GET", url, allow_redirects=False, **options) as response:  # type: ignore[arg-type]
            return response.status, await response.read()


async def test_a_bundle_is_recorded_with_its_upstream_calls(tmp_path: Path) -> None:
    har = tmp_path / "t.har"
    async with upstream_server(Upstream()) as upstream:
        way = f"up.test=http://127.0.0.1:{upstream.port}"
        async with recording("--to", str(bundle(tmp_path)), "-o", str(har), "--connect-to", way) as (
            process,
            url,
        ):
            async with aiohttp.ClientSession() as session:
                headers = [("X-Api-Key", SECRET), ("X-Two", "1"), ("X-Two", "2")]
                async with session.post(
                    f"{url}/b/a%2Fb?x=1&x=2", headers=headers, data=b'{"pin": 1234}'
                ) as response:
                    answer = await response.read()
                    assert response.status == 200
                async with session.get(f"{url}/nowhere") as response:
                    assert response.status == 404
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            told = (await process.stdout.read()).decode()
            assert await process.wait() == 0
    assert "Recorded 2 exchanges with 2 upstream calls" in told
    first, second = read_har(har)
    assert (first.request.method, first.request.target) == ("POST", "/b/a%2Fb?x=1&x=2")
    assert [pair for pair in first.request.headers if pair[0] == "X-Two"] == [("X-Two", "1"), ("X-Two", "2")]
    assert first.response is not None
    assert first.response.status == 200
    assert len(first.response.body) == len(answer)
    callout, to_target = first.calls
    assert (callout.purpose, callout.request.url, callout.request.body) == (
        "callout",
        "http://up.test/callout",
        b'{"q":1}',
    )
    assert callout.response is not None
    assert to_target.purpose == "target"
    assert to_target.request.url == "http://up.test/base/a%2Fb?x=1&x=2"
    assert to_target.request.header("host") == "up.test"
    assert to_target.request.header("x-api-key") == first.request.header("x-api-key")
    assert callout.offset <= to_target.offset
    assert second.response is not None
    assert second.response.status == 404
    assert second.calls == ()
    text = har.read_text()
    for secret in (SECRET, "backend-token-0815", "1234}"):
        assert secret not in text


async def test_a_killed_recorder_leaves_a_valid_file(tmp_path: Path) -> None:
    har = tmp_path / "t.har"
    async with upstream_server(Upstream()) as upstream:
        way = f"up.test=http://127.0.0.1:{upstream.port}"
        async with recording("--to", str(bundle(tmp_path)), "-o", str(har), "--connect-to", way) as (
            process,
            url,
        ):
            for number in range(20):
                await get(f"{url}/b/{number}")
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
    entries = json.loads(har.read_bytes())["log"]["entries"]
    assert len(entries) >= 19


async def test_a_live_api_is_recorded_as_if_the_client_had_talked_to_it(tmp_path: Path) -> None:
    har = tmp_path / "t.har"

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/old":
            raise web.HTTPFound(f"http://127.0.0.1:{upstream.port}/api/new?code=1")
        if request.path == "/api/stream":
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for number in range(3):
                await response.write(f"data: {number}\n\n".encode())
            return response
        return web.json_response({"got": (await request.read()).decode(), "token": SECRET})

    async with upstream_server(Upstream(answer=answer)) as upstream:
        live = f"http://127.0.0.1:{upstream.port}/api"
        async with recording("--to", live, "-o", str(har)) as (process, url):
            async with aiohttp.ClientSession() as session:
                async with session.put(f"{url}/x?apikey={SECRET}", data=b"hello") as response:
                    assert (await response.json())["got"] == "hello"
                async with session.get(f"{url}/old", allow_redirects=False) as response:
                    assert response.headers["Location"] == f"{url}/api/new?code=1"
                async with session.get(f"{url}/stream") as response:
                    assert await response.read() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    assert SECRET not in har.read_text()
    put, old, stream = read_har(har)
    assert put.request.url.startswith(f"{live}/x?apikey=")
    assert put.request.body == b"hello"
    assert not put.calls_recorded
    assert header(old, "location") == f"http://127.0.0.1:{upstream.port}/api/new?code=1"
    assert stream.response is not None
    assert stream.response.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def header(exchange: Exchange, name: str) -> str | None:
    return exchange.response.header(name) if exchange.response is not None else None


async def test_an_api_that_does_not_answer_is_told_and_recorded(tmp_path: Path) -> None:
    har = tmp_path / "t.har"
    async with recording("--to", "http://127.0.0.1:1", "-o", str(har)) as (process, url):
        status, body = await get(f"{url}/x")
        process.send_signal(signal.SIGINT)
        await process.wait()
    assert status == 502
    assert b"gave no answer" in body
    (only,) = read_har(har)
    assert only.response is None
    assert "gave no answer" in only.notes[0]


async def test_a_recording_is_not_overwritten_by_chance(tmp_path: Path) -> None:
    har = tmp_path / "t.har"
    har.write_text("precious")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "apiproxy_runtime", "record", "--to", "http://a.test", "-o", str(har),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"--overwrite" in errors
    assert har.read_text() == "precious"


async def test_serve_records_too(tmp_path: Path) -> None:
    har = tmp_path / "t.har"
    async with upstream_server(Upstream()) as upstream:
        way = f"up.test=http://127.0.0.1:{upstream.port}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "apiproxy_runtime", "serve", str(bundle(tmp_path)), "--port", "0", "--no-control",
            "--state", "memory", "--connect-to", way, "--record", str(har), "--mask", "x-plain",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        seen = ""
        while "Ready: " not in seen:
            seen += (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        url = seen.rpartition("Ready: ")[2].split(" ")[0]
        status, _ = await get(f"{url}/b/x", headers={"X-Plain": "not-so-plain-77"})
        process.send_signal(signal.SIGTERM)
        told = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    assert status == 200
    assert "Recorded 1 exchange with 2 upstream calls" in told
    (only,) = read_har(har)
    assert [call.purpose for call in only.calls] == ["callout", "target"]
    assert "not-so-plain-77" not in har.read_text()


def keyed(folder: Path) -> Path:
    """A workspace with a bundle that wants a key, and an app that has one."""
    workspace = folder / "workspace"
    tests = workspace / "src/tests/a"
    tests.mkdir(parents=True)
    (workspace / "src/main/apigee/environments/test").mkdir(parents=True)
    product = {"name": "p", "approvalType": "auto", "proxies": ["k"], "environments": ["test"]}
    credential = {
        "consumerKey": SECRET,
        "consumerSecret": "consumer-secret-1",
        "status": "approved",
        "apiProducts": [{"apiproduct": "p", "status": "approved"}],
    }
    developer = {"email": "a@b.c", "firstName": "A", "lastName": "B", "userName": "ab"}
    app = {"name": "app", "developerEmail": "a@b.c", "apiProducts": ["p"], "credentials": [credential]}
    for name, entry in (("products", product), ("developers", developer), ("developerapps", app)):
        (tests / f"{name}.json").write_text(json.dumps([entry]))
    write_bundle(
        folder,
        "k",
        {
            "proxies/default.xml": proxy("/k", request=steps("VK")),
            "targets/default.xml": target("http://up.test/base"),
            "policies/VK.xml": '<VerifyAPIKey name="VK"><APIKey ref="request.header.x-customer"/></VerifyAPIKey>',
        },
    )
    return workspace


async def test_a_vault_lets_a_masked_recording_replay_with_its_real_keys(tmp_path: Path) -> None:
    workspace, har, vault = keyed(tmp_path), tmp_path / "t.har", tmp_path / "t.secrets.json"
    where = ["--env-dir", str(workspace)]
    async with upstream_server(Upstream()) as upstream:
        way = f"up.test=http://127.0.0.1:{upstream.port}"
        async with recording(
            "--to", str(tmp_path / "k"), "-o", str(har), "--vault", str(vault), "--connect-to", way, *where
        ) as (process, url):
            status, _ = await get(f"{url}/k/x", headers={"X-Customer": SECRET})
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    assert status == 200
    assert SECRET not in har.read_text()
    rehearse = [
        "rehearse",
        "--traffic",
        str(har),
        "--before",
        "recorded",
        "--after",
        str(tmp_path / "k"),
        *where,
    ]
    for more, code in ((["--vault", str(vault)], 0), ([], 1)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "apiproxy_runtime", *rehearse, *more, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        assert process.returncode == code, told.decode()
