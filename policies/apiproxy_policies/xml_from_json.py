"""JSON as XML: which elements and attributes an object's members become.

Source: JSONToXML policy reference. Where that page is silent:

- numbers are written as they stand in the JSON, true and false as words, null as an empty element;
- an empty array as a member gives no element;
- characters that no XML name may have are replaced by `_` unless InvalidCharsReplacement says by what, so that the
  result is always well-formed; characters that XML cannot hold at all (control characters) are left out of text;
- an object whose only member is an array, or no element, gets the root element that objects with several members get.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
#: what XML 1.0 lets a name begin with, and what may follow (NameStartChar, NameChar)
_STARTS = (
    ":A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NO_NAME = re.compile(f"[^{_STARTS}0-9.\u00b7\u0300-\u036f\u203f\u2040-]+")
_NO_START = re.compile(f"[^{_STARTS}]")
#: what has to be escaped, or cannot be in XML at all, in text and in attributes
_MARKUP = re.compile(r"[&<>\r]|[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTED = re.compile(r"[&<>\"\t\n\r]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON value")


_decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant).decode


class Style(Struct, frozen=True):
    """How JSON becomes XML; the names are those of the policy's options. Empty stands for: not used."""

    null_value: str = "NULL"
    namespace_block: str = ""
    default_namespace: str = ""
    separator: str = ""
    text_name: str = ""
    attribute_block: str = ""
    attribute_prefix: str = ""
    invalid_characters: str = "_"
    object_root: str = "Root"
    array_root: str = "Array"
    array_item: str = "Item"
    indent: bool = False
    omit_declaration: bool = False


def parse(text: str) -> Any:
    """JSON with its numbers as they are written. Raises ValueError, also for a scalar."""
    start = text.lstrip(" \t\r\n﻿")[:1]
    if start not in ("{", "["):
        raise ValueError("Expecting { or [ at line 1")
    return _decode(text.lstrip("﻿"))


def compile_style(style: Style) -> Callable[[Any], str]:
    """A function from what `parse` gives to the text of an XML document."""
    item, null = style.array_item, style.null_value
    text_name, block, namespaces = style.text_name, style.attribute_block, style.namespace_block
    prefix, separator = style.attribute_prefix, style.separator
    names: dict[str, str] = {}

    def name_of(key: str) -> str:
        name = names.get(key)
        if name is None:
            name = xml_name(key, separator, style.invalid_characters)
            if len(names) < 4096:
                names[key] = name
        return name

    def write(out: list[str], name: str, value: Any, indent: str) -> None:
        """Append the element, or the elements of an array; `indent` is a line break with blanks, or empty."""
        kind = value.__class__
        if kind is str:
            if value == null:
                out.append(f"{indent}<{name}/>")
            else:
                out.append(f"{indent}<{name}>{escape(value)}</{name}>")
        elif kind is dict:
            write_object(out, name, value, indent)
        elif kind is list:
            for each in value:
                if each.__class__ is list:
                    out.append(f"{indent}<{name}>")
                    write(out, item, each, indent and f"{indent}    ")
                    out.append(f"{indent}</{name}>")
                else:
                    write(out, name, each, indent)
        elif value is None:
            out.append(f"{indent}<{name}/>")
        else:
            out.append(f"{indent}<{name}>{'true' if value else 'false'}</{name}>")

    def write_object(out: list[str], name: str, value: dict[str, Any], indent: str) -> None:
        start = len(out)
        out.append("")
        attributes: dict[str, str] = {}
        text = False
        within = indent and f"{indent}    "
        for key, member in value.items():
            if key == namespaces and key and member.__class__ is dict:
                for alias, uri in member.items():
                    attributes[_namespace(alias, style, name_of)] = _scalar(uri)
            elif key == block and key and member.__class__ is dict:
                for alias, each in member.items():
                    attributes[name_of(_without(alias, prefix))] = _scalar(each)
            elif prefix and key.startswith(prefix) and not isinstance(member, dict | list):
                attributes[name_of(key[len(prefix) :])] = _scalar(member)
            elif key == text_name and key and not isinstance(member, dict):
                for each in member if isinstance(member, list) else (member,):
                    out.append(escape(_scalar(each)))
                text = True
            else:
                write(out, name_of(key), member, within)
        tag = name
        if attributes:
            tag += "".join(f' {alias}="{quoted(each)}"' for alias, each in attributes.items())
        if len(out) == start + 1:
            out[start] = f"{indent}<{tag}/>"
        else:
            out[start] = f"{indent}<{tag}>"
            out.append(f"</{name}>" if text or not indent else f"{indent}</{name}>")

    def is_element(key: str, value: Any) -> bool:
        """Whether a member can be the root element."""
        return not (
            isinstance(value, list)
            or (key in (namespaces, block, text_name) and key)
            or (prefix and key.startswith(prefix) and not isinstance(value, dict))
        )

    def document(value: Any) -> str:
        out = [] if style.omit_declaration else [_DECLARATION]
        indent = "\n" if style.indent else ""
        if value.__class__ is list:
            root = name_of(style.array_root)
            out.append(f"{indent}<{root}>")
            write(out, item, value, indent and f"{indent}    ")
            out.append(f"{indent}</{root}>")
        elif len(value) == 1 and is_element(*(pair := next(iter(value.items())))):
            write(out, name_of(pair[0]), pair[1], indent)
        else:
            write_object(out, name_of(style.object_root), value, indent)
        text = "".join(out)
        return text.lstrip("\n") if indent else text

    item = name_of(item)
    return document


def _namespace(alias: str, style: Style, name_of: Callable[[str], str]) -> str:
    return "xmlns" if alias in (style.default_namespace, "") else f"xmlns:{name_of(alias)}"


def _without(key: str, prefix: str) -> str:
    return key[len(prefix) :] if prefix and key.startswith(prefix) else key


def _scalar(value: Any) -> str:
    """The text of a member that becomes an attribute or text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def escape(text: str) -> str:
    """Text as element content."""
    return _MARKUP.sub(_escaped, text)


def quoted(text: str) -> str:
    """Text as an attribute's value between double quotes."""
    return _QUOTED.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "")


def xml_name(key: str, separator: str, replacement: str) -> str:
    """The key as the name of an element or attribute.

    The first `separator` in it, where one is declared, becomes the colon behind a prefix; a colon stays one. Each run
    of characters that no name may have is replaced; where a name cannot begin, the replacement, or `_`, is put first.
    """
    if separator and separator != ":" and separator in key:
        key = ":".join(key.split(separator, 1))
    name = _NO_NAME.sub(replacement, key)
    if not name or _NO_START.match(name):
        start = replacement if replacement and not _NO_START.match(replacement) else "_"
        name = start + name
    return name
