"""What `crypto` computes: hashes and dates. Source: JavaScript object model page."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apiproxy_runtime.expression.simpledateformat import compile_format

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_SPELLINGS = {name.replace("-", ""): name for name in _HASHES}
_SHIFT = re.compile(r"GMT([+-])(\d{1,2}):?(\d{2})?")


def algorithm(name: str) -> str:
    """The name of a hash as Java spells it. Raises ValueError."""
    found = _SPELLINGS.get(name.upper().replace("-", ""))
    if found is None:
        raise ValueError(f'crypto.getHash: "{name}" is none of {", ".join(_HASHES)}')
    return found


def digest(name: str, text: str, encoding: str) -> str:
    """The hash of text in UTF-8, as `hex` or `base64`."""
    value = hashlib.new(_HASHES[name], text.encode(), usedforsecurity=False).digest()
    return value.hex() if encoding == "hex" else base64.b64encode(value).decode()


def format_date(pattern: str, zone: str, seconds: float) -> str:
    """A time after a SimpleDateFormat pattern. Raises ValueError for a pattern that is none."""
    return compile_format(pattern)(seconds, time_zone(zone))


@lru_cache(256)
def time_zone(name: str) -> tzinfo:
    """A time zone by the ids of java.util.TimeZone; as there, an unknown one is GMT."""
    shift = _SHIFT.fullmatch(name)
    if shift is not None:
        minutes = int(shift[2]) * 60 + int(shift[3] or 0)
        return timezone(timedelta(minutes=-minutes if shift[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
