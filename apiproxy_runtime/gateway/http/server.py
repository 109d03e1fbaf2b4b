"""The listening side."""

from __future__ import annotations

import asyncio
import socket
import ssl

from apiproxy_runtime.gateway.http.connection import Connection, Handle
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.refusal import Render, plain


class Server:
    """Accepts connections and has `handle` answer their requests, one task for each connection.

    `render` words the answers to requests that never reach `handle`.
    """

    def __init__(
        self,
        handle: Handle,
        limits: Limits | None = None,
        *,
        ssl: ssl.SSLContext | None = None,
        render: Render = plain,
    ) -> None:
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self._handle = handle
        self._ssl = ssl
        self._render = render
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 when not started."""
        if self._server is None or not self._server.sockets:
            return 0
        return int(self._server.sockets[0].getsockname()[1])

    async def start(
        self, host: str, port: int, *, reuse_port: bool = False, sock: socket.socket | None = None
    ) -> None:
        """Listen on host and port (0: any free one), or on a socket that is bound already. Raises OSError."""
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(loop, self.limits, self._handle, self._render, self.connections)

        if sock is not None:
            self._server = await loop.create_server(connection, sock=sock, ssl=self._ssl, backlog=1024)
        else:
            self._server = await loop.create_server(
                connection, host, port, ssl=self._ssl, backlog=1024, reuse_port=reuse_port or None
            )

    async def stop(self, grace: float) -> None:
        """Stop accepting, close idle connections, let the requests in flight finish within `grace` seconds."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.stopping = True
            if connection.idle:
                connection.transport.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        running = {connection.task for connection in self.connections}
        if running:
            _, running = await asyncio.wait(running, timeout=grace)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        # What is left has been answered, and its client still reads or sends.
        while self.connections and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.transport.abort()
