"""XML for scripts: parsed here, safely, and handed over as a tree in JSON; the prelude makes E4X objects of it."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

_WRAPPER = "e4x-content"
_DECLARATION = re.compile(r"^\s*<\?xml\b.*?\?>", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)


def parse_xml(text: str) -> list[Any]:
    """The top-level nodes of a document or fragment.

    An element is `["element", name, uri, prefix, [[name, uri, prefix, value], …], [[prefix, uri], …], [child, …]]`,
    text a string, a comment `["comment", null, text]`, a processing instruction
    `["processing-instruction", target, text]`. The XML declaration and the document type are left out.
    Raises ValueError for text that is no XML.
    """
    body = _DOCTYPE.sub("", _DECLARATION.sub("", text, count=1), count=1)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(f"<{_WRAPPER}>{body}</{_WRAPPER}>".encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"the text is no XML: {error.msg}") from None
    return _children(root, {})


def _children(node: etree._Element, known: dict[str | None, str]) -> list[Any]:
    found: list[Any] = [node.text] if node.text else []
    for child in node:
        found.append(_node(child, known))
        if child.tail:
            found.append(child.tail)
    return found


def _node(node: etree._Element, known: dict[str | None, str]) -> Any:
    if isinstance(node, etree._ProcessingInstruction):
        return ["processing-instruction", node.target, node.text or ""]
    if isinstance(node, etree._Comment):
        return ["comment", None, node.text or ""]
    if not isinstance(node.tag, str):
        return node.text or ""
    name = etree.QName(node)
    declared = [[prefix or "", uri] for prefix, uri in node.nsmap.items() if known.get(prefix) != uri]
    prefixes = {uri: prefix for prefix, uri in node.nsmap.items() if prefix}
    attributes = []
    for key, value in node.attrib.items():
        attribute = etree.QName(key)
        uri = attribute.namespace or ""
        attributes.append([attribute.localname, uri, prefixes.get(uri, "xml" if uri else ""), value])
    return [
        "element",
        name.localname,
        name.namespace or "",
        node.prefix or "",
        attributes,
        declared,
        _children(node, dict(node.nsmap)),
    ]
