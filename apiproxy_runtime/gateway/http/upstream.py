"""A connection to a target: one request out, one answer in, and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any

import httptools

from apiproxy_runtime.gateway.http.errors import (
    BadResponse,
    BodyTooBig,
    DeadlineExceeded,
    HeadTooBig,
    ReadTimeout,
    UnexpectedEof,
    WireError,
)
from apiproxy_runtime.gateway.http.framing import BYPASS, HIGH_WATER, TRAILERS, mostly_framing
from apiproxy_runtime.gateway.http.head import NAMES, WORDS, closes, parse_head
from apiproxy_runtime.gateway.http.tunnel import Tunnel
from apiproxy_runtime.gateway.http.wire import Wire

_BODYLESS = frozenset((b"204", b"304"))


class Upstream(Wire):
    """`left` is called when the connection is gone.

    After `begin`, sleep in `turn` until `ready`; then either `failure` says what went wrong, or `status`, `reason`,
    `fields` and `parts` are the answer, `complete` unless it is streamed. `started` tells whether any of it arrived.
    """

    __slots__ = (
        "_checker",
        "_framing",
        "_head_bytes",
        "_head_limit",
        "_head_only",
        "_interim",
        "_io_seconds",
        "_left",
        "_length",
        "_limit",
        "_new_fields",
        "_parser",
        "_remaining",
        "_streamed",
        "_taken",
        "_until_close",
        "_upgrading",
        "busy",
        "complete",
        "deadline",
        "failure",
        "fields",
        "leftover",
        "parts",
        "persists",
        "ready",
        "reason",
        "reused",
        "size",
        "started",
        "status",
        "upgraded",
        "version",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, left: Callable[[Upstream], None], head_limit: int
    ) -> None:
        super().__init__(loop)
        self._left = left
        self._head_limit = head_limit
        # Calls back for each part of an answer; made when one does not come in the simplest way.
        self._parser: Any = None
        # Calls nobody back: it only checks that an answer is one.
        self._checker: Any = None
        self._new_fields: dict[str, list[str]] = {}
        self._remaining = 0
        self.busy = False
        self.reused = False
        self.upgraded = False
        self.leftover = b""
        self.fields = self._new_fields
        self.version = "1.1"

    def begin(
        self,
        head_only: bool,
        streamed: bool | None,
        limit: int,
        io_seconds: float,
        deadline: float,
        upgrading: bool = False,
    ) -> None:
        """Expect an answer; `head_only`: to a HEAD request; `streamed` None: only if it is server-sent events.

        The clock runs from here.
        """
        self._head_only = head_only
        self._upgrading = upgrading
        self._streamed = streamed
        self._limit = limit
        self._io_seconds = io_seconds
        self.deadline = deadline
        self._interim = False
        self._head_bytes = 0
        self._length: int | None = None
        self._until_close = False
        self.busy = True
        self.ready = self.complete = self.started = False
        self.failure: WireError | None = None
        self.status = 0
        self.reason = ""
        self.parts: list[bytes] = []
        self.size = self._taken = 0
        self.persists = False
        due = self.loop.time() + io_seconds
        self.due_at(due if due < deadline else deadline)

    def touch(self) -> None:
        """Something moved: wait as long again."""
        due = self.loop.time() + self._io_seconds
        self.due_at(due if due < self.deadline else self.deadline)

    def fail(self, error: WireError) -> None:
        """End the exchange with an error, and the connection with it."""
        if self.failure is None and not self.complete:
            self.failure = error
        self.ready = True
        self.persists = False
        self.due = inf
        if not self.lost:
            self.transport.abort()
        self.turn.wake()
        self.drained.wake()

    def take(self) -> list[bytes]:
        """What has arrived of the body since the last time."""
        parts, self.parts = self.parts, []
        self._taken = self.size
        self.resume_reading()
        return parts

    async def more(self) -> None:
        """Sleep until more of a streamed body is here, or its end. Raises WireError."""
        if self.failure is not None:
            raise self.failure
        self.touch()
        await self.turn
        self.due = self.deadline
        if self.failure is not None and not self.parts:
            raise self.failure

    def tunnel(self) -> Tunnel:
        """The byte stream after an upgrade; the connection is no longer the pool's."""
        self.stop_timer()
        self.busy = False
        self.lost = True
        self._left(self)
        return Tunnel(self.transport, self.loop, self.leftover)

    # called by the transport

    def data_received(self, data: bytes) -> None:
        if self._remaining:
            self._past_parser(data)
        elif not self.busy or self.complete:
            # Nobody asked: whatever this is, the next answer must not be taken from it.
            self.persists = False
            self.transport.close()
            return
        elif self.started or not self._whole_head(data):
            self._parse(data)
        if self.ready:
            self.turn.wake()
            if self._streamed and self.size - self._taken > HIGH_WATER and not self.complete:
                self.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.persists = False
        self._parser = None
        if self.busy and not self.complete:
            if self._until_close and exc is None and self.failure is None:
                self.complete = self.ready = True
                self.turn.wake()
            else:
                self.fail(UnexpectedEof("the target closed the connection before its answer was complete"))
        self.drained.wake()
        self._left(self)

    def expired(self) -> None:
        if not self.busy:
            self.transport.close()
        elif self.deadline <= self.loop.time() + 0.001:
            self.fail(DeadlineExceeded("the time for the whole call is used up"))
        else:
            self.fail(ReadTimeout(f"the target sent nothing for {self._io_seconds:g} seconds"))

    # called by the parser

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Surplus
        self._new_fields = {}
        self.reason = ""

    def on_status(self, reason: bytes) -> None:
        self.reason = self.reason + WORDS[reason] if self.reason else WORDS[reason]

    def on_header(self, name: bytes, value: bytes) -> None:
        key, spelling = NAMES[name]
        fields = self._new_fields
        if key in fields:
            fields[key].append(value.rstrip().decode("utf-8", "surrogateescape"))
        else:
            fields[key] = [spelling, value.rstrip().decode("utf-8", "surrogateescape")]

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code()
        if status < 200 and status != 101:
            self._interim = True
            return
        fields = self.fields = self._new_fields
        self.status = status
        persists = parser.should_keep_alive()
        self.version = "1.1" if persists and "connection" not in fields else parser.get_http_version()
        if self._head_only:
            # The parser cannot be told that no body follows, so it is left behind.
            self._parser = None
            self.persists = self.version == "1.1" and not closes(fields.get("connection", []))
            self.complete = self.ready = True
            return
        self.persists = persists
        if self._streamed is None:
            media = fields.get("content-type")
            self._streamed = media is not None and media[1].lower().startswith("text/event-stream")
        if "transfer-encoding" in fields:
            self._new_fields = TRAILERS
            self._framing = 0
            self._until_close = not fields["transfer-encoding"][-1].lower().endswith("chunked")
        elif "content-length" in fields:
            length = self._length = int(fields["content-length"][1])
            if length > self._limit and not self._streamed and status != 304:
                raise _TooBig
        else:
            self._until_close = status not in (101, 204, 304)
        if self._streamed:
            self.ready = True

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.size += len(data)
            self.parts.append(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        else:
            self.complete = self.ready = True

    # bytes

    def _whole_head(self, data: bytes) -> bool:
        """Take the way of most answers: the first read holds the whole head, and Content-Length says what follows.

        False, with nothing done, for whatever is not as simple as that.
        """
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > self._head_limit or not data.startswith(b"HTTP/1.1 ") or data[9:10] == b"1":
            return False
        first, fields = parse_head(data[:end])
        declared = fields.get("content-length")
        if declared is None or len(declared) != 2 or "transfer-encoding" in fields or self._head_only:
            return False
        if not declared[1].isdecimal() or len(declared[1]) > 18 or data[9:12] in _BODYLESS:
            return False
        length = int(declared[1])
        if length > self._limit and not self._streamed:
            return False
        self.started = True
        checker = self._checker
        if checker is None:
            checker = self._checker = httptools.HttpResponseParser(None)
        arrived = len(data) - end - 4
        extra = arrived > length
        try:
            checker.feed_data(data[: end + 4 + length] if extra else data)
        except httptools.HttpParserError as error:
            self.fail(BadResponse(f"the target's answer is not HTTP/1.1: {error}"))
            return True
        self.status = int(first[9:12])
        self.reason = first[13:]
        self.version = "1.1"
        self.fields = fields
        self.persists = not extra and ("connection" not in fields or not closes(fields["connection"]))
        if arrived:
            self.size = length if extra else arrived
            self.parts.append(data[end + 4 : end + 4 + length])
        if arrived >= length:
            self.complete = self.ready = True
        else:
            self._remaining = length - arrived
            self._checker = None
            if self._streamed:
                self.ready = True
            else:
                self.touch()
        return True

    def _parse(self, data: bytes) -> None:
        if not self.started:
            self.started = True
            if self._parser is None:
                self._parser = httptools.HttpResponseParser(self)
        size = len(data)
        before = self.size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._upgrading:
                self.fail_whole(
                    BadResponse("the target answered 101 without being asked to switch protocols")
                )
                return
            self.upgraded = self.complete = self.ready = True
            self.leftover = data[upgrade.args[0] :]
            self.pause_reading()
            return
        except httptools.HttpParserError as error:
            if self.complete and self.status != 101:
                # The answer is whole; what came behind it is not ours.
                self.persists = False
            elif isinstance(error.__context__, _TooBig):
                self.fail(BodyTooBig(self._limit, declared=True))
            else:
                self.fail_whole(BadResponse(f"the target's answer is not HTTP/1.1: {error}"))
            return
        if not self.status:
            self._head_bytes += size
            if self._head_bytes > self._head_limit:
                self.fail_whole(HeadTooBig(self._head_limit))
        elif size > self._head_limit and not before:
            self._check_head()
        if self.complete:
            if self.size > self._limit and not self._streamed:
                self.fail_whole(BodyTooBig(self._limit))
        elif self.status:
            self._growing(size - self.size + before if before else 0)

    def fail_whole(self, error: WireError) -> None:
        self.complete = False
        self.fail(error)

    def _check_head(self) -> None:
        size = 0
        for field in self.fields.values():
            for value in field[1:]:
                size += len(field[0]) + len(value) + 4
        if size > self._head_limit:
            self.fail_whole(HeadTooBig(self._head_limit))

    def _growing(self, framing: int) -> None:
        """The body is not complete yet."""
        length = self._length
        if length is not None and length - self.size > BYPASS:
            self._remaining = length - self.size
            self._parser = None
        elif length is None and not self._until_close:
            self._framing += framing
            if mostly_framing(self._framing, self.size):
                self.fail(BadResponse("the chunks of the target's answer are mostly framing"))
                return
        self._kept()

    def _kept(self) -> None:
        if not self._streamed:
            if self.size > self._limit:
                self.fail(BodyTooBig(self._limit))
            else:
                self.touch()

    def _past_parser(self, data: bytes) -> None:
        size = len(data)
        if size > self._remaining:
            data = data[: self._remaining]
            size = self._remaining
            self.persists = False
        self._remaining -= size
        self.size += size
        self.parts.append(data)
        if not self._remaining:
            self.complete = self.ready = True
        else:
            self._kept()


class _Surplus(Exception):
    """Stops the parser: a second answer to one request."""


class _TooBig(Exception):
    """Stops the parser from within a callback."""
