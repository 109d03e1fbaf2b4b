"""Template functions that look into JSON and XML."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lxml import etree

from apiproxy_runtime.expression.boundedregex import RegexTimeout
from apiproxy_runtime.expression.jsonpath import MISSING, compile_jsonpath, to_text
from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.expression.xpath import Kind, XPath, XPathFailed, compile_xpath
from apiproxy_runtime.message.jsontext import read_json
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of

path = compile_jsonpath

#: The document is text already: an encoding that it declares is no longer its own.
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_KINDS: dict[str, Kind] = {
    "nodeset": "nodeset",
    "node": "node",
    "number": "number",
    "boolean": "boolean",
    "string": "string",
}


def json_path(expression: str, document: str, want_array: str = "false") -> str:
    """No match, or no JSON, gives nothing; of an array the first element counts, unless all are wanted."""
    try:
        compiled = compile_jsonpath(expression)
    except ValueError as error:
        raise CallFailed(str(error)) from None
    try:
        value = compiled.find(read_json(document))
    except (ValueError, RecursionError):
        return ""
    except RegexTimeout as error:
        raise CallFailed(str(error)) from None
    return _found(value, want_array)


def json_path_of_message(expression: str, want_array: str = "false") -> Callable[[Message], str]:
    """The same for the body of a message, which is parsed once for all who ask. Raises ValueError for the path."""
    compiled = compile_jsonpath(expression)
    find, member = compiled.find, compiled.member

    def of_message(message: Message) -> str:
        try:
            document = message.json() if member is None else message.json_member(member)
        except (ValueError, RecursionError):
            # another charset, perhaps: the text may be JSON where the bytes are not
            return json_path(expression, message.content, want_array)
        try:
            return _found(find(document), want_array)
        except RegexTimeout as error:
            raise CallFailed(str(error)) from None

    return of_message


def _found(value: Any, want_array: str) -> str:
    """The text of what a path found."""
    if value.__class__ is list and want_array.lower() != "true":
        if not value:
            return ""
        value = value[0]
    if value is MISSING:
        return ""
    return to_text(value) if value.__class__ in (dict, list) else text_of(value)


def xpath(expression: str, document: str, *rest: str) -> str:
    """`rest` is the type, and namespaces as `prefix:uri`; an unknown type means nodeset. No match gives nothing."""
    compiled = _xpath(expression, rest)
    try:
        root = etree.fromstring(_DECLARATION.sub("", document).encode("utf-8", "replace"), _parser())
        return compiled(root) or ""
    except (etree.XMLSyntaxError, XPathFailed, ValueError):
        return ""


@lru_cache(256)
def _xpath(expression: str, rest: tuple[str, ...]) -> XPath:
    namespaces, kind = dict[str, str](), "nodeset"
    for argument in rest:
        prefix, colon, uri = argument.partition(":")
        if colon:
            namespaces[prefix] = uri
        else:
            kind = argument.lower()
    try:
        return compile_xpath(expression, namespaces, kind=_KINDS.get(kind, "nodeset"))
    except ValueError as error:
        raise CallFailed(str(error)) from None


def _parser() -> etree.XMLParser:
    """A parser that reads nothing but the text it is given."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
