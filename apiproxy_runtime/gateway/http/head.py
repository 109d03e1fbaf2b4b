"""Message heads: the names as they arrive, and the text that goes out.

Values are text: bytes are decoded as UTF-8, and those that are none survive as surrogates, so that what came in goes
out byte for byte.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
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


def nominated(connection: Iterable[str]) -> frozenset[str]:
    """The fields that a Connection field declares hop-by-hop, in lower case."""
    options = {option.strip().lower() for line in connection for option in line.split(",")}
    return frozenset(options - {"", "close", "keep-alive", "upgrade"})


def _field_lines(fields: dict[str, list[str]], written: _Written) -> list[str]:
    if "connection" in fields:
        extra = nominated(fields["connection"][1:])
        if extra:
            fields = {key: field for key, field in fields.items() if key not in extra}
    return [
        f"{field[0]}: {field[1]}"
        if len(field) == 2
        else "\r\n".join([f"{field[0]}: {value}" for value in field[1:]])
        for field in fields.values()
        if len(field) > 1 and written[field[0]]
    ]


def _finish(lines: list[str], fields: dict[str, list[str]]) -> bytes:
    lines.append("\r\n")
    text = "\r\n".join(lines)
    # Each line end must be one of ours. Fields of several values bring more: only then is each value looked at.
    ends = len(lines)
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
        _refuse_injection(lines[0], fields)
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


def request_head(
    method: str, target: str, host: str, fields: dict[str, list[str]], extra: Iterable[str] = ()
) -> bytes:
    """The head of an HTTP/1.1 request; `extra` are whole lines without their ends (Content-Length and such).

    Host, Content-Length, Expect and hop-by-hop fields among `fields` are left out. Raises HeaderInjection.
    """
    if " " in target or " " in method or " " in host:
        raise HeaderInjection(
            f"a blank cannot stand in a method, target or host: {method} {target[:80]!r} {host!r}"
        )
    if "\n" in host or "\r" in host:
        raise HeaderInjection(f"a line break cannot stand in a host: {host!r}")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += _field_lines(fields, _IN_REQUEST)
    lines += extra
    return _finish(lines, fields)


def response_head(status: int, reason: str, fields: dict[str, list[str]], extra: Iterable[str] = ()) -> bytes:
    """The head of an HTTP/1.1 response, with a Date when it has none.

    Content-Length and hop-by-hop fields among `fields` are left out. Raises HeaderInjection.
    """
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += _field_lines(fields, _IN_RESPONSE)
    lines += extra
    if "date" not in fields:
        lines.append(date_line())
    return _finish(lines, fields)
