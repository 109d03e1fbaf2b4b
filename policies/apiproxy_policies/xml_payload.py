"""`<XMLPayload>` of ExtractVariables: values from an XML body, by XPath 1.0."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from apiproxy_policies.extraction import MISSING_NAME, TYPES, Extract, Extraction, Path, Type
from apiproxy_policies.namespaces import Namespaces
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    NotANodeset,
    XPath,
    XPathFailed,
    XPathSyntaxError,
    attribute,
    compile_xpath,
    many,
    nested,
    text_of,
)

_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
#: Axes that the reference page says are not supported.
_AXES = re.compile(
    r"\b(parent|ancestor|ancestor-or-self|following|following-sibling|preceding|preceding-sibling)\s*::"
)
#: A path that begins with a name: it starts at the document, not at its root element.
_RELATIVE = re.compile(r"(?:[^\W\d][\w.\-]*:)?(?:[^\W\d][\w.\-]*|\*)\s*(?:[/\[]|$)")


class XMLVariable(Element):
    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    type: Type = attribute(
        "type", TYPES, default="string", error="InstantiationFailed", doc="what the value becomes"
    )
    paths: tuple[Path, ...] = many("XPath", Path, doc="XPath 1.0; the first that finds something counts")


class XMLPayload(Element):
    """Values from an XML body, of messages only if their Content-Type is one of XML."""

    tag = "XMLPayload"
    stop: bool = attribute(
        "stopPayloadProcessing", BOOLEAN, default=False, doc="true: end after the first variable that was set"
    )
    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    items: tuple[XMLVariable, ...] = many("Variable", XMLVariable)

    def compile(self, extraction: Extraction) -> Extract | None:
        prefixes = self.namespaces.read(extraction.site) if self.namespaces is not None else {}
        fetch = [_compile_xml(item, prefixes, extraction) for item in self.items]
        if not fetch:
            return None
        stop = self.stop

        def xml_payload(ctx: MessageContext, source: Any) -> None:
            if source.__class__ is Message:
                if not is_xml(source.content_type()):
                    return
            else:
                source = as_message(text_of(source))
            try:
                root = source.xml()
            except (etree.XMLSyntaxError, ValueError):
                raise extraction.fault("ExecutionFailed") from None
            for each in fetch:
                if each(ctx, root) and stop:
                    return

        return xml_payload


def is_xml(content_type: str) -> bool:
    """Whether a body of that media type counts as XML."""
    return content_type in ("text/xml", "application/xml") or (
        content_type.startswith("application/") and content_type.endswith("+xml")
    )


def as_message(content: str) -> Message:
    """XML text in a variable as a message, whose parser is the hardened one; it is UTF-8 whatever it says."""
    message = Message.response()
    message.content = _XML_DECLARATION.sub("", content, count=1)
    return message


def _compile_xml(
    item: XMLVariable, prefixes: dict[str, str], extraction: Extraction
) -> Callable[[MessageContext, Any], bool]:
    if not item.paths:
        extraction.error(item.node, "NoXPathsToEvaluate", "Add an <XPath>.", name=item.name)
    finds = [
        path for each in item.paths if (path := _read_xpath(each, item, prefixes, extraction)) is not None
    ]
    put, convert, type_name = (
        extraction.writer(item.name, item.node),
        _VALUES.get(item.type),
        item.type.upper(),
    )

    def fetch(ctx: MessageContext, root: Any) -> bool:
        for find in finds:
            try:
                found = find(root)
            except XPathFailed as failed:
                raise extraction.fault("UnableToCast", value=failed.value, TYPE=type_name) from None
            if found is not None:
                put(ctx, found if convert is None else convert(found))
                return True
        return False

    return fetch


def _read_xpath(
    item: Path, owner: XMLVariable, prefixes: dict[str, str], extraction: Extraction
) -> XPath | None:
    source = item.expression
    if not source:
        extraction.error(item.node, "EmptyXPathExpression", "Write an XPath expression.", name=owner.name)
        return None
    axis = _AXES.search(source)
    if axis is not None:
        extraction.site.warning(
            item.node,
            "UnsupportedXPathAxis",
            f"the axis {axis[1]} is not supported by Apigee",
            "Write the path from the document downwards.",
        )
    try:
        return compile_xpath(_from_document(source), prefixes, kind=owner.type)
    except NotANodeset as error:
        extraction.error(
            item.node, "CannotBeConvertedToNodeset", f"Choose another type: {error}.", xpath=source
        )
    except XPathSyntaxError as error:
        extraction.error(item.node, "XPathCompilationFailed", f"Correct it: {error}.", xpath=source)
    return None


def _from_document(source: str) -> str:
    """Apigee evaluates paths at the document, so a relative path names the root element first."""
    if source.startswith("./"):
        return source[1:]
    return f"/{source}" if _RELATIVE.match(source) else source


_VALUES: dict[Type, Callable[[str], object]] = {
    "boolean": "true".__eq__,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}
