"""From a client's bytes to exchanges: the rules of HTTP/1.1 that llhttp leaves to its user, and the limits."""

from __future__ import annotations

from collections import deque
from time import time
from typing import Any

import httptools

from apiproxy_runtime.gateway.http import refusal as refusals
from apiproxy_runtime.gateway.http.clientwire import ClientWire
from apiproxy_runtime.gateway.http.errors import BadBody
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.framing import BYPASS, TRAILERS, mostly_framing
from apiproxy_runtime.gateway.http.head import NAMES, WORDS, closes, parse_head
from apiproxy_runtime.gateway.http.refusal import Refusal
from apiproxy_runtime.message.headers import Headers

_VERSIONS = frozenset(("1.0", "1.1"))


class _Refused(Exception):
    """Stops the parser from within a callback."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class RequestReader:
    """Parses one connection's bytes; requests whose head is complete are appended to `queue`.

    `arriving` is the exchange whose body is incomplete. `refusal` says why the connection cannot go on, to be told
    to the client after the queued requests are answered. `dead`: no further request can come.
    """

    __slots__ = (
        "_began",
        "_checker",
        "_fields",
        "_framing",
        "_head_bytes",
        "_parser",
        "_remaining",
        "_replayed",
        "_roomy",
        "_target",
        "_unsure",
        "_wire",
        "arriving",
        "dead",
        "in_head",
        "queue",
        "refusal",
    )

    def __init__(self, wire: ClientWire) -> None:
        limits = wire.limits
        self._wire = wire
        # Calls back for each part of a message; made when one does not come in the simplest way.
        self._parser: Any = None
        # Calls nobody back: it only checks that a message is one.
        self._checker: Any = None
        self._fields: dict[str, list[str]] = {}
        self._target = b""
        self._began = 0.0
        self._head_bytes = 0
        # A head in a read no longer than this cannot pass a limit: a line has at least four bytes.
        self._roomy = min(limits.request_line, limits.header_bytes, 4 * limits.header_count)
        self._unsure = False
        # Body bytes still to come that go past the parser.
        self._remaining = 0
        self._framing = 0
        self._replayed: Exchange | None = None
        self.queue: deque[Exchange] = deque()
        self.arriving: Exchange | None = None
        self.refusal: Refusal | None = None
        self.in_head = False
        self.dead = False

    def close(self) -> None:
        """Read nothing more. Also takes the parser and its callbacks apart, which hold each other."""
        self._parser = None
        self._remaining = 0
        self.arriving = None
        self.in_head = False
        self.dead = True

    def feed(self, data: bytes) -> None:
        if self._remaining:
            data = self._past_parser(data)
            if not data:
                return
        if self.dead or (not self.in_head and self.arriving is None and self._whole_head(data)):
            return
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        size = len(data)
        self._unsure = self.in_head or size > self._roomy
        before = self.arriving
        body_before = before.size if before is not None else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade_asked(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._failed(error)
            return
        if self.in_head:
            self._head_growing(size)
        else:
            arriving = self.arriving
            if arriving is not None:
                self._body_growing(arriving, size - arriving.size + body_before if arriving is before else 0)

    def resume_after_upgrade(self) -> None:
        """The client asked for an upgrade and got another answer: what it sent since is HTTP."""
        wire = self._wire
        data, wire.leftover = wire.leftover, None
        if data:
            self.feed(data)

    def _whole_head(self, data: bytes) -> bool:
        """Take the way of most requests: one read that begins with a whole head, and holds one request at most.

        False, with nothing done, for whatever is not as simple as that.
        """
        end = data.find(b"\r\n\r\n")
        if end <= 0 or end > self._roomy:
            return False
        first, fields = parse_head(data[:end])
        words = first.split(" ")
        if len(words) != 3 or "upgrade" in fields or "transfer-encoding" in fields or "expect" in fields:
            return False
        method, target, protocol = words
        arrived = len(data) - end - 4
        length = None
        declared = fields.get("content-length")
        if declared is not None:
            if len(declared) != 2 or not declared[1].isdecimal() or len(declared[1]) > 18:
                return False
            length = int(declared[1])
            if arrived > length:
                return False
        elif arrived:
            return False
        if protocol != "HTTP/1.1" or len(fields.get("host", ())) != 2 or method == "CONNECT":
            return False
        checker = self._checker
        if checker is None:
            checker = self._checker = httptools.HttpRequestParser(None)
        try:
            checker.feed_data(data)
        except httptools.HttpParserError as error:
            self.refuse(refusals.bad_request(f"the request is not HTTP/1.1: {error}"))
            return True
        headers = Headers()
        headers.fields = fields
        exchange = Exchange(self._wire, method, target, "1.1", headers)
        exchange.received = time()
        if "connection" in fields:
            exchange.keep_alive = not closes(fields["connection"])
            if not exchange.keep_alive:
                self._checker = None
        if length:
            exchange.has_body = True
            exchange.content_length = length
            if arrived:
                exchange.parts.append(data[end + 4 :])
                exchange.size = arrived
            if arrived < length:
                self._remaining = length - arrived
                self._checker = None
                self.arriving = exchange
            else:
                exchange.complete = True
        else:
            exchange.content_length = length
            exchange.complete = True
        self.queue.append(exchange)
        return True

    # called by the parser

    def on_message_begin(self) -> None:
        self._fields = {}
        self._target = b""
        self.in_head = True

    def on_url(self, target: bytes) -> None:
        self._target = self._target + target if self._target else target

    def on_header(self, name: bytes, value: bytes) -> None:
        key, spelling = NAMES[name]
        fields = self._fields
        if key in fields:
            fields[key].append(value.rstrip().decode("utf-8", "surrogateescape"))
        else:
            fields[key] = [spelling, value.rstrip().decode("utf-8", "surrogateescape")]

    def on_headers_complete(self) -> None:
        if self._replayed is not None:
            self._fields = TRAILERS
            return
        self.in_head = False
        parser = self._parser
        fields = self._fields
        target = self._target
        headers = Headers()
        headers.fields = fields
        keep_alive = parser.should_keep_alive()
        # Asking the parser for the version builds a string; 1.1 alone persists without a Connection field.
        version = "1.1" if keep_alive and "connection" not in fields else parser.get_http_version()
        if self._unsure:
            self._check_size(target, fields)
        exchange = Exchange(
            self._wire,
            WORDS[parser.get_method()],
            target.decode("utf-8", "surrogateescape"),
            version,
            headers,
        )
        exchange.received = self._began or time()
        self._began = 0.0
        self._head_bytes = 0
        exchange.keep_alive = keep_alive
        if version not in _VERSIONS:
            raise _Refused(refusals.bad_request(f"HTTP/1.1 is spoken here, not HTTP/{version}"))
        host = fields.get("host")
        if host is None:
            if version != "1.0":
                raise _Refused(refusals.bad_request("an HTTP/1.1 request needs a Host header"))
        elif len(host) != 2:
            raise _Refused(refusals.bad_request("a request has one Host header, not several"))
        if "transfer-encoding" in fields:
            self._check_coding(version, fields["transfer-encoding"])
            exchange.has_body = True
            self._fields = TRAILERS
            self._framing = 0
        elif "content-length" in fields:
            length = exchange.content_length = int(fields["content-length"][1])
            exchange.has_body = length > 0
        if "expect" in fields and version == "1.1":
            if fields["expect"][1].lower() != "100-continue":
                raise _Refused(refusals.EXPECTATION_FAILED)
            exchange.expects_continue = exchange.has_body
        if "upgrade" in fields or exchange.method == "CONNECT":
            if exchange.method == "CONNECT":
                raise _Refused(refusals.CONNECT)
            if parser.should_upgrade():
                exchange.upgrade_to = fields["upgrade"][1].lower()
        self.arriving = exchange
        self.queue.append(exchange)

    def on_body(self, data: bytes) -> None:
        exchange = self.arriving
        if exchange is not None:
            exchange.size += len(data)
            exchange.parts.append(data)

    def on_message_complete(self) -> None:
        exchange = self.arriving
        # When an upgrade is asked for, the parser stops before the body and calls that complete.
        if exchange is not None and not (exchange.upgrade_to and exchange.has_body):
            exchange.complete = True
            self.arriving = None

    # head

    def _check_size(self, target: bytes, fields: dict[str, list[str]]) -> None:
        limits = self._wire.limits
        if len(target) + len(self._parser.get_method()) + 10 > limits.request_line:
            raise _Refused(refusals.line_too_big(limits.request_line))
        if sum([len(field) - 1 for field in fields.values()]) > limits.header_count:
            raise _Refused(refusals.headers_too_big(limits.header_count, "count"))
        size = 0
        for field in fields.values():
            for value in field[1:]:
                size += len(field[0]) + len(value.encode("utf-8", "surrogateescape")) + 4
        if size > limits.header_bytes:
            raise _Refused(refusals.headers_too_big(limits.header_bytes))

    def _check_coding(self, version: str, field: list[str]) -> None:
        if version != "1.1":
            raise _Refused(refusals.bad_request("HTTP/1.0 knows no Transfer-Encoding"))
        if len(field) != 2 or field[1].lower() != "chunked":
            coding = ", ".join(field[1:])
            raise _Refused(
                refusals.bad_request(f"the only Transfer-Encoding served is chunked, not {coding!r}")
            )

    def _head_growing(self, size: int) -> None:
        if not self._began:
            self._began = time()
        self._head_bytes += size
        limits = self._wire.limits
        if len(self._target) + 14 > limits.request_line:
            self.refuse(refusals.line_too_big(limits.request_line))
        elif self._head_bytes > limits.request_line + limits.header_bytes:
            self.refuse(refusals.headers_too_big(limits.header_bytes))

    def _upgrade_asked(self, rest: bytes) -> None:
        exchange = self.queue[-1]
        if exchange.upgrade_to == "websocket" and not exchange.has_body:
            self._wire.leftover = rest
            return
        # Not an upgrade that is offered (h2c, say): it is ignored, and the request read as any other (RFC 9110 §7.8).
        exchange.upgrade_to = ""
        if exchange.has_body:
            # The parser has skipped the body: a new one is brought to the place where the body begins.
            self._replayed = exchange
            self._parser = httptools.HttpRequestParser(self)
            length = exchange.content_length
            coding = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % coding)
            self._replayed = None
            self.in_head = False
        if rest:
            self.feed(rest)

    def _failed(self, error: Exception) -> None:
        cause = error.__context__
        if isinstance(cause, _Refused):
            self.refuse(cause.refusal)
        elif self.arriving is not None:
            self._wire.broken = BadBody(f"the request body is malformed: {error}")
            self.close()
        elif self.in_head:
            self.refuse(refusals.bad_request(f"the request is not HTTP/1.1: {error}"))
        else:
            # Something follows a request that said `Connection: close`: not looked at (RFC 9112 §9.6).
            self.close()

    def refuse(self, refusal: Refusal) -> None:
        """Read nothing more, and have the client told why."""
        self.refusal = refusal
        self.close()

    # body

    def _body_growing(self, exchange: Exchange, framing: int) -> None:
        length = exchange.content_length
        if length is not None:
            if length - exchange.size > BYPASS:
                self._remaining = length - exchange.size
                self._parser = None
        else:
            self._framing += framing
            if mostly_framing(self._framing, exchange.size):
                self._wire.broken = BadBody("the chunks of the request body are mostly framing")
                self.close()

    def _past_parser(self, data: bytes) -> bytes:
        """Body bytes that need no parsing; returns what follows them."""
        exchange = self.arriving
        rest = b""
        if len(data) > self._remaining:
            data, rest = data[: self._remaining], data[self._remaining :]
        self._remaining -= len(data)
        if exchange is not None:
            exchange.size += len(data)
            exchange.parts.append(data)
            if not self._remaining:
                exchange.complete = True
                self.arriving = None
        return rest
