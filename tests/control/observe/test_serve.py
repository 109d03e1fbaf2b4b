"""`apiproxy serve` with its options for logs, hooks and several workers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.control.events.stage import Receiver, fails, serving, until
from tests.house import write_bundle


@dataclass
class Served:
    traffic: str
    control: str
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        async with self.session.request(method, self.control + path, **options) as response:
            text = await response.text()
            return json.loads(text) if text[:1] in "{[" else text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def served(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[Served]:
    """A running process, or several."""
    command = [sys.executable, "-m", "apiproxy_runtime", "serve", *arguments, "--control-port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    found: dict[str, str] = {}
    printed = ""
    async with asyncio.timeout(30):
        while len(found) < 2:
            line = (await process.stdout.readline()).decode()
            printed += line
            assert line, printed
            if match := re.match(r"(Control|Ready): (http://\S+)", line):
                found[match[1]] = match[2]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        one = Served(found["Ready"], found["Control"], process, session)
        # the control API is loaded while traffic is served already
        async with asyncio.timeout(20):
            while (await one.ask("GET", "/ready"))["status"] != "ready":
                await asyncio.sleep(0.05)
        try:
            yield one
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def test_functions_of_the_configuration_file_are_called(tmp_path: Path) -> None:
    (tmp_path / "alarms.py").write_text(
        "def note(data, event, source, pid):\n"
        "    with open('noted', 'a') as file:\n"
        "        file.write(f'{source}/{event} {data[\"status\"]}\\n')\n"
        "    return True\n"
    )
    (tmp_path / "hooks.yaml").write_text("lambdas:\n  note: alarms.py:note\n")
    bundle = fails(tmp_path)
    arguments = (str(bundle), "--port", "0", "--state", "memory", "--event-hooks", "hooks.yaml")
    async with served(tmp_path, *arguments) as one:
        hook = {"source": "faults", "handler": "lambda", "config": {"functions": ["note"]}}
        await one.ask("POST", "/event-hooks", json=hook)
        async with one.session.get(f"{one.traffic}/fails") as response:
            assert response.status == 418
        await until((tmp_path / "noted").exists)
        await until(lambda: (tmp_path / "noted").read_text())

    assert (tmp_path / "noted").read_text() == "faults/raised 418\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("lambdas: {note: 'alarms.py:nobody'}", "alarms.py has no function nobody"),
        ("lambdas: {note: 'missing.py:note'}", "missing.py cannot be loaded"),
        ("lambdas: {note: 'note'}", '"note" must be MODULE:FUNCTION or FILE.py:FUNCTION'),
        ("hooks: []", 'must be a mapping with the one key "lambdas"'),
        ("lambdas: [", "hooks.yaml cannot be read"),
    ],
)
async def test_configuration_file_that_is_wrong_is_refused_at_start(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "alarms.py").write_text("")
    (tmp_path / "hooks.yaml").write_text(content)
    command = [sys.executable, "-m", "apiproxy_runtime", "serve", "--state", "memory", "--no-control"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--event-hooks", "hooks.yaml"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()

    assert process.returncode == 2
    assert message in printed.decode()


async def test_workers_are_counted_together_and_all_tell_hooks_that_one_of_them_made(tmp_path: Path) -> None:
    receiver = Receiver()
    application = aiohttp.web.Application()
    application.router.add_route("*", "/{tail:.*}", receiver.handle)
    options = ("--port", str(free_port()), "--workers", "2", "--access-log", "access.log")
    bundle = fails(tmp_path)
    async with serving(application) as url, served(tmp_path, str(bundle), *options) as one:
        config = {"url": url}
        await one.ask(
            "POST", "/event-hooks", json={"source": "faults", "handler": "webhook", "config": config}
        )
        # the other worker looks for new hooks every two seconds
        await asyncio.sleep(2.5)
        for _ in range(40):
            async with one.session.get(f"{one.traffic}/fails") as response:
                assert response.status == 418
        await until(lambda: len(receiver.events()) == 40)
        metrics = await one.ask("GET", "/metrics")
        await asyncio.sleep(0.5)
        logged = (tmp_path / "access.log").read_text().splitlines()

    series = 'apiproxy_requests_total{environment="test",method="GET",proxy="fails",status="418"} 40.0'
    assert series in metrics
    assert [json.loads(line)["status"] for line in logged] == [418] * 40


async def test_hooks_are_there_again_after_a_killed_process(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path,
        "none",
        {
            "proxies/default.xml": "<ProxyEndpoint name='default'><HTTPProxyConnection><BasePath>/n</BasePath></HTTPProxyConnection><RouteRule name='n'/></ProxyEndpoint>"
        },
    )
    async with served(tmp_path, str(bundle), "--port", "0") as one:
        made = await one.ask("POST", "/event-hooks", json={"source": "faults", "handler": "log"})
        one.process.kill()
        await one.process.wait()
    async with served(tmp_path, str(bundle), "--port", "0") as one:
        listed = await one.ask("GET", "/event-hooks")

    assert listed["data"] == [made]
