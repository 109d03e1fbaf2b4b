"""Content codings: gzip, deflate and identity, several of them in order.

`deflate` means zlib-wrapped deflate, as RFC 9110 §8.4.1.2 says; bodies without the wrapper, which some servers send,
are understood too. The size of what comes out is bounded while it is decoded, so that a small bomb stays small.
"""

from __future__ import annotations

import zlib

from apiproxy_runtime.gateway.http.errors import BodyTooBig, WireError

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
#: The more work a level is, the less it gains for bodies of APIs.
_LEVEL = 6


class BadEncoding(WireError):
    """A body is not what its Content-Encoding says."""


class UnsupportedEncoding(WireError):
    """A Content-Encoding that nobody here knows. `value` is the header's text."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


def codings(value: str) -> list[str]:
    """The codings of a Content-Encoding header in the order of application. Raises UnsupportedEncoding."""
    found = []
    for part in value.split(","):
        coding = part.strip().lower()
        if coding in ("gzip", "x-gzip"):
            found.append("gzip")
        elif coding == "deflate":
            found.append("deflate")
        elif coding not in ("", "identity"):
            raise UnsupportedEncoding(value)
    return found


def decode(body: bytes, value: str, limit: int) -> bytes:
    """The body without its codings; the same object when there are none. An empty body stays empty.

    Raises BadEncoding, UnsupportedEncoding, and BodyTooBig when it would have more than `limit` bytes.
    """
    for coding in reversed(codings(value)):
        if body:
            body = _inflate(body, coding, limit)
    return body


def encode(body: bytes, value: str) -> bytes:
    """The body under the codings of the header. Raises UnsupportedEncoding."""
    for coding in codings(value):
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP if coding == "gzip" else _ZLIB)
        body = packer.compress(body) + packer.flush()
    return body


def _inflate(body: bytes, coding: str, limit: int) -> bytes:
    window = _GZIP if coding == "gzip" else _ZLIB
    if coding == "deflate" and not _is_wrapped(body):
        window = _RAW
    out = b""
    while True:
        unpacker = zlib.decompressobj(window)
        try:
            out += unpacker.decompress(body, limit - len(out) + 1)
        except zlib.error as error:
            raise BadEncoding(str(error)) from None
        if len(out) > limit:
            raise BodyTooBig(limit)
        if not unpacker.eof:
            raise BadEncoding("the body ends before its compressed data does")
        body = unpacker.unused_data
        # gzip allows several members, one behind the other (RFC 1952 §2.2)
        if coding != "gzip" or not body.strip(b"\0"):
            return out


def _is_wrapped(body: bytes) -> bool:
    """Whether a zlib header stands in front (RFC 1950 §2.2)."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
