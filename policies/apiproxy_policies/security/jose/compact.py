"""Tokens in compact form: the parts between the dots, and the JSON in them."""

from __future__ import annotations

import base64
import binascii
import json
from functools import lru_cache
from typing import Any, NoReturn

from msgspec import Struct

from apiproxy_policies.security.jose.refused import INVALID, Refused

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: base64url to base64; what is no base64url becomes a byte that base64 does not know
_TO_BASE64 = bytes({45: 43, 95: 47}.get(byte, byte) if byte in _ALPHABET else 33 for byte in range(256))
#: last characters that leave no bit over, by number of missing characters (RFC 4648, section 3.5): with others
#: one signature could be written in several ways
_ENDINGS = {1: frozenset("AEIMQUYcgkosw048"), 2: frozenset("AQgw")}
#: headers of many tokens are alike; longer ones are not remembered
_REMEMBERED = 1024


def decode(segment: str) -> bytes:
    """The bytes of a base64url text without padding. Raises ValueError."""
    missing = -len(segment) % 4
    if missing and (missing == 3 or segment[-1] not in _ENDINGS[missing]):
        raise ValueError("not base64url")
    data = segment.encode("ascii").translate(_TO_BASE64)
    return binascii.a2b_base64(data + b"=" * missing, strict_mode=True)


def encode(data: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_no_number)
#: A value as JSON without blanks.
write_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def read_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else."""
    try:
        value = _JSON.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


class Token(Struct, frozen=True):
    """A compact token. Do not change `header`: tokens share it.

    text         the whole token
    segments     its parts, still encoded: three of a signed token, five of an encrypted one
    header_text  the JSON of the header
    """

    text: str
    segments: list[str]
    header: dict[str, Any]
    header_text: str

    @property
    def encrypted(self) -> bool:
        return len(self.segments) == 5


def read_token(text: str) -> Token:
    """Take a token apart.

    Raises Refused: FailedToDecode without three or five parts, INVALID when the header is not base64url (what
    deployments answer to a token that still has its `Bearer ` before it), InvalidJsonFormat when it is not JSON.
    """
    segments = text.split(".", 5)
    if len(segments) not in (3, 5):
        raise Refused("FailedToDecode")
    header, header_text = (_header if len(segments[0]) <= _REMEMBERED else _read_header)(segments[0])
    return Token(text, segments, header, header_text)


def _read_header(segment: str) -> tuple[dict[str, Any], str]:
    try:
        data = decode(segment)
    except ValueError:
        raise Refused(INVALID) from None
    try:
        text = data.decode("utf-8")
        return read_object(text), text
    except ValueError:
        raise Refused("InvalidJsonFormat") from None


_header = lru_cache(512)(_read_header)


def read_payload(data: bytes) -> tuple[dict[str, Any], str]:
    """Claims and their JSON text. Raises Refused: InvalidJsonFormat."""
    try:
        text = data.decode("utf-8")
        return read_object(text), text
    except ValueError:
        raise Refused("InvalidJsonFormat") from None
