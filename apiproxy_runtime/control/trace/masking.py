"""What a recording must not show: variables that begin with `private.`, and what the environment's debug mask names.

As on the platform nothing else is hidden: an Authorization header shows unless the mask names
`request.header.Authorization`. Source: "Masking and hiding data".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote_plus

from jsonpath_ng.ext.parser import parse
from lxml import etree

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.control.trace.transaction import MASKED
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import FORM_TYPE

_PART = re.compile(
    r"(request|response|message|error)\.(?:(header|queryparam|formparam)\.(.+)|(content|querystring|uri))"
)
_BODIES = frozenset(("request.content", "response.content", "message.content", "error.content"))
_XML = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
Cover = Callable[[bytes], bytes]


class Masks:
    """The mask of an environment, compiled. Paths that cannot be read mask nothing; they are in `broken`."""

    def __init__(self, mask: DebugMask) -> None:
        self.broken: list[str] = []
        self.variables = frozenset(name.lower() for name in mask.variables)
        self.headers: set[str] = set()
        self.parameters: set[str] = set()
        self.form: set[str] = set()
        self.whole: set[str] = set()
        for name in self.variables:
            match = _PART.fullmatch(name)
            if match is None:
                continue
            root, part, key, whole = match.groups()
            if part == "header":
                self.headers.add(key)
            elif part == "queryparam":
                self.parameters.add(key)
            elif part == "formparam":
                self.form.add(key)
            elif whole == "content":
                self.whole |= {"request", "response", "fault"} if root == "message" else {_kind_of(root)}
        self._json = {
            "request": self._json_paths(mask.request_json_paths),
            "response": self._json_paths(mask.response_json_paths),
            "fault": self._json_paths(mask.fault_json_paths),
        }
        self._xml = {
            "request": self._xpaths(mask.request_xpaths, mask.namespaces),
            "response": self._xpaths(mask.response_xpaths, mask.namespaces),
            "fault": self._xpaths(mask.fault_xpaths, mask.namespaces),
        }
        self.covers_bodies = bool(
            self.form or self.whole or any(self._json.values()) or any(self._xml.values())
        )
        #: whether nothing is hidden but `private.` variables
        self.idle = not self.variables and not self.covers_bodies

    def hides(self, name: str) -> bool:
        """Whether the value of a variable is not to be shown."""
        if name[:8] == "private.":
            return True
        return bool(self.variables) and name.lower() in self.variables

    def value(self, name: str, text: str) -> str:
        """The text of a variable, masked as a body is where it is one."""
        if self.hides(name):
            return MASKED
        if self.covers_bodies and name in _BODIES:
            kinds = ("request", "response", "fault") if name == "message.content" else (_kind_of(name),)
            data = text.encode()
            for kind in kinds:
                data = self.body(data, kind, "")
            return data.decode()
        if self.parameters and name.endswith((".uri", ".querystring", ".url")):
            return self.uri(text if "?" in text else f"?{text}").removeprefix("" if "?" in text else "?")
        return text

    def lines(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        """The header lines, masked."""
        if not self.headers:
            return tuple(headers)
        return tuple((name, MASKED if name.lower() in self.headers else value) for name, value in headers)

    def uri(self, uri: str) -> str:
        """Path and query, with masked query parameters."""
        path, mark, query = uri.partition("?")
        if not mark or not self.parameters:
            return uri
        return f"{path}?{_cover_pairs(query, self.parameters)}"

    def body(self, data: bytes, kind: str, content_type: str) -> bytes:
        """The body of a `request`, `response` or `fault`, masked; unchanged where no path finds anything."""
        if kind in self.whole:
            return MASKED.encode()
        start = data.lstrip()[:1]
        if start in (b"{", b"[") and self._json[kind]:
            return _cover_json(data, self._json[kind])
        if start == b"<" and self._xml[kind]:
            return _cover_xml(data, self._xml[kind])
        if self.form and content_type == FORM_TYPE:
            return _cover_pairs(data.decode("utf-8", "replace"), self.form).encode()
        return data

    def _json_paths(self, paths: Sequence[str]) -> list[Any]:
        found = []
        for path in paths:
            try:
                found.append(parse(path))
            except Exception:  # the library raises what its parser generator happens to raise
                self.broken.append(path)
        return found

    def _xpaths(self, paths: Sequence[str], namespaces: dict[str, str]) -> list[etree.XPath]:
        found = []
        for path in paths:
            try:
                found.append(etree.XPath(path, namespaces=namespaces))
            except etree.XPathError:
                self.broken.append(path)
        return found


def _kind_of(name: str) -> str:
    root = name.partition(".")[0]
    return "fault" if root == "error" else root


def _cover_json(data: bytes, paths: Sequence[Any]) -> bytes:
    try:
        held: Any = json.loads(data)
    except ValueError:
        return data
    found = False
    for path in paths:
        if path.find(held):
            found = True
            held = path.update(held, MASKED)
    return json.dumps(held, ensure_ascii=False).encode() if found else data


def _cover_xml(data: bytes, paths: Sequence[etree.XPath]) -> bytes:
    try:
        tree = etree.fromstring(data, _XML)
    except (etree.XMLSyntaxError, ValueError):
        return data
    found = False
    for path in paths:
        try:
            nodes = path(tree)
        except etree.XPathError:
            continue
        for node in nodes if isinstance(nodes, list) else ():
            found = True
            if isinstance(node, etree._Element):
                node[:] = []
                node.text = MASKED
            elif isinstance(node, etree._ElementUnicodeResult):
                parent = node.getparent()
                if parent is not None and node.attrname:
                    parent.set(node.attrname, MASKED)
                elif parent is not None and node.is_tail:
                    parent.tail = MASKED
                elif parent is not None:
                    parent.text = MASKED
    return etree.tostring(tree) if found else data


def _cover_pairs(text: str, names: set[str]) -> str:
    items = []
    for item in text.split("&"):
        name, mark, _ = item.partition("=")
        items.append(f"{name}={MASKED}" if mark and unquote_plus(name).lower() in names else item)
    return "&".join(items)
