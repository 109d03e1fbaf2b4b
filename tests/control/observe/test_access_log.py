"""The access log."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from apiproxy_runtime.control.observe.accesslog import AccessLog
from tests.control.events.stage import echoes, fails, until
from tests.house import House, house

COMBINED = re.compile(r'^(\S+) - (\S+) \[[^\]]+\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"$')


def attach(running: House, path: Path, form: str = "json") -> AccessLog:
    log = AccessLog(str(path), form)
    log.attach(running.runtime)
    return log


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_line_tells_who_asked_what_and_how_it_was_answered(tmp_path: Path) -> None:
    async with house(echoes(tmp_path), fails(tmp_path)) as running:
        log = attach(running, tmp_path / "access.log")
        sent = {"X-Forwarded-For": "10.0.0.9", "User-Agent": "me", "Authorization": "Bearer s3cret"}
        await running.get("/echoes/a?apikey=s3cret&b=1", headers=sent)
        await running.get("/fails")
        await running.get("/nowhere?token=s3cret")
        log.close()

    assert "s3cret" not in (tmp_path / "access.log").read_text()
    echoed, failed, nowhere = lines(tmp_path / "access.log")
    assert (echoed["client"], echoed["method"], echoed["uri"]) == (
        "10.0.0.9",
        "GET",
        "/echoes/a?apikey=REDACTED&b=1",
    )
    assert (echoed["status"], echoed["proxy"], echoed["target"], echoed["target_host"]) == (
        200,
        "echoes",
        "default",
        "up.test",
    )
    assert echoed["duration"] >= echoed["target_duration"] > 0
    assert echoed["bytes"] > 0
    assert echoed["user_agent"] == "me"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", echoed["time"])
    assert (failed["status"], failed["fault"], failed["policy"]) == (418, "RaiseFault", "RF-No")
    assert (nowhere["status"], nowhere["uri"]) == (404, "/nowhere?token=REDACTED")
    assert (nowhere["fault"], nowhere["bytes"] > 100) == ("ApplicationNotFound", True)
    assert "proxy" not in nowhere


async def test_combined_lines_cannot_be_broken_by_what_callers_send(tmp_path: Path) -> None:
    async with house(echoes(tmp_path)) as running:
        log = attach(running, tmp_path / "access.log", "combined")
        await running.get("/echoes", headers={"User-Agent": 'x" 200 \\', "Referer": "http://a/?token=s3cret"})
        log.close()

    (line,) = (tmp_path / "access.log").read_text().splitlines()
    match = COMBINED.match(line)
    assert match is not None, line
    assert match[3] == "GET /echoes HTTP/1.1"
    assert match[4] == "200"
    assert match[6] == "http://a/?token=REDACTED"
    assert match[7] == r"x\x22 200 \x5c"


async def test_client_that_left_is_logged_with_499(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(5)
        return web.Response()

    async with house(echoes(tmp_path), answer=slow) as running:
        log = attach(running, tmp_path / "access.log")
        async with aiohttp.ClientSession() as client:
            call = asyncio.create_task(client.get(f"{running.url}/echoes"))
            await asked.wait()
            call.cancel()
        await until((tmp_path / "access.log").read_text)
        log.close()

    assert [line["status"] for line in lines(tmp_path / "access.log")] == [499]


async def test_lines_are_written_soon_and_into_a_new_file_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    async with house(echoes(tmp_path)) as running:
        log = attach(running, path)
        await running.get("/echoes/1")
        await until(path.read_text)
        path.rename(tmp_path / "access.log.1")
        await running.get("/echoes/2")
        log.close()

    assert [line["uri"] for line in lines(tmp_path / "access.log.1")] == ["/echoes/1"]
    assert [line["uri"] for line in lines(path)] == ["/echoes/2"]


async def test_full_disk_costs_lines_and_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house(echoes(tmp_path)) as running:
        log = attach(running, Path("/dev/full"))
        statuses = []
        for _ in range(2):
            statuses.append((await running.get("/echoes")).status)
            log.write()
        log.close()

    assert statuses == [200, 200]
    assert caplog.text.count("The access log cannot be written") == 1
