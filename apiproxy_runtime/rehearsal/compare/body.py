"""Bodies: the comparator that fits what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lxml import etree

from apiproxy_runtime.gateway.http.content_encoding import BadEncoding, UnsupportedEncoding, decode
from apiproxy_runtime.gateway.http.errors import BodyTooBig
from apiproxy_runtime.message.message import FORM_TYPE
from apiproxy_runtime.rehearsal.compare.form import compare_form
from apiproxy_runtime.rehearsal.compare.jsontree import compare_json
from apiproxy_runtime.rehearsal.compare.text import compare_bytes, compare_text
from apiproxy_runtime.rehearsal.compare.xmltree import compare_xml
from apiproxy_runtime.rehearsal.difference import Mismatch
from apiproxy_runtime.rehearsal.exchange import HeaderPairs, charset, header_values, media_type

#: Beyond this many bytes after decompression a body is compared as bytes.
LIMIT = 50 * 1024 * 1024
#: Differences of one body that are told; more say no more.
MOST = 50
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_UNREADABLE: Any = object()


def compare_bodies(
    before_headers: HeaderPairs, before: bytes, after_headers: HeaderPairs, after: bytes
) -> Iterator[Mismatch]:
    """Differences of two bodies; paths are `body`, with a JSON path, an XML path, or a form's name behind it.

    Content coding is undone first: which coding was chosen shows in the headers.
    """
    if before == after and _coding(before_headers) == _coding(after_headers):
        return
    old, new = decoded(before_headers, before), decoded(after_headers, after)
    if old == new:
        return
    found = False
    for mismatch in _compared(before_headers, old, after_headers, new):
        path = mismatch.path
        lead = "" if not path or path[0] in "$/" else "."
        found = True
        yield Mismatch(f"body{'.' if path[:1] == '$' else ''}{lead}{path}", *mismatch[1:])
    if not found:
        yield Mismatch("body", "layout", f"{len(old)} bytes", f"{len(new)} bytes")


def _compared(
    before_headers: HeaderPairs, old: bytes, after_headers: HeaderPairs, new: bytes
) -> Iterator[Mismatch]:
    types = {media_type(before_headers), media_type(after_headers)}
    if not old or not new:
        yield from (
            compare_bytes(old, new)
            if _binary(old or new)
            else iter([Mismatch("", "content", as_text(before_headers, old), as_text(after_headers, new))])
        )
        return
    one, other = _json(old), _json(new)
    if one is not _UNREADABLE and other is not _UNREADABLE:
        yield from _first(compare_json(one, other))
        return
    if types == {FORM_TYPE}:
        yield from _first(compare_form(old.decode("utf-8", "replace"), new.decode("utf-8", "replace")))
        return
    tree, tree_after = _xml(old), _xml(new)
    if tree is not None and tree_after is not None:
        yield from _first(compare_xml(tree, tree_after))
        return
    if _binary(old) or _binary(new):
        yield from compare_bytes(old, new)
    else:
        yield from compare_text(as_text(before_headers, old), as_text(after_headers, new))


def _first(found: Iterator[Mismatch]) -> Iterator[Mismatch]:
    for number, mismatch in enumerate(found):
        if number == MOST:
            yield Mismatch("", "content", "more differences", "more differences")
            return
        yield mismatch


def decoded(headers: HeaderPairs, body: bytes) -> bytes:
    """A body without its content coding; as it is when that cannot be undone."""
    coding = _coding(headers)
    if not coding:
        return body
    try:
        return decode(body, coding, LIMIT)
    except (BadEncoding, UnsupportedEncoding, BodyTooBig):
        return body


def as_text(headers: HeaderPairs, body: bytes) -> str:
    """A body as text in the charset that its headers name."""
    return body.removeprefix(b"\xef\xbb\xbf").decode(charset(headers), "replace")


def _coding(headers: HeaderPairs) -> str:
    return ", ".join(header_values(headers, "content-encoding"))


def _json(body: bytes) -> Any:
    if body.lstrip()[:1] not in (b"{", b"["):
        return _UNREADABLE
    try:
        return json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return _UNREADABLE


def _xml(body: bytes) -> etree._Element | None:
    if body.lstrip()[:1] != b"<":
        return None
    try:
        return etree.fromstring(body.strip(), _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _binary(body: bytes) -> bool:
    return b"\0" in body[:4096] or _undecodable(body[:4096])


def _undecodable(head: bytes) -> bool:
    """Whether the beginning is no text: too much of it is neither UTF-8 nor printable."""
    text = head.decode("utf-8", "replace")
    strange = sum(
        1 for character in text if character == "\ufffd" or (character < " " and character not in "\t\r\n")
    )
    return strange * 10 > len(text)
