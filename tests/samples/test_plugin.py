"""The example of a policy package: what docs/write-a-policy.md shows, installed and run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from tests.control.events.stage import Receiver, serving, until
from tests.control.observe.process import served

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "samples" / "plugin"
GUIDE = ROOT / "docs" / "write-a-policy.md"
_LISTING = re.compile(r"^`(samples/[^`]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_shows_the_files_as_they_are() -> None:
    shown = dict(_LISTING.findall(GUIDE.read_text()))

    assert set(shown) == {
        "samples/plugin/pyproject.toml",
        "samples/plugin/apiproxy_policy_lookup/lookup.py",
        "samples/plugin/apiproxy/policies/LK-City.xml",
    }
    for name, text in shown.items():
        assert text == (ROOT / name).read_text(), f"docs/write-a-policy.md shows another {name}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed the package into."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(PLUGIN)], check=True)
    return target


@pytest.fixture
async def directory() -> AsyncIterator[str]:
    """The other service: it knows one person well, and one without address."""

    async def handle(request: web.BaseRequest) -> web.Response:
        answers = {
            "/people/7": web.json_response({"address": {"city": "Utrecht"}}),
            "/people/8": web.json_response({}),
            "/people/9": web.Response(text="<html>"),
        }
        return answers.get(request.path) or web.Response(status=404)

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve(installed: Path, directory: str, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts the runtime on the sample bundle, its policy replaced by another if one is given."""
    processes = []

    async def start(policy: str | None = None) -> str:
        bundle = tmp_path / "apiproxy"
        for file in (PLUGIN / "apiproxy").rglob("*.xml"):
            copy = bundle / file.relative_to(PLUGIN / "apiproxy")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text())
        if policy is not None:
            (bundle / "policies" / "LK-City.xml").write_text(policy)
        command = [sys.executable, "-m", "apiproxy_runtime.cli.main", "serve", str(bundle)]
        options = ["--port", "0", "--no-control", "--state", "memory"]
        process = await asyncio.create_subprocess_exec(
            *command,
            *options,
            "--connect-to",
            f"directory.example.com={directory}",
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join((str(installed), str(ROOT), str(ROOT / "policies")))},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        processes.append(process)
        assert process.stdout is not None
        printed = ""
        async for line in process.stdout:
            printed += line.decode()
            if ready := re.search(r"Ready: (http://\S+)", printed):
                return ready[1]
        return printed

    yield start
    for process in processes:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def get(url: str) -> tuple[int, str | None, str]:
    """Status, the header, and the body."""
    async with ClientSession() as session, session.get(url) as response:
        return response.status, response.headers.get("X-City"), await response.text()


async def test_installed_policy_decorates_the_response(serve: Serve) -> None:
    address = await serve()
    status, city, _ = await get(f"{address}/people?id=7")

    assert (status, city) == (200, "Utrecht")


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("1", "the service answered 404"),
        ("8", "the answer has no $.address.city"),
        ("9", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
async def test_failure_ends_the_request_with_500(serve: Serve, person: str, reason: str) -> None:
    status, city, body = await get(f"{await serve()}/people?id={person}")

    assert (status, city) == (500, None)
    assert json.loads(body) == {
        "fault": {
            "faultstring": f"Lookup LK-City failed. Reason: {reason}",
            "detail": {"errorcode": "steps.lookup.LookupFailed"},
        }
    }


async def test_failure_is_passed_over_with_continue_on_error(serve: Serve) -> None:
    policy = (PLUGIN / "apiproxy/policies/LK-City.xml").read_text()
    address = await serve(policy.replace("<Lookup ", '<Lookup continueOnError="true" '))
    status, city, _ = await get(f"{address}/people?id=1")

    assert (status, city) == (200, None)


async def test_default_takes_the_place_of_the_value(serve: Serve) -> None:
    policy = (PLUGIN / "apiproxy/policies/LK-City.xml").read_text()
    address = await serve(policy.replace("</Lookup>", "<Default>unknown</Default></Lookup>"))

    assert [(await get(f"{address}/people?id={person}"))[1] for person in "17"] == ["unknown", "Utrecht"]


async def test_failure_is_an_event_that_hooks_can_have(
    installed: Path, directory: str, tmp_path: Path
) -> None:
    path = os.pathsep.join((str(installed), str(ROOT), str(ROOT / "policies")))
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", receiver.handle)
    options = ("--port", "0", "--state", "memory", "--connect-to", f"directory.example.com={directory}")
    async with (
        serving(application) as url,
        served(tmp_path, str(PLUGIN / "apiproxy"), *options, PYTHONPATH=path) as one,
    ):
        source = await one.ask("GET", "/event-hooks/sources/lookup")
        hook = {"source": "lookup", "event": "failed", "handler": "webhook", "on_change": True}
        await one.ask("POST", "/event-hooks", json={**hook, "config": {"url": url}})
        for _ in range(3):
            await get(f"{one.traffic}/people?id=1")
        await until(receiver.events)

    assert source == {
        "data": {
            "failed": {
                "fields": ["environment", "proxy", "policy", "reason"],
                "unique": ["proxy", "policy"],
                "description": "A Lookup got no value from its service",
            }
        }
    }
    assert receiver.events() == [
        {
            "source": "lookup",
            "event": "failed",
            "environment": "test",
            "proxy": "people",
            "policy": "LK-City",
            "reason": "the service answered 404",
        }
    ]


async def test_declaration_refuses_what_is_wrong_at_deploy_time(serve: Serve) -> None:
    printed = await serve("""<Lookup name="LK-City">
  <URL>https://directory.example.com</URL>
  <JSONPath>$.[</JSONPath>
  <Timeout>soon</Timeout>
</Lookup>""")

    assert "policies/LK-City.xml:1" in printed
    assert "<Header>" in printed
    assert "policies/LK-City.xml:4" in printed
    assert '"soon"' in printed
