"""`apiproxy serve` as a process, with its control port."""

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
