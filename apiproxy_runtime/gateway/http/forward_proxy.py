"""A forward proxy between the gateway and its targets."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable, Mapping
from typing import TypeVar, cast
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from apiproxy_runtime.gateway.http.errors import ConnectFailed, TunnelRefused
from apiproxy_runtime.gateway.http.wire import Wire

AnyWire = TypeVar("AnyWire", bound=Wire)
_HEAD_LIMIT = 16 * 1024


class ForwardProxy(Struct, frozen=True):
    """`authorization` is the value of Proxy-Authorization, or "".

    Targets with TLS are reached through a CONNECT tunnel; the others too when `tunnel` is set, as the Apigee property
    `use.proxy.tunneling` has it, else by naming the whole URL in the request line.
    """

    host: str
    port: int
    authorization: str = ""
    tunnel: bool = True


def parse(url: str, tunnel: bool = True) -> ForwardProxy:
    """`http://[user:password@]host[:port]`, or `host:port`. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a forward proxy is written http://HOST:PORT, not {url!r}")
    authorization = ""
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(credentials.encode()).decode()
    return ForwardProxy(parts.hostname, parts.port or 80, authorization, tunnel)


def from_environment(
    scheme: str, host: str, environment: Mapping[str, str] = os.environ, tunnel: bool = True
) -> ForwardProxy | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or their lower-case forms) name for a target.

    Raises ValueError.
    """
    exempt = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    for entry in exempt.split(","):
        suffix = entry.strip().lower().removeprefix("*").removeprefix(".")
        if entry.strip() == "*" or (
            suffix and (host.lower() == suffix or host.lower().endswith(f".{suffix}"))
        ):
            return None
    name = f"{scheme}_proxy"
    url = environment.get(name) or environment.get(name.upper())
    return parse(url, tunnel) if url else None


class _Handshake(asyncio.Protocol):
    """Sends CONNECT and waits for the head of the answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, request: bytes) -> None:
        self.answer: asyncio.Future[bytes] = loop.create_future()
        self._request = request
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.answer.done():
            return
        if b"\r\n\r\n" in self._head:
            self.answer.set_result(self._head)
        elif len(self._head) > _HEAD_LIMIT:
            self.answer.set_exception(ConnectFailed("the forward proxy's answer to CONNECT is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectFailed("the forward proxy closed the connection during CONNECT"))


async def open_tunnel(
    loop: asyncio.AbstractEventLoop,
    proxy: ForwardProxy,
    host: str,
    port: int,
    wire_of: Callable[[], AnyWire],
    context: ssl.SSLContext | None,
    server_name: str | None,
) -> AnyWire:
    """A connection to host:port through the proxy, with TLS inside when a context is given.

    Raises TunnelRefused, ConnectFailed, OSError (with ssl.SSLError).
    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    request = "\r\n".join([*lines, "", ""]).encode()
    made, handshake = await loop.create_connection(lambda: _Handshake(loop, request), proxy.host, proxy.port)
    transport: asyncio.Transport | None = made
    try:
        head = await handshake.answer
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        words = line.split(" ", 2)
        status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
        if not 200 <= status < 300:
            raise TunnelRefused(
                f"the forward proxy {proxy.host}:{proxy.port} refused the tunnel: {line}", status
            )
        wire = wire_of()
        if context is not None:
            transport = await loop.start_tls(made, wire, context, server_hostname=server_name)
            if transport is None:
                raise ConnectFailed("the connection was lost during the TLS handshake")
        else:
            made.set_protocol(wire)
        wire.connection_made(made if transport is None else transport)
        return wire
    except BaseException:
        made.abort()
        raise
