"""YAML with comments: what a reader of the file needs stands beside what Kong reads.

A tree of dicts, lists and scalars is written in the order it was built in. A `Noted` puts comments above a key or a
list item, a bare `Note` is a comment in place of an item; nothing else distinguishes the text from any other YAML 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

Scalar = str | int | float | bool | None
#: dict, list, scalar, `Noted` or (in lists) `Note`
Tree = object


class Note(Struct, frozen=True):
    """A comment; it may have several lines."""

    text: str


class Noted(Struct, frozen=True):
    """A value with comments above it."""

    value: Tree
    notes: tuple[str, ...] = ()


_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
_ODD = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_BLOCK = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff][^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*"
)


def emit(tree: Tree) -> str:
    """The document as text, with a newline at its end."""
    return "\n".join(_lines(tree, 0)) + "\n"


def _lines(tree: Tree, indent: int) -> Iterator[str]:
    if isinstance(tree, Noted):
        yield from _comment(tree.notes, indent)
        yield from _lines(tree.value, indent)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _member(str(key), value, indent)
    elif isinstance(tree, (list, tuple)):
        yield from _items(tree, indent)
    else:
        yield " " * indent + _scalar(tree, indent)


def _member(key: str, value: Tree, indent: int) -> Iterator[str]:
    pad = " " * indent
    if isinstance(value, Noted):
        yield from _comment(value.notes, indent)
        value = value.value
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, Note) for item in value):
        yield from _items(value, indent)
    elif isinstance(value, (dict, list, tuple)) and value:
        yield f"{pad}{_quoted(key)}:"
        yield from _lines(value, indent + 2)
    else:
        yield f"{pad}{_quoted(key)}: {_scalar(value, indent + 2)}"


def _items(items: Sequence[Tree], indent: int) -> Iterator[str]:
    pad = " " * indent
    for item in items:
        if isinstance(item, Note):
            yield from _comment((item.text,), indent)
            continue
        if isinstance(item, Noted):
            yield from _comment(item.notes, indent)
            item = item.value
        if isinstance(item, (dict, list, tuple)) and item:
            # the first line of what is nested stands behind the dash; comments in front of it go above
            nested = list(_lines(item, indent + 2))
            first = next(index for index, line in enumerate(nested) if not line.lstrip().startswith("# "))
            yield from (pad + line.lstrip() for line in nested[:first])
            yield f"{pad}- {nested[first][indent + 2 :]}"
            yield from nested[first + 1 :]
        else:
            yield f"{pad}- {_scalar(item, indent + 2)}"


def _comment(notes: Sequence[str], indent: int) -> Iterator[str]:
    for note in notes:
        for line in _ODD.sub("?", note).splitlines() or [""]:
            yield f"{' ' * indent}# {line}".rstrip()


def _scalar(value: Tree, indent: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # an exponent is a number to YAML only behind a decimal point
        mantissa, exponent, power = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{exponent}{power}" if exponent else mantissa
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    text = str(value)
    if "\n" in text and _BLOCK.fullmatch(text) and not text.endswith("\n\n"):
        pad = " " * indent
        body = text.removesuffix("\n").split("\n")
        return f"|{'' if text.endswith(chr(10)) else '-'}\n" + "\n".join(
            pad + line if line else "" for line in body
        )
    return _quoted(text)


def _quoted(text: str) -> str:
    """On one line: as it is where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", quoted)
