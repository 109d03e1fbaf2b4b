"""Real servers and sockets for the wire's tests, on asyncio's loop and on uvloop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.connection import Handle
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.message.headers import Headers


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """serve(handle, limits=…, ssl=…) → a started Server; stopped after the test."""
    servers = []

    async def start(handle: Handle, limits: Limits | None = None, **more) -> Server:
        server = Server(handle, limits, **more)
        await server.start("127.0.0.1", 0)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop(0.2)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    client.close()


class Raw:
    """A socket spoken to by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self, *, bodyless: bool = False) -> tuple[str, dict[str, str], bytes]:
        """One response: status line, fields in lower case, body."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode(
            "utf-8", "surrogateescape"
        )
        first, *lines = head[:-4].split("\r\n")
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1)
            fields[name.lower()] = value
        if bodyless or first.split()[1] in ("204", "304") or first.split()[1].startswith("1"):
            return first, fields, b""
        if "content-length" in fields:
            return (
                first,
                fields,
                await asyncio.wait_for(self.reader.readexactly(int(fields["content-length"])), 10),
            )
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 5), 16)
                body += (await self.reader.readexactly(size + 2))[:-2]
                if not size:
                    return first, fields, body
        return first, fields, await self.rest()

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        return await asyncio.wait_for(self.reader.read(), 5)

    async def closed(self, seconds: float = 5) -> bool:
        """Whether the other side closes within the time, sending nothing more."""
        try:
            return await asyncio.wait_for(self.reader.read(), seconds) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def abort(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Awaitable[Raw]]]:
    """dial(port) → a Raw connection; closed after the test."""
    writers = []

    async def connect(port: int, **more) -> Raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **more)
        writers.append(writer)
        return Raw(reader, writer)

    yield connect
    for writer in writers:
        writer.close()
        with contextlib.suppress(Exception):
            await writer.wait_closed()


@pytest.fixture
async def script() -> AsyncIterator[Callable[..., Awaitable[Origin]]]:
    """script(talk) → the Origin of a server whose connections are run by `talk(raw, number)`."""
    servers = []
    tasks = set()

    async def start(talk: Callable[[Raw, int], Awaitable[None]]) -> Origin:
        count = 0

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            tasks.add(asyncio.current_task())
            try:
                await talk(Raw(reader, writer), count)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                tasks.discard(asyncio.current_task())
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        servers.append(server)
        return Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.sleep(0)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def echo() -> Handle:
    """A handler that answers with the body it got, and the request line as X-Line."""

    async def handle(exchange: Exchange) -> None:
        body = await exchange.read_body(1 << 30)
        line = f"{exchange.method} {exchange.target} HTTP/{exchange.version}"
        exchange.respond(200, "OK", Headers([("X-Line", line)]), body)

    return handle
