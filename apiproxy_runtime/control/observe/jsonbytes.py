"""JSON of what is reported, fast: a log has a line for each request."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(enc_hook=str).encode


def as_json(value: Any) -> bytes:
    """Compact JSON in UTF-8; what JSON does not know is written as text, bytes that were no text as `?`."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, TypeError, ValueError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode(
            "utf-8", "replace"
        )
