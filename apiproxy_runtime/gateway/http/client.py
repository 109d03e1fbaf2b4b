"""Calls to targets, over connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import inf

from apiproxy_runtime.gateway.http.errors import UnexpectedEof, WireError
from apiproxy_runtime.gateway.http.framing import JOINED
from apiproxy_runtime.gateway.http.head import request_head
from apiproxy_runtime.gateway.http.pool import Origin, Pool
from apiproxy_runtime.gateway.http.tunnel import Tunnel
from apiproxy_runtime.gateway.http.upstream import Upstream
from apiproxy_runtime.message.headers import Headers

_MANY = 1024
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


class Response:
    """A target's answer.

    `body` is the whole body, unless the call was streamed: then iterate `chunks()` once, and `release()` when you do
    not read to the end. `parts` are the pieces of a whole body as they came, for passing on without joining them.
    `tunnel` is set when the target has agreed to an upgrade (status 101).
    """

    __slots__ = (
        "_keep_seconds",
        "_pool",
        "_upload",
        "_wire",
        "headers",
        "parts",
        "reason",
        "status",
        "streamed",
        "tunnel",
        "version",
    )

    def __init__(
        self,
        wire: Upstream,
        pool: Pool,
        keep_seconds: float,
        upload: asyncio.Task[None] | None,
    ) -> None:
        self.status = wire.status
        self.reason = wire.reason
        self.version = wire.version
        self.headers = Headers()
        self.headers.fields = wire.fields
        self.parts: list[bytes] = []
        self.tunnel: Tunnel | None = None
        #: Whether the body is to be read from `chunks`.
        self.streamed = False
        self._wire: Upstream | None = wire
        self._pool = pool
        self._keep_seconds = keep_seconds
        self._upload = upload

    @property
    def body(self) -> bytes:
        """The whole body of an answer that was not streamed."""
        parts = self.parts
        if len(parts) > 1:
            parts[:] = [b"".join(parts)]
        return parts[0] if parts else b""

    @property
    def size(self) -> int:
        """Length of the whole body in bytes."""
        return sum([len(part) for part in self.parts])

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece; the target is made to wait while nobody asks for the next.

        Raises ReadTimeout, DeadlineExceeded, UnexpectedEof, BadResponse.
        """
        try:
            for part in self.parts:
                yield part
            while (wire := self._wire) is not None:
                if wire.parts:
                    for part in wire.take():
                        yield part
                elif wire.complete:
                    return
                else:
                    await wire.more()
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the connection: it is kept when the answer was read to its end, otherwise closed."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        upload, self._upload = self._upload, None
        if upload is not None and not upload.done():
            upload.cancel()
            wire.persists = False
        wire.busy = False
        if wire.complete and wire.persists:
            self._pool.give(wire, self._keep_seconds)
        elif not wire.lost:
            if wire.complete:
                wire.transport.close()
            else:
                wire.transport.abort()


class HttpClient:
    """Sends requests. One for each event loop.

    `max_connections` bounds the connections to one origin (0: no bound); `head_limit` is the size of an answer's head
    in bytes (60 KB as on the Apigee documentation page "Limits").
    """

    def __init__(self, *, max_connections: int = 0, head_limit: int = 60 * 1024) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_connections = max_connections
        self._head_limit = head_limit
        self._pools: dict[Origin, Pool] = {}

    def pool(self, origin: Origin) -> Pool:
        """The connections to an origin."""
        pool = self._pools.get(origin)
        if pool is None:
            if len(self._pools) >= _MANY:
                # Targets may come out of requests: forget those that are no longer called.
                self._pools = {known: each for known, each in self._pools.items() if not each.unused}
            pool = self._pools[origin] = Pool(origin, self._loop, self._max_connections, self._head_limit)
        return pool

    def close(self) -> None:
        """Close idle connections now, the others when their exchange is over."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    async def send(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | list[bytes] | AsyncIterator[bytes] | None = None,
        *,
        host_header: str | None = None,
        connect_timeout: float = 3.0,
        io_timeout: float = 55.0,
        deadline: float = inf,
        stream: bool | None = False,
        limit: int = 10 * 1024 * 1024,
        keep_alive: float = 60.0,
        upgrade: str = "",
    ) -> Response:
        """Send a request and wait for its answer; with `stream`, for the answer's head.

        `stream` None streams server-sent events, which may never end, and waits for the whole of anything else.

        `target` goes on the request line as it is. Host comes from `host_header` or the origin; Content-Length and
        Transfer-Encoding from the body (an iterator is sent with the Content-Length of `headers`, or chunked);
        hop-by-hop fields are left out. Times are seconds: `io_timeout` for each wait, `deadline` in loop time for all
        of it, `keep_alive` for the connection afterwards. `limit` is the size of a whole body in bytes.

        A kept connection that the target closes before answering anything is replaced once by a new one, unless the
        body is an iterator.

        Raises ConnectFailed, ConnectTimeout, TlsFailed, ReadTimeout, DeadlineExceeded, BadResponse, UnexpectedEof,
        BodyTooBig, HeaderInjection, and whatever a body iterator raises.
        """
        pool = self._pools.get(origin) or self.pool(origin)
        extra = ""
        single = b""
        pieces: list[bytes] = []
        source: AsyncIterator[bytes] | None = None
        chunked = False
        if not body:
            if method in _WITH_BODY:
                extra = "Content-Length: 0\r\n"
        elif isinstance(body, bytes):
            extra = f"Content-Length: {len(body)}\r\n"
            single = body
        elif isinstance(body, list):
            extra = f"Content-Length: {sum([len(piece) for piece in body])}\r\n"
            pieces = body
        else:
            source = body
            declared = headers.get("content-length")
            chunked = declared is None or not declared.isdecimal()
            extra = "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {declared}\r\n"
        if upgrade:
            extra += f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n"
        if pool.absolute:
            target = f"http://{pool.host_header}{target}"
            extra += pool.authorization
        head = request_head(method, target, host_header or pool.host_header, headers.fields, extra)
        wire = pool.take()
        if wire is None:
            wire = await pool.connect(connect_timeout, deadline)
        while True:
            wire.begin(method == "HEAD", stream, limit, io_timeout, deadline, upgrade != "")
            if single and len(single) <= JOINED:
                wire.transport.write(head + single)
            elif single:
                wire.write_pieces((head, single))
            elif pieces:
                _write_pieces(wire, head, pieces)
            else:
                wire.transport.write(head)
            upload = None
            if source is not None:
                upload = self._loop.create_task(_upload(wire, source, chunked))
            try:
                while not wire.ready:
                    await wire.turn
            except BaseException:
                # Cancelled: the answer, if one comes, belongs to nobody.
                if upload is not None:
                    upload.cancel()
                wire.busy = False
                wire.transport.abort()
                raise
            response = Response(wire, pool, keep_alive, upload)
            failure = wire.failure
            if failure is None:
                if wire.upgraded:
                    response.tunnel = wire.tunnel()
                elif wire.complete and not stream:
                    response.parts = wire.parts
                    response.release()
                else:
                    response.streamed = True
                return response
            wire.busy = False
            if upload is not None:
                upload.cancel()
            if isinstance(failure, UnexpectedEof) and wire.reused and not wire.started and source is None:
                wire = await pool.connect(connect_timeout, deadline)
                continue
            raise failure


def _write_pieces(wire: Upstream, head: bytes, pieces: list[bytes]) -> None:
    if sum([len(piece) for piece in pieces]) <= JOINED:
        wire.transport.write(b"".join((head, *pieces)))
    else:
        wire.write_pieces((head, *pieces))


async def _upload(wire: Upstream, source: AsyncIterator[bytes], chunked: bool) -> None:
    """Send a body as its pieces come; a failure of the source ends the exchange."""
    try:
        # While the source is slow, that is not the target's fault.
        wire.due = wire.deadline
        async for piece in source:
            if wire.lost:
                return
            if not piece:
                continue
            if chunked:
                wire.write_pieces((b"%x\r\n" % len(piece), piece, b"\r\n"))
            else:
                wire.transport.write(piece)
            while wire.writing_paused and not wire.lost:
                wire.touch()
                await wire.drained
                wire.due = wire.deadline
        if chunked:
            wire.transport.write(b"0\r\n\r\n")
        wire.touch()
    except WireError as error:
        wire.fail(error)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        failure = WireError(f"the request body could not be read: {error}")
        failure.__cause__ = error
        wire.fail(failure)
