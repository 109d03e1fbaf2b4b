"""XSLT 1.0 on lxml. It reads no file, writes none and calls nobody; other stylesheets come from the bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from lxml import etree
from msgspec import Struct

from apiproxy_policies.xslt.engine import Engine, Job, TransformFailed
from apiproxy_policies.xslt.stylesheet import XSL, Stylesheet, StylesheetError
from apiproxy_runtime.policy.api import Message

_XSL = f"{{{XSL}}}"
_EXSLT = "http://exslt.org/common"
_WHOLE_TEMPLATE = re.compile(r"\{[^{}]*\}")
#: a quick stylesheet takes about a millisecond for so many bytes
_INLINE = 32 * 1024
#: neither files nor network, to read or to write (the stubs do not know the name)
_CLOSED = cast("Any", etree.XSLTAccessControl).DENY_ALL


def compile_libxslt(sheet: Stylesheet) -> Engine:
    """Compile a stylesheet. Raises StylesheetError."""
    parts = {name: _in_terms_of_1_0(part) for name, part in sheet.parts.items()}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_Parts({name: etree.tostring(part) for name, part in parts.items()}))
    for root in (sheet.root, *parts.values()):
        for part in root.iterchildren(f"{_XSL}include", f"{_XSL}import"):
            part.set("href", _url(str(part.get("href"))))
    root = etree.fromstring(etree.tostring(_in_terms_of_1_0(sheet.root)), parser, base_url=_url(sheet.name))
    try:
        transform = etree.XSLT(root, access_control=_CLOSED, regexp=False)
    except etree.XSLTParseError as error:
        raise StylesheetError(*_first_error(error, sheet.name)) from None

    def job(message: Message, parameters: Mapping[str, str]) -> Job:
        return _Job(transform, message, parameters)

    return Engine(job, sheet.encoding, _INLINE if sheet.quick else 0)


class _Job(Struct):
    transform: Any
    message: Message
    parameters: Mapping[str, str]

    def run(self) -> bytes:
        try:
            tree = self.message.xml()
        except (etree.XMLSyntaxError, ValueError) as error:
            raise TransformFailed(str(error)) from None
        quoted = {name: etree.XSLT.strparam(value) for name, value in self.parameters.items()}
        try:
            return bytes(self.transform(tree, **quoted))
        except (etree.XSLTApplyError, etree.SerialisationError) as error:
            raise TransformFailed(str(error)) from None

    def stop(self) -> None:
        """libxslt cannot be stopped from outside; it ends by its own limits of depth."""


class _Parts(etree.Resolver):
    """Finds included stylesheets among the bundle's resources, and nothing else anywhere."""

    def __init__(self, parts: dict[str, bytes]) -> None:
        self.parts = {_url(name): data for name, data in parts.items()}

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> Any:
        data = self.parts.get(system_url)
        return self.resolve_string(data or b"<nothing/>", context, base_url=system_url)


def _url(name: str) -> str:
    return f"xsl://resource/{name}"


def _first_error(error: etree.XSLTParseError, name: str) -> tuple[str, str, int]:
    for entry in error.error_log:
        if entry.line:
            file = entry.filename.removeprefix("xsl://resource/") if entry.filename else name
            return entry.message, file if "<" not in file else name, entry.line
    return str(error), name, 0


def _in_terms_of_1_0(root: etree._Element) -> etree._Element:
    """Replace each `xsl:namespace` (2.0) by a copy of the namespace node of an element that is made for it.

    It is what stylesheets that call themselves 1.0 use when they were written for Apigee, whose engine knows 2.0.
    """
    for number, node in enumerate(list(root.iter(f"{_XSL}namespace"))):
        parent = node.getparent()
        if parent is None:
            continue
        variable = f"namespace-node-{number}"
        made = etree.Element(f"{_XSL}variable", name=variable)
        value = node.get("select")
        uri = f"{{{value}}}" if value else (node.text or "").strip()
        etree.SubElement(made, f"{_XSL}element", name=f"{node.get('name')}:x", namespace=uri)
        copy = etree.Element(f"{_XSL}copy-of", nsmap={"exslt": _EXSLT})
        copy.set("select", f"exslt:node-set(${variable})/*/namespace::*[name() != 'xml']")
        copy.tail = node.tail
        parent.replace(node, copy)
        copy.addprevious(made)
    return root
