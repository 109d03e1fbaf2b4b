"""Clients from npm in a process of their own, called one line at a time, against a whole control port."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.control.house import ControlHouse, control_house

#: Seconds that one call may take, on a machine that is busy with other tests.
PATIENCE = 60
ORGANIZATION = "acme"
_DRIVER = Path(__file__).with_name("clients.cjs")


class ClientFailed(Exception):
    """What the client says of its failure."""


@dataclass
class Clients:
    """`house` is the server that the clients talk to."""

    house: ControlHouse
    modules: Path
    process: asyncio.subprocess.Process

    async def call(self, **call: Any) -> Any:
        """The result of a call of clients.cjs. Raises ClientFailed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(call).encode() + b"\n")
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        outcome = json.loads(line)
        if "error" in outcome:
            raise ClientFailed(outcome["error"])
        return outcome["result"]

    async def tool(self, command: str, *options: str) -> Any:
        """An apigeetool command with its command line's options."""
        return await self.call(apigeetool=[command, *self.login(), *options])

    def login(self) -> list[str]:
        return ["-L", self.house.control, "-o", ORGANIZATION, "-u", "me@example.com", "-p", "secret"]

    async def edge(self, method: str, *arguments: Any) -> Any:
        """A method of apigee-edge-js, such as `proxies.deploy`."""
        return await self.call(edge=[method, *arguments])

    async def text(self, path: str) -> str:
        """What the traffic port answers."""
        return (await self.house.call(path)).text


@contextlib.asynccontextmanager
async def clients(modules: Path) -> AsyncIterator[Clients]:
    """Clients and an empty server."""
    async with control_house() as house:
        house.host.here.address = house.traffic
        process = await asyncio.create_subprocess_exec(
            "node",
            str(_DRIVER),
            str(modules),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=16 * 1024 * 1024,
        )
        try:
            yield Clients(house, modules, process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()


def written(folder: Path, files: Mapping[str, str]) -> str:
    """Files in a folder; its path."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return str(folder)
