"""Message heads: the names as they arrive, and the text that goes out.

Values are text: bytes are decoded as UTF-8, and those that are none survive as surrogates, so that what came in goes
out byte for byte.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate

from apiproxy_runtime.gateway.http.errors import HeaderInjection

#: Fields that concern one connection only and are never passed on (RFC 9110 §7.6.1).
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)

_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z").match
_BOUND = 4096
CRLF = "\r\n"


class _LowerNames(dict[str, str]):
    """A name as spelled → in lower case. Bounded, since the other side chooses the names."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(self) < _BOUND:
            self[name] = lower
        return lower


class _Names(dict[bytes, tuple[str, str]]):
    """A name on the wire → (lower case, as spelled). Bounded, since the other side chooses the names."""

    def __missing__(self, raw: bytes) -> tuple[str, str]:
        spelling = raw.decode("latin-1")
        names = (spelling.lower(), spelling)
        if len(self) < _BOUND:
            self[raw] = names
        return names


class _Written(dict[str, bool]):
    """A name as spelled → whether it is written at all. Refuses what is no name, once for each spelling."""

    def __init__(self, dropped: frozenset[str]) -> None:
        super().__init__()
        self.dropped = dropped

    def __missing__(self, name: str) -> bool:
        if _token(name) is None:
            raise HeaderInjection(f"{name!r} cannot be the name of a header: use letters, digits and hyphens")
        written = name.lower() not in self.dropped
        if len(self) < _BOUND:
            self[name] = written
        return written


class _Words(dict[bytes, str]):
    """Short words of heads (methods, reason phrases, versions) as text."""

    def __missing__(self, raw: bytes) -> str:
        word = raw.decode("utf-8", "surrogateescape")
        if len(self) < _BOUND:
            self[raw] = word
        return word


NAMES = _Names()
_LOWER = _LowerNames()
WORDS = _Words()
_IN_REQUEST = _Written(HOP_BY_HOP | {"host", "content-length", "expect"})
_IN_RESPONSE = _Written(HOP_BY_HOP | {"content-length"})


class _Date:
    """The Date line, made once a second."""

    def __init__(self) -> None:
        self.second = -1
        self.line = ""

    def __call__(self) -> str:
        second = int(time.time())
        if second != self.second:
            self.second = second
            self.line = f"Date: {formatdate(second, usegmt=True)}"
        return self.line


date_line = _Date()


def parse_head(raw: bytes) -> tuple[str, dict[str, list[str]]]:
    """The first line and the fields of a head that stands whole in one read, without its empty line.

    Does not check anything: the parser does, before what this returns is used.
    """
    lines = raw.decode("utf-8", "surrogateescape").split("\r\n")
    first = lines[0]
    del lines[0]
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[_LOWER[name]] = [name, value.strip(" \t")]
    if len(fields) != len(lines):
        # A name was repeated.
        fields.clear()
        for line in lines:
            name, _, value = line.partition(":")
            fields.setdefault(_LOWER[name], [name]).append(value.strip(" \t"))
    return first, fields


_KEEP = frozenset(("keep-alive", "Keep-Alive"))
#: Connection fields that nominate nothing.
_PLAIN = frozenset(
    ("keep-alive", "Keep-Alive", "close", "Close", "upgrade", "Upgrade", "keep-alive, Upgrade")
)


def closes(connection: list[str]) -> bool:
    """Whether a Connection field (as stored: spelling, then values) says close."""
    if len(connection) == 2 and connection[1] in _KEEP:
        return False
    return any(option.strip().lower() == "close" for line in connection[1:] for option in line.split(","))


def nominated(connection: list[str]) -> frozenset[str]:
    """The fields that the lines of a Connection field declare hop-by-hop, in lower case."""
    options = {option.strip().lower() for line in connection for option in line.split(",")}
    return frozenset(options - {"", "close", "keep-alive", "upgrade"})


def _without_nominated(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    connection = fields["connection"]
    if len(connection) == 2 and connection[1] in _PLAIN:
        return fields
    extra = nominated(connection[1:])
    return {key: field for key, field in fields.items() if key not in extra}


def _several(field: list[str]) -> str:
    return "\r\n".join([f"{field[0]}: {value}" for value in field[1:]])


def request_head(method: str, target: str, host: str, fields: dict[str, list[str]], extra: str = "") -> bytes:
    """The head of an HTTP/1.1 request; `extra` are whole lines with their ends (Content-Length and such).

    Host, Content-Length, Expect and hop-by-hop fields among `fields` are left out. Raises HeaderInjection.
    """
    if "connection" in fields:
        fields = _without_nominated(fields)
    lines = [
        ": ".join(field) if len(field) == 2 else _several(field)
        for field in fields.values()
        if _IN_REQUEST[field[0]] and len(field) > 1
    ]
    if lines:
        text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{extra}{CRLF.join(lines)}\r\n\r\n"
    else:
        text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n"
    # Each line end must be one of ours. Fields of several values bring more: only then is each value looked at.
    ends = len(lines) + 3 + extra.count("\n")
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
        _refuse_injection(f"{method} {target} {host}", fields)
    if " " in target or " " in host or " " in method:
        raise HeaderInjection(
            f"a blank cannot stand in a method, target or host: {method} {target[:80]!r} {host!r}"
        )
    return text.encode("utf-8", "surrogateescape")


def response_head(status: int, reason: str, fields: dict[str, list[str]], extra: str = "") -> bytes:
    """The head of an HTTP/1.1 response, with a Date when it has none; `extra` as in `request_head`.

    Content-Length and hop-by-hop fields among `fields` are left out. Raises HeaderInjection.
    """
    if "connection" in fields:
        fields = _without_nominated(fields)
    lines = [
        ": ".join(field) if len(field) == 2 else _several(field)
        for field in fields.values()
        if _IN_RESPONSE[field[0]] and len(field) > 1
    ]
    if "date" not in fields:
        lines.append(date_line())
    if lines:
        text = f"HTTP/1.1 {status} {reason}\r\n{extra}{CRLF.join(lines)}\r\n\r\n"
    else:
        text = f"HTTP/1.1 {status} {reason}\r\n{extra}\r\n"
    ends = len(lines) + 2 + extra.count("\n")
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
        _refuse_injection(reason, fields)
    return text.encode("utf-8", "surrogateescape")


def _refuse_injection(start: str, fields: dict[str, list[str]]) -> None:
    if _breaks(start):
        raise HeaderInjection(
            f"the first line of a message holds a line break or a NUL character: {start[:80]!r}"
        )
    for field in fields.values():
        for value in field[1:]:
            if _breaks(value):
                raise HeaderInjection(
                    f"the value of the header {field[0]} holds a line break or a NUL character: {value[:80]!r}"
                )


_breaks = re.compile(r"[\r\n\0]").search
