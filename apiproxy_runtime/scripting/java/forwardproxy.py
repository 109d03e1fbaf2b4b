"""The forward proxy that leads calls of Java callouts to where `--connect-to` says.

The sidecar sends it only what is to be led elsewhere. A plain request is passed on as it is, one per connection, its
Host header kept. A tunnel (CONNECT) reaches servers that speak TLS, for what is in it cannot be read here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl

from apiproxy_runtime.scripting.detour import Detour, Detours, find_detour

logger = logging.getLogger("apiproxy.java")

_LONGEST_HEAD = 256 * 1024
#: seconds that a server has to take a connection
_CONNECT_SECONDS = 30.0
#: headers that concern the connection to the proxy alone
_OWN = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"upgrade", b"http2-settings"))


class ForwardProxy:
    """Listens on a free port of this machine's loopback interface."""

    def __init__(self, detours: Detours) -> None:
        self.detours = detours
        self.port = 0
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and cut what is under way."""
        if self._server is not None:
            self._server.close()
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._lead(head, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            # the callout has gone away, or speaks no HTTP
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _lead(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, fields = head.partition(b"\r\n")
        method, _, rest = line.partition(b" ")
        target, _, version = rest.rpartition(b" ")
        tunnel = method == b"CONNECT"
        authority, path = (target, b"") if tunnel else _split(target)
        host, port = _host(authority, 443 if tunnel else 80)
        detour = find_detour(self.detours, host, port)
        if detour is None:
            await _refuse(writer, f"--connect-to says nothing of {host}:{port}")
            return
        if tunnel and not detour.secure:
            there = f"http://{detour.address}:{detour.port}"
            await _refuse(writer, f"--connect-to leads {host}:{port} to {there}, but the callout speaks TLS")
            return
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                there_reader, there_writer = await _connect(detour, host, tunnel)
        except (OSError, TimeoutError) as error:
            await _refuse(writer, f"{detour.address}:{detour.port} cannot be reached: {error}")
            return
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            else:
                there_writer.write(b" ".join((method, path, version)) + b"\r\n" + _passed_on(fields))
            await _both(reader, writer, there_reader, there_writer)
        finally:
            there_writer.close()


async def _connect(
    detour: Detour, host: str, tunnel: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if tunnel or not detour.secure:
        return await asyncio.open_connection(detour.address, detour.port)
    context = ssl.create_default_context()
    return await asyncio.open_connection(detour.address, detour.port, ssl=context, server_hostname=host)


def _split(target: bytes) -> tuple[bytes, bytes]:
    """Authority and path of an absolute target."""
    authority, slash, path = target.partition(b"://")[2].partition(b"/")
    return authority, slash + path or b"/"


def _host(authority: bytes, default: int) -> tuple[str, int]:
    text = authority.rpartition(b"@")[2].decode("latin-1")
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit():
        return host.strip("[]"), int(port)
    return text.strip("[]"), default


def _passed_on(fields: bytes) -> bytes:
    """The header fields for the server: one request, then the connection ends."""
    kept = [
        line for line in fields.split(b"\r\n") if line and line.partition(b":")[0].strip().lower() not in _OWN
    ]
    return b"\r\n".join((*kept, b"Connection: close", b"", b""))


async def _refuse(writer: asyncio.StreamWriter, why: str) -> None:
    logger.warning("a callout's request was not led elsewhere: %s", why)
    body = why.encode()
    head = (
        f"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    with contextlib.suppress(ConnectionError):
        await writer.drain()


async def _both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there_reader: asyncio.StreamReader,
    there_writer: asyncio.StreamWriter,
) -> None:
    """Copy in both directions until the server has said all."""
    sending = asyncio.get_running_loop().create_task(_copy(reader, there_writer))
    try:
        await _copy(there_reader, writer)
    finally:
        sending.cancel()
        await asyncio.wait([sending])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
