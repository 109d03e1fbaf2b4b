"""Template functions that change text."""

from __future__ import annotations

import base64
import binascii
import json
import re

from apiproxy_runtime.expression.template.failure import CallFailed


def encode_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def decode_base64(text: str) -> str:
    """The decoded text; base64url, and whatever else is not base64, gives nothing (message templates page)."""
    packed = "".join(text.split()).rstrip("=")
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return data.decode("utf-8", "replace")


def substring(text: str, start: str, end: str | None = None) -> str:
    """Indexes out of range are cut to the text, and a start after the end gives nothing."""
    first = integer(start)
    last = len(text) if end is None else integer(end)
    if first < 0:
        first = max(first + len(text), 0)
    if last < 0:
        last = max(last + len(text), 0)
    return text[first:last]


def integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CallFailed(f"{text!r} is not a whole number") from None


def escape_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_ENTITIES = {
    ord(c): e for c, e in {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&apos;"}.items()
}
_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
_NOT_IN_XML_10 = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML: dict[int, str] = _ENTITIES | {c: f"&#{c};" for c in [*range(0x7F, 0x85), *range(0x86, 0xA0)]}
_XML_11: dict[int, str] = _XML | {c: f"&#{c};" for c in range(1, 0x20) if c not in (9, 10, 13)}
_HTML: dict[int, str] = _ENTITIES | {ord("'"): "&#39;"}


def escape_xml(text: str) -> str:
    """For XML 1.0, which cannot hold most control characters at all: those are dropped."""
    return _NOT_IN_XML_10.sub("", text).translate(_XML)


def escape_xml11(text: str) -> str:
    return _NOT_IN_XML.sub("", text).translate(_XML_11)


def encode_html(text: str) -> str:
    return text.translate(_HTML)
