"""The yardstick: a bare reverse proxy on aiohttp's server, connector and parser, on uvloop. It is no gateway.

It has no target timeout, no retry on a stale connection, no HEAD and no chunked upload; what it costs is what aiohttp
can do at best. It uses aiohttp's semi-private parts on purpose: that is the measure.

    python -m bench.yardstick PORT UPSTREAM_PORT [CALLOUT_PATH]
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
    )
)
NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class Dropped(dict[bytes, bool]):
    """Raw header name → whether it is left out."""

    def __missing__(self, name: bytes) -> bool:
        self[name] = dropped = name.lower() in HOP_BY_HOP
        return dropped


DROPPED = Dropped()


class Written(web.StreamResponse):
    """A response that is one piece of bytes, written at once."""

    def __init__(self, data: bytes, keep_alive: bool) -> None:
        self._data = data
        self._status = 200
        self._ka = keep_alive
        self._eof_sent = False
        self._payload_writer = None

    @property
    def keep_alive(self) -> bool:
        return self._ka

    @property
    def prepared(self) -> bool:
        return True

    async def prepare(self, request: Any) -> None:
        self._req = request

    async def write_eof(self, data: bytes = b"") -> None:
        protocol = self._req._protocol
        if protocol.transport is None or protocol.transport.is_closing():
            raise ConnectionResetError
        protocol.transport.write(self._data)
        if protocol._paused:
            await protocol._drain_helper()


class Yardstick:
    def __init__(self, session: aiohttp.ClientSession, port: int, callout: str) -> None:
        self.connector = session.connector
        self.host = f"127.0.0.1:{port}".encode()
        self.request = ClientRequest(
            "GET", URL(f"http://127.0.0.1:{port}"), loop=asyncio.get_running_loop(), session=session
        )
        self.callout = callout

    async def call(self, data: bytes) -> tuple[Any, bytes]:
        connection = await self.connector.connect(self.request, [], NO_TIMEOUT)
        protocol = connection.protocol
        if protocol._parser is None:
            protocol.set_response_params(
                skip_payload=False,
                read_until_eof=True,
                auto_decompress=False,
                read_timeout=None,
                read_bufsize=65536,
            )
        protocol.transport.write(data)
        message, payload = await protocol.read()
        if payload.is_eof():
            body = payload.read_nowait(-1) if payload.total_bytes else b""
        else:
            body = await payload.read()
        connection.release()
        return message, body

    def head(self, method: str, path: str, headers: Any, body: bytes) -> bytes:
        lines = [b"%b %b HTTP/1.1\r\nHost: %b" % (method.encode(), path.encode(), self.host)]
        lines += [b"%b: %b" % field for field in headers if not DROPPED[field[0]]]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(b"Content-Length: %d\r\n\r\n" % len(body))
        else:
            lines.append(b"\r\n")
        return b"\r\n".join(lines) + body

    async def handle(self, request: Any) -> web.StreamResponse:
        body = await request.read() if request.body_exists else b""
        message = request._message
        if self.callout:
            await self.call(self.head("GET", self.callout, ((b"Accept", b"*/*"),), b""))
        answer, data = await self.call(self.head(message.method, message.path, message.raw_headers, body))
        lines = [b"HTTP/1.1 %d %b" % (answer.code, answer.reason.encode())]
        lines += [b"%b: %b" % field for field in answer.raw_headers if not DROPPED[field[0]]]
        lines += [b"Content-Length: %d\r\n" % len(data), data]
        return Written(b"\r\n".join(lines), not message.should_close)


async def main(port: int, upstream: int, callout: str) -> None:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, limit_per_host=0))
    yardstick = Yardstick(session, upstream, callout)
    runner = web.ServerRunner(web.Server(yardstick.handle, auto_decompress=False, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
