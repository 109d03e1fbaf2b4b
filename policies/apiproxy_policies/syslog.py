"""A syslog server at the other end: lines go out in the background, over UDP, TCP or TLS."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from ssl import SSLContext, SSLError

from apiproxy_runtime.policy.api import MessageContext, Site, SSLInfo

logger = logging.getLogger("apiproxy")

#: Lines held for a server that does not take them; beyond it the oldest are lost.
HELD = 10_000
#: Seconds until a connection that failed is tried again.
PAUSE = 1.0


class Syslog:
    """The connections to the servers one policy writes to: usually one, more when Host is a template."""

    def __init__(self, site: Site, protocol: str, port: int, info: SSLInfo | None) -> None:
        self.site = site
        self.protocol = protocol
        self.port = port
        self.tls = site.services.targets.client_tls(info, site) if info is not None else None
        self._lines: dict[str, Lines] = {}

    def send(self, ctx: MessageContext, host: str, line: str) -> None:
        """Queue a line; returns at once."""
        if self.site.egress.log(host, self.port, line):
            return
        lines = self._lines.get(host)
        if lines is None:
            address, port, _ = self.site.egress.resolve(host, self.port)
            context = self.tls(ctx) if self.tls is not None else None
            lines = self._lines[host] = Lines(self.protocol, address, port, context, host)
        lines.waiting.append(line)
        if not lines.busy:
            lines.busy = True
            self.site.services.spawn(lines.deliver())


class Lines:
    """The lines for one server, and its connection."""

    def __init__(self, protocol: str, address: str, port: int, tls: SSLContext | None, host: str) -> None:
        self.protocol = protocol
        self.address = address
        self.port = port
        self.tls = tls
        self.host = host
        self.waiting: deque[str] = deque(maxlen=HELD)
        self.busy = False
        self._writer: asyncio.StreamWriter | None = None
        self._datagrams: asyncio.DatagramTransport | None = None

    async def deliver(self) -> None:
        """Send what waits; a server that cannot be reached is tried three times, then its lines are dropped."""
        try:
            for _ in range(3):
                try:
                    await (self._by_datagram() if self.protocol == "UDP" else self._by_stream())
                    return
                except (OSError, SSLError) as error:
                    self._writer = None
                    logger.info("Syslog server %s:%s: %s", self.address, self.port, error)
                    await asyncio.sleep(PAUSE)
            logger.warning(
                "Syslog server %s:%s is out of reach; %d lines are lost",
                self.address,
                self.port,
                len(self.waiting),
            )
            self.waiting.clear()
        finally:
            self.busy = False

    async def _by_datagram(self) -> None:
        if self._datagrams is None or self._datagrams.is_closing():
            self._datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=(self.address, self.port)
            )
        while self.waiting:
            self._datagrams.sendto(self.waiting.popleft().encode())

    async def _by_stream(self) -> None:
        if self._writer is None or self._writer.is_closing():
            _, self._writer = await asyncio.open_connection(
                self.address,
                self.port,
                ssl=self.tls,
                server_hostname=self.host if self.tls is not None else None,
            )
        while self.waiting:
            self._writer.write(self.waiting[0].encode() + b"\n")
            await self._writer.drain()
            self.waiting.popleft()
