"""Connections to one origin, kept for the next request."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from math import inf
from typing import NamedTuple

from apiproxy_runtime.gateway.http.errors import ConnectFailed, ConnectTimeout, DeadlineExceeded, TlsFailed
from apiproxy_runtime.gateway.http.forward_proxy import ForwardProxy, open_tunnel
from apiproxy_runtime.gateway.http.tls import TlsProfile, check_common_name, client_context
from apiproxy_runtime.gateway.http.upstream import Upstream


class Origin(NamedTuple):
    """Whom to call. Connections are shared by equal origins.

    `scheme` is "http" or "https"; `tls` says how to talk TLS (None: system authorities, verified); `proxy` is the
    forward proxy on the way, or None.
    """

    scheme: str
    host: str
    port: int
    tls: TlsProfile | None = None
    proxy: ForwardProxy | None = None


_VERIFIED = TlsProfile()


class Pool:
    """The connections to one origin; at most `most` at a time (0: any number)."""

    def __init__(self, origin: Origin, loop: asyncio.AbstractEventLoop, most: int, head_limit: int) -> None:
        self.origin = origin
        self.idle: list[Upstream] = []
        self._loop = loop
        self._most = most
        self._live: set[Upstream] = set()
        self._connecting = 0
        self._head_limit = head_limit
        self._waiting: deque[asyncio.Future[Upstream | None]] = deque()
        self.closed = False
        #: What Host says unless told otherwise.
        self.host_header = _authority(origin)
        secure = origin.scheme == "https"
        self._tls = (origin.tls or _VERIFIED) if secure else None
        proxy = origin.proxy
        #: Requests name the whole URL, since a forward proxy reads them.
        self.absolute = proxy is not None and not secure and not proxy.tunnel
        #: The line with the proxy's credentials, for such requests.
        self.authorization = ""
        if self.absolute and proxy is not None and proxy.authorization:
            self.authorization = f"Proxy-Authorization: {proxy.authorization}\r\n"

    def take(self) -> Upstream | None:
        """The connection used last, if one is idle."""
        idle = self.idle
        while idle:
            wire = idle.pop()
            if not wire.lost and not wire.transport.is_closing():
                wire.reused = True
                return wire
        return None

    async def connect(self, timeout: float, deadline: float) -> Upstream:
        """A new connection; when there are too many already, whichever is free first.

        Raises ConnectTimeout, ConnectFailed, TlsFailed, DeadlineExceeded.
        """
        start = self._loop.time()
        try:
            async with asyncio.timeout_at(min(start + timeout, deadline)):
                while self._most and len(self._live) + self._connecting >= self._most:
                    turn: asyncio.Future[Upstream | None] = self._loop.create_future()
                    self._waiting.append(turn)
                    try:
                        wire = await turn
                    except asyncio.CancelledError:
                        if turn.done() and not turn.cancelled():
                            self._next(turn.result())
                        raise
                    if wire is not None and not wire.lost and not wire.transport.is_closing():
                        wire.reused = True
                        return wire
                self._connecting += 1
                wire = None
                try:
                    wire = await self._open_one()
                finally:
                    self._connecting -= 1
                    if wire is None or wire.lost:
                        self._next(None)
                    else:
                        self._live.add(wire)
                profile = self._tls
                if profile is not None and profile.common_name:
                    self._check_name(wire, profile)
                return wire
        except TimeoutError as error:
            if deadline <= self._loop.time() + 0.002:
                raise DeadlineExceeded("the time for the whole call was used up while connecting") from error
            raise ConnectTimeout(f"no connection to {self._where} within {timeout:g} seconds") from error
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise TlsFailed(_tls_text(error)) from error
        except ConnectionRefusedError as error:
            raise ConnectFailed(f"no connection to {self._where}: refused") from error
        except ConnectionError as error:
            if self._tls is not None:
                raise TlsFailed(f"the TLS handshake with {self._where} was cut: {error}") from error
            raise ConnectFailed(f"no connection to {self._where}: {error}") from error
        except OSError as error:
            raise ConnectFailed(f"no connection to {self._where}: {error.strerror or error}") from error

    async def _open_one(self) -> Upstream:
        origin, profile = self.origin, self._tls
        context = client_context(profile) if profile is not None else None
        name = (profile.server_name or origin.host) if profile is not None else None

        def upstream() -> Upstream:
            return Upstream(self._loop, self._left, self._head_limit)

        wire: Upstream
        proxy = origin.proxy
        if proxy is not None and not self.absolute:
            wire = await open_tunnel(self._loop, proxy, origin.host, origin.port, upstream, context, name)
        else:
            host, port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
            _, wire = await self._loop.create_connection(
                upstream, host, port, ssl=context, server_hostname=name
            )
        return wire

    def _check_name(self, wire: Upstream, profile: TlsProfile) -> None:
        try:
            check_common_name(wire.transport.get_extra_info("ssl_object"), profile)
        except TlsFailed:
            wire.transport.abort()
            raise

    def give(self, wire: Upstream, seconds: float) -> None:
        """Keep a connection for at most `seconds`."""
        if self.closed or seconds <= 0:
            wire.transport.close()
        elif self._waiting:
            self._next(wire)
        else:
            wire.due_at(self._loop.time() + seconds)
            self.idle.append(wire)

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        self.closed = True
        for wire in self.idle:
            wire.transport.close()
        self.idle.clear()

    def _left(self, wire: Upstream) -> None:
        """A connection is gone."""
        self._live.discard(wire)
        if not wire.busy and wire in self.idle:
            self.idle.remove(wire)
        self._next(None)

    def _next(self, wire: Upstream | None) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(wire)
                return
        if wire is not None:
            self.give(wire, inf)

    @property
    def unused(self) -> bool:
        """There is no connection, and nobody waits for one."""
        return not self._live and not self._connecting and not self._waiting

    @property
    def _where(self) -> str:
        return f"{self.origin.host}:{self.origin.port}"


def _authority(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port == (443 if origin.scheme == "https" else 80):
        return host
    return f"{host}:{origin.port}"


def _tls_text(error: ssl.SSLError | ssl.CertificateError) -> str:
    text = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return str(text)
