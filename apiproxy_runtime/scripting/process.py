"""A child process that runs code of bundles and talks in frames over its standard input and output.

A frame is four bytes of length, big-endian, and that many bytes. Standard error is for people: its lines go to the
log. The child ends by itself when its standard input does, so that none outlives the runtime, however that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import cast

from apiproxy_runtime.message.context import MessageContext

LENGTH = Struct(">I")
#: No answer of a child is longer; one that claims to be is damaged, and the child is ended.
LONGEST_FRAME = 256 * 1024 * 1024


def time_left(limit: float, ctx: MessageContext) -> float:
    """Seconds that code may run: its own limit, or what is left of `api.timeout` if that is less."""
    if not ctx.deadline:
        return limit
    left = ctx.deadline - ctx.world.monotonic()
    # a little more than is left, so that the time is up for the transaction too when the code is stopped
    return min(limit, left + 0.001) if left > 0 else 0.0


class ChildProcess(asyncio.SubprocessProtocol):
    """One running child.

    on_frame  gets each frame the child sends
    on_exit   gets the exit code (negative: the signal) once the child is gone and all its frames were handed over
    """

    def __init__(
        self, on_frame: Callable[[bytes], None], on_exit: Callable[[int], None], logger: logging.Logger
    ) -> None:
        self._on_frame = on_frame
        self._on_exit = on_exit
        self._logger = logger
        self._received = bytearray()
        self._errors = b""
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._gone = asyncio.get_running_loop().create_future()

    async def start(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the child. Raises OSError."""
        await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *arguments,
            env=None if environment is None else {**os.environ, **environment},
            # Ctrl+C is the runtime's business: it lets transactions finish before it ends its children
            start_new_session=True,
        )

    @property
    def pid(self) -> int | None:
        return None if self._transport is None else self._transport.get_pid()

    def send(self, *frames: bytes) -> None:
        """Send frames; after the child's end nothing happens."""
        if self._input is not None and not self._input.is_closing():
            self._input.write(
                b"".join([part for frame in frames for part in (LENGTH.pack(len(frame)), frame)])
            )

    def kill(self) -> None:
        """End the child now, whatever it is doing."""
        if self._transport is not None and self._transport.get_returncode() is None:
            try:
                self._transport.kill()
            except ProcessLookupError:
                pass

    async def close(self, grace: float = 1.0) -> None:
        """Let the child end by itself for `grace` seconds, then kill it; wait until it is gone."""
        if self._input is not None:
            self._input.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._gone), grace)
        except TimeoutError:
            self.kill()
            await self._gone

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # not asked with isinstance: uvloop's transports are not asyncio's classes
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._input = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd != 1:
            self._log(data)
            return
        received = self._received
        received += data
        start, end = 0, len(received)
        while end - start >= 4:
            (length,) = LENGTH.unpack_from(received, start)
            if length > LONGEST_FRAME:
                self._logger.error("the child process sent a frame of %d bytes and is ended", length)
                self.kill()
                start = end
                break
            if end - start - 4 < length:
                break
            frame = bytes(received[start + 4 : start + 4 + length])
            start += 4 + length
            self._on_frame(frame)
        del received[:start]

    def connection_lost(self, error: Exception | None) -> None:
        """The child is gone and its pipes are read to their end."""
        self._log(b"\n" if self._errors else b"")
        code = self._transport.get_returncode() if self._transport is not None else None
        if not self._gone.done():
            self._gone.set_result(None)
        self._on_exit(-9 if code is None else code)

    def _log(self, data: bytes) -> None:
        *lines, self._errors = (self._errors + data).split(b"\n")
        for line in lines:
            self._logger.info("%s", line.decode("utf-8", "replace").rstrip())
        if len(self._errors) > 65536:
            self._errors = b""
