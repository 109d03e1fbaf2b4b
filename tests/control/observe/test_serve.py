"""`apiproxy serve` with its options for logs, hooks and several workers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.control.events.stage import Receiver, fails, serving, until
from tests.control.observe.process import free_port, served
from tests.house import write_bundle


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
