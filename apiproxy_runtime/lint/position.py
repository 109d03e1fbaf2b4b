"""Where in a file a character of an element's text stands, behind entities, CDATA sections and comments."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.xml import Node

_START_TAG = re.compile(r"""<[^\s/>]+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_PIECE = re.compile(
    r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(?P<cdata>.*?)\]\]>|(?P<entity>&[^;\s]+;)|(?P<tag><)|(?P<text>[^<&]+)",
    re.DOTALL,
)


def place_in(node: Node, offset: int) -> Place:
    """The place of a character of `node.text`, counted from 0. In text after a child element: the child's place."""
    source = node.outer_xml()
    tag = _START_TAG.match(source)
    at = tag.end() if tag else 0
    for piece in _PIECE.finditer(source, at):
        at = piece.start()
        if piece["tag"]:
            break
        text = piece["cdata"] if piece["cdata"] is not None else piece["text"]
        length = 1 if piece["entity"] else len(text or "")
        if offset < length:
            at = piece.start("cdata") if piece["cdata"] is not None else at
            at += 0 if piece["entity"] else offset
            break
        offset -= length
        at = piece.end()
    before = source[:at]
    lines = before.count("\n")
    column = len(before) - before.rfind("\n") if lines else node.column + len(before)
    return Place(node.file, node.line + lines, column)
