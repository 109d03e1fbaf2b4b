"""What the server's and the client's end of a connection have in common: flow control, two sleepers, one timer."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Iterable
from math import inf
from typing import cast

from apiproxy_runtime.gateway.http.turn import Turn

#: Whether `writelines` of asyncio's own transports never pauses the writer, so that a slow reader fills the memory.
#: Source: CVE-2024-12254. (uvloop's transports never had it.)
_UNPAUSED = (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)


class Wire(asyncio.Protocol):
    """One end of a connection.

    A task sleeps in `turn` until something has arrived, in `drained` until something has left. `due` is when the connection has waited too long, in loop
    time: moving it later costs an assignment, since the one timer looks at it when it rings and sets itself anew.
    """

    __slots__ = (
        "_timer",
        "_timer_at",
        "drained",
        "due",
        "loop",
        "lost",
        "reading_paused",
        "transport",
        "turn",
        "writing_paused",
    )

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.turn = Turn(loop)
        self.drained = Turn(loop)
        self.due = inf
        self.lost = False
        self.reading_paused = False
        self.writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.stop_timer()

    def write_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send pieces one behind the other, without joining them where that can be."""
        if _UNPAUSED:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)

    # flow control

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        self.drained.wake()

    def pause_reading(self) -> None:
        if not self.reading_paused and not self.lost:
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            if not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()

    def reset(self) -> None:
        """Close at once, by a reset: the other side must not take what it has for the whole."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.lost:
            # Closing a socket that lingers for no time sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # time

    def due_at(self, when: float) -> None:
        """Have `expired` called once `when` (loop time) has passed, unless `due` is moved on before."""
        self.due = when
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = when
            self._timer = self.loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = inf
        if self.due == inf:
            return
        # A loop's clock may be coarse: a timer may ring a millisecond early.
        if self.due <= self.loop.time() + 0.001:
            self.due = inf
            self.expired()
        else:
            self.due_at(self.due)

    def expired(self) -> None:
        """The connection has waited too long."""

    def stop_timer(self) -> None:
        self.due = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = inf
