"""JSON text, read as fast as it can be and as lenient as Python's own reader is."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_json(text: bytes | str | msgspec.Raw) -> Any:
    """The value of a JSON text, just as `json.loads` gives it.

    msgspec reads several times as fast, and the same: of repeated names the last counts, integers keep all their
    digits. What it refuses (NaN, a byte order mark, half of a surrogate pair, numbers beyond a double, and what is no
    JSON at all) goes to `json`, whose errors are the ones we report. Raises json.JSONDecodeError (a ValueError), and
    RecursionError for what is nested too deep.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError):
        return json.loads(bytes(text) if isinstance(text, msgspec.Raw) else text)


def read_members(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, their values unread: for whoever wants one of them. None if that cannot be told.

    Reading the one afterwards, with `read_json`, costs a fraction of reading them all.
    """
    try:
        members: dict[str, msgspec.Raw] = _decode_members(text)
    except (msgspec.MsgspecError, ValueError):
        return None
    return members
