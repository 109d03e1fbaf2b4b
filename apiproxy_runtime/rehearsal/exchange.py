"""One recorded exchange: what a client sent, what it got, and every call that was made to answer it.

This is what recordings hold, importers make, generators write, and rehearsals replay and compare. Everything is frozen;
`msgspec.structs.replace` makes a changed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

HeaderPairs = tuple[tuple[str, str], ...]

#: What a generated or imported case was made to show: `status` 401, `fault` InvalidApiKey, the `flow`, `route`,
#: `fault-rule` or `step` that it reaches, a `condition` side (`true`/`false` and the text).
ExpectationKind = Literal["status", "fault", "flow", "route", "fault-rule", "step", "condition", "body"]


class Request(Struct, frozen=True):
    """A request as it stood on the wire.

    url      absolute, or only path and query when nobody knows the host; percent-encoding as sent
    headers  in order, each line a pair, spelling kept
    body     without transfer coding; content coding (gzip) is left as the headers say
    version  `HTTP/1.1`
    """

    method: str
    url: str
    headers: HeaderPairs = ()
    body: bytes = b""
    version: str = "HTTP/1.1"

    @property
    def target(self) -> str:
        """Path and query, as in a request line."""
        scheme, mark, rest = self.url.partition("://")
        if not mark or "/" in scheme or "?" in scheme:
            return self.url.partition("#")[0] or "/"
        rest = rest.partition("#")[0]
        start = next((i for i, char in enumerate(rest) if char in "/?"), len(rest))
        target = rest[start:]
        return target if target.startswith("/") else f"/{target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of an absolute URL; empty for one that is only a path."""
        if self.url.startswith("/") or "://" not in self.url:
            return ""
        return self.url[: self.url.index("://") + 3] + _authority(self.url)

    @property
    def host(self) -> str:
        """The authority of the URL, else the Host header, else empty."""
        return (_authority(self.url) if self.origin else "") or self.header("host") or ""

    def header(self, name: str) -> str | None:
        """The first line of a header; None when absent."""
        return next(header_values(self.headers, name), None)


class Response(Struct, frozen=True):
    """A response as it stood on the wire. `reason` may be empty (HTTP/2 has none)."""

    status: int
    headers: HeaderPairs = ()
    body: bytes = b""
    reason: str = ""
    version: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """The first line of a header; None when absent."""
        return next(header_values(self.headers, name), None)


class UpstreamCall(Struct, frozen=True):
    """A call that was made while the client waited, in order of its beginning.

    purpose   as `policy.egress.Call.purpose`: `target`, `callout`, `script`, `keys`, `logging`, `health`
    response  None when there was none; then `failure` is the kind of `policy.egress.CallFailed`, `failure_text` its text
    offset    milliseconds from the beginning of the exchange; `millis` how long it took
    """

    purpose: str
    request: Request
    response: Response | None = None
    failure: str = ""
    failure_text: str = ""
    offset: float = 0.0
    millis: float = 0.0


class Expectation(Struct, frozen=True):
    """What a case was made to show."""

    kind: ExpectationKind
    value: str


class Exchange(Struct, frozen=True):
    """One case.

    id        unique in its recording
    response  None when none was recorded (a generated case, a curl line)
    calls     what reached upstreams; empty when not recorded, which `calls_recorded` tells from "there were none"
    session   key of the client whose order counts; empty when all are one
    at        seconds since the epoch at which the request came, 0.0 when unknown
    millis    how long the answer took, 0.0 when unknown
    name      what people call the case (Postman's name, what a generator aimed at)
    notes     what the importer or recorder has to say about it
    masked    names of what was replaced by pseudonyms: `header Authorization`, `json $.password`
    """

    id: str
    request: Request
    response: Response | None = None
    calls: tuple[UpstreamCall, ...] = ()
    calls_recorded: bool = False
    session: str = ""
    at: float = 0.0
    millis: float = 0.0
    name: str = ""
    notes: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    masked: tuple[str, ...] = ()


def header_values(headers: HeaderPairs, name: str) -> Iterator[str]:
    """The lines of a header, in order; the name in any spelling."""
    wanted = name.lower()
    return (value for key, value in headers if key.lower() == wanted)


def media_type(headers: HeaderPairs) -> str:
    """The media type without parameters, lower case; empty when there is none."""
    return next(header_values(headers, "content-type"), "").partition(";")[0].strip().lower()


def charset(headers: HeaderPairs) -> str:
    """The charset that Content-Type names, `utf-8` when it names none or an unknown one."""
    return charset_of(next(header_values(headers, "content-type"), ""))


def charset_of(content_type: str) -> str:
    """The charset parameter of a Content-Type value, `utf-8` when there is none or an unknown one."""
    name = content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
    try:
        "".encode(name or "utf-8")
    except (LookupError, ValueError):
        return "utf-8"
    return name or "utf-8"


def _authority(url: str) -> str:
    rest = url.partition("://")[2]
    end = next((i for i, char in enumerate(rest) if char in "/?#"), len(rest))
    return rest[:end]
