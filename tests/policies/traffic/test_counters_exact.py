"""Two hundred clients at once, two worker processes, one store: not one message too many, not one too few."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.house import proxy, show, steps, write_bundle

CLIENTS = 200
CALLS = 3
LIMIT = 137

QUOTA = f"""<Allow count="{LIMIT}"/><Interval>1</Interval><TimeUnit>hour</TimeUnit>"""
POLICIES = {
    "flexi": f'<Quota name="flexi" type="flexi">{QUOTA}</Quota>',
    "rolling": f'<Quota name="rolling" type="rollingwindow">{QUOTA}</Quota>',
    "count": f'<Quota name="count" type="flexi">{QUOTA}<CountOnly>true</CountOnly><SharedName>s</SharedName></Quota>',
    "rate": f'<SpikeArrest name="rate"><Rate>{LIMIT}pm</Rate><UseEffectiveCount>true</UseEffectiveCount></SpikeArrest>',
    "spike": '<SpikeArrest name="spike"><Rate>1pm</Rate></SpikeArrest>',
}


def bundle(folder: Path) -> Path:
    conditions = {name: f'request.queryparam.by = "{name}"' for name in POLICIES}
    used = "".join(f"{{ratelimit.{name}.used.count}}" for name in ("flexi", "rolling", "count", "rate"))
    files = {
        "proxies/default.xml": proxy(
            request=steps(**conditions), response=steps("show"), routes='<RouteRule name="none"/>'
        ),
        "policies/show.xml": show("show", X_Used=used),
    }
    return write_bundle(
        folder, "exact", files | {f"policies/{name}.xml": xml for name, xml in POLICIES.items()}
    )


@contextmanager
def served(folder: Path, state: str) -> Iterator[str]:
    """`apiproxy serve` with two workers; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apiproxy_runtime", "serve", str(bundle(folder)), "--no-control"]
    server = subprocess.Popen(
        [*command, "--workers", "2", "--state", state, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    )
    try:
        assert server.stdout is not None
        ready, lines = 0, []
        for line in server.stdout:
            lines.append(line)
            ready += line.startswith("Ready: ")
            if ready == 2:
                break
        assert ready == 2, lines
        yield f"http://127.0.0.1:{port}/t"
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0


async def storm(url: str, by: str) -> list[tuple[int, str]]:
    """Status and `X-Used` of every reply when all clients call at once, each over a connection of its own."""

    async def client(session: aiohttp.ClientSession) -> list[tuple[int, str]]:
        replies = []
        for _ in range(CALLS):
            async with session.get(url, params={"by": by}) as reply:
                replies.append((reply.status, reply.headers.get("X-Used", "")))
        return replies

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        found = await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    return [reply for replies in found for reply in replies]


@pytest.fixture(params=["sqlite", "redis"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        # a database of its own: other tests use the first
        return re.sub(r"/0$", "/7", url)
    return f"sqlite:{tmp_path}/state.db"


async def test_two_hundred_clients_are_counted_exactly(tmp_path: Path, state: str) -> None:
    every = CLIENTS * CALLS
    with served(tmp_path, state) as url:
        for by in ("flexi", "rolling", "rate"):
            replies = await storm(url, by)
            passed = sorted(int(used) for status, used in replies if status == 200)
            # each message has seen a count of its own: none was counted twice, none was lost
            assert passed == list(range(1, LIMIT + 1)), by
            assert [status for status, _ in replies].count(429) == every - LIMIT, by
        replies = await storm(url, "count")
        assert sorted(int(used) for _, used in replies) == list(range(1, every + 1))
        replies = await storm(url, "spike")
        assert [status for status, _ in replies].count(200) == 1
        assert [status for status, _ in replies].count(429) == every - 1
