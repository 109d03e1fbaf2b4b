"""XML as JSON: which members an element's attributes, children and text become.

Source: XMLToJSON policy reference. Where that page is silent:

- attributes are always strings, also where numbers are recognised in text;
- text of nothing but blanks is no text, other text is kept with its blanks;
- `StripLevels` drops the outer elements with their attributes; of several elements on a level that is dropped the
  contents are put together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from lxml import etree
from msgspec import Struct, field

#: RFC 8259 §6. What is no number there (a leading zero, a trailing dot) stays the string that it was.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,3})?")
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_INFINITE = float("inf")

to_json = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class ArrayPath(Struct):
    """A step of the paths that always give arrays: the elements below it by name."""

    array: bool = False
    unwrap: bool = False
    below: dict[str, ArrayPath] = field(default_factory=dict)

    def add(self, path: str, unwrap: bool) -> None:
        """Add `a/b/c`; a slash at the start is allowed, as bundles write it."""
        here = self
        for name in path.strip().strip("/").split("/"):
            here = here.below.setdefault(name.strip(), ArrayPath())
        here.array = True
        here.unwrap = here.unwrap or unwrap


class Format(Struct, frozen=True):
    """How XML becomes JSON; the names are those of the policy's options."""

    recognize_number: bool = False
    recognize_boolean: bool = False
    recognize_null: bool = False
    null_value: object = None
    namespace_block: str = ""
    default_namespace: str = ""
    separator: str = ""
    text_always: bool = False
    text_name: str = "#text"
    attribute_block: str = ""
    attribute_prefix: str = ""
    strip_levels: int = 0
    arrays: ArrayPath | None = None


#: what the four names of `<Format>` stand for (XMLToJSON policy reference)
FORMATS = {
    "xml.com": Format(recognize_null=True, attribute_prefix="@"),
    "yahoo": Format(recognize_number=True, text_name="content"),
    "google": Format(text_name="$t", separator="$", text_always=True),
    "badgerfish": Format(
        text_name="$",
        text_always=True,
        attribute_prefix="@",
        separator=":",
        namespace_block="@xmlns",
        default_namespace="$",
    ),
}


def compile_format(format: Format) -> Callable[[etree._Element], Any]:
    """A function from a root element to the JSON value: dicts, lists and scalars."""
    empty = _empty(format)
    scalar = _scalar(format)
    name_of = _names(format.separator)
    attribute_names: dict[str, str] = {}
    text_name, text_always = format.text_name, format.text_always
    block, prefix, separator = format.attribute_block, format.attribute_prefix, format.separator
    namespaces = format.namespace_block

    def attribute_name(element: etree._Element, name: str) -> str:
        if name[0] != "{":
            return prefix + name
        uri, _, local = name[1:].partition("}")
        if not separator:
            return prefix + local
        if uri == _XML_NAMESPACE:
            return f"{prefix}xml{separator}{local}"
        used = next((key for key, value in element.nsmap.items() if key and value == uri), "")
        return f"{prefix}{used}{separator}{local}"

    def put_attributes(element: etree._Element, members: dict[str, Any]) -> None:
        into = members.setdefault(block, {}) if block else members
        for name, value in cast("list[tuple[str, str]]", element.items()):
            short = attribute_names.get(name)
            if short is None:
                short = attribute_name(element, name)
                if name[0] != "{" and len(attribute_names) < 4096:
                    attribute_names[name] = short
            into[short] = value

    def convert(
        element: etree._Element, arrays: ArrayPath | None, outer: dict[str | None, str] | None
    ) -> Any:
        declared: dict[str | None, str] | None = None
        members: dict[str, Any] = {}
        if namespaces:
            declared = element.nsmap
            if declared != outer:
                new = {
                    key or format.default_namespace: uri
                    for key, uri in declared.items()
                    if outer is None or outer.get(key) != uri
                }
                if new:
                    members[namespaces] = new
        if element.attrib:
            put_attributes(element, members)
        if not len(element):
            text = element.text
            if text is None or not text.strip():
                return members or empty()
            value = scalar(text)
            if members or text_always:
                members[text_name] = value
                return members
            return value
        put_content(element, members, arrays, declared)
        if not members:
            return empty()
        if arrays is not None and len(members) == 1:
            (only,) = members
            path = arrays.below.get(only)
            if path is not None and path.unwrap:
                return members[only]
        return members

    def put_content(
        element: etree._Element,
        members: dict[str, Any],
        arrays: ArrayPath | None,
        declared: dict[str | None, str] | None,
        content: Iterable[etree._Element] | None = None,
    ) -> None:
        lists: dict[str, list[Any]] = {}
        text = element.text
        if text is not None and text.strip():
            members[text_name] = scalar(text)
        below = arrays.below if arrays is not None else None
        for child in element if content is None else content:
            tag = child.tag
            if tag.__class__ is str:
                name = name_of(child, tag)
                path = below.get(name) if below else None
                value = convert(child, path, declared)
                known = lists.get(name)
                if known is not None:
                    known.append(value)
                elif name in members:
                    lists[name] = members[name] = [members[name], value]
                elif path is not None and path.array:
                    lists[name] = members[name] = [value]
                else:
                    members[name] = value
            text = child.tail
            if text is not None and text.strip():
                value = scalar(text)
                known = lists.get(text_name)
                if known is not None:
                    known.append(value)
                elif text_name in members:
                    lists[text_name] = members[text_name] = [members[text_name], value]
                else:
                    members[text_name] = value

    arrays, levels = format.arrays, format.strip_levels

    def whole(root: etree._Element) -> Any:
        name = name_of(root, root.tag)
        path = arrays.below.get(name) if arrays is not None else None
        value = convert(root, path, None)
        return {name: [value] if path is not None and path.array else value}

    def stripped(root: etree._Element) -> Any:
        level, path = [root], arrays
        for _ in range(levels - 1):
            below = [child for element in level for child in element if child.tag.__class__ is str]
            if not below:
                break
            path = path.below.get(name_of(level[0], level[0].tag)) if path is not None else None
            level = below
        path = path.below.get(name_of(level[0], level[0].tag)) if path is not None else None
        if len(level) == 1:
            return convert(level[0], path, None)
        members: dict[str, Any] = {}
        children = [child for element in level for child in element]
        put_content(etree.Element("level"), members, path, None, children)
        return members

    return stripped if levels else whole


def _empty(format: Format) -> Callable[[], Any]:
    """What an element without attributes and content becomes."""
    if format.recognize_null:
        null = format.null_value
        return lambda: null
    return dict


def _scalar(format: Format) -> Callable[[str], Any]:
    numbers, booleans = format.recognize_number, format.recognize_boolean
    if not numbers and not booleans:
        return lambda text: text

    def scalar(text: str) -> Any:
        if booleans:
            if text == "true":
                return True
            if text == "false":
                return False
        if numbers and text[0] in "-0123456789":
            match = _NUMBER.fullmatch(text)
            if match is not None:
                if match[1] is None and match[2] is None:
                    return int(text)
                number = float(text)
                return text if number in (_INFINITE, -_INFINITE) else number
        return text

    return scalar


def _names(separator: str) -> Callable[[etree._Element, str], str]:
    """The member's name for an element: its local name, with a separator its prefix before it."""
    local_names: dict[str, str] = {}

    def local(element: etree._Element, tag: str) -> str:
        name = local_names.get(tag)
        if name is None:
            name = tag.rpartition("}")[2]
            if len(local_names) < 4096:
                local_names[tag] = name
        return name

    if not separator:
        return local

    def qualified(element: etree._Element, tag: str) -> str:
        prefix = element.prefix if tag[0] == "{" else None
        return f"{prefix}{separator}{local(element, tag)}" if prefix else local(element, tag)

    return qualified
