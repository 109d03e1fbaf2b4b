"""What the path and the filter of a JSONPath share: the compiled query, strings, JSON literals, brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field


class Missing:
    """The kind of `MISSING`: a path that leads nowhere, told apart from one that leads to null."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class JsonPathSyntaxError(ValueError):
    """A path outside the grammar; `offset` counts characters from the start of the path."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at character {offset + 1})")
        self.message = message
        self.offset = offset


class Run(Struct):
    """One evaluation: the whole document, and what `$…` paths inside filters found in it, found once."""

    root: Any
    found: dict[int, Any] = field(default_factory=dict)
    choices: dict[int, Any] = field(default_factory=dict)


class Query(Struct, frozen=True):
    """A compiled path, absolute (`$`) or relative (`@`).

    simple      the whole of it as one function of the document, where it is only keys and indexes
    plain       without filters and functions, hence without need of a Run
    member      the one member of the document that a simple path looks at
    needs_hit   an existence test `[?(@.a[*].b)]` asks for a hit, not just for the list to be there
    """

    definite: bool
    relative: bool
    evaluate: Callable[[Any, Run], Any]
    simple: Callable[[Any], Any] | None = None
    needs_hit: bool = False
    plain: bool = False
    member: str | None = None


_NUMBER = re.compile(r"[-+]?(?:\d+(\.\d*)?|(\.\d+))([eE][-+]?\d{1,3})?")
_BARE_WORD = re.compile(r"[^\s,\[\](){}:'\"]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_MAX_NESTING = 40
_MAX_DIGITS = 400


def read_string(text: str, at: int, base: int) -> tuple[str, int]:
    """The string in quotes that starts at `at`, and the position after its closing quote."""
    quote, start, parts = text[at], at, list[str]()
    at += 1
    while at < len(text):
        character = text[at]
        if character == quote:
            return "".join(parts), at + 1
        if character == "\\" and at + 1 < len(text):
            at += 1
            character = text[at]
            if character == "u":
                digits = text[at + 1 : at + 5]
                if not re.fullmatch(r"[0-9A-Fa-f]{4}", digits):
                    raise JsonPathSyntaxError("\\u must be followed by four hexadecimal digits", base + at)
                character = chr(int(digits, 16))
                at += 4
            else:
                character = _ESCAPES.get(character, character)
        parts.append(character)
        at += 1
    raise JsonPathSyntaxError(f"the string is not closed with {quote}", base + start)


def read_number(text: str, at: int, base: int) -> tuple[int | float, int]:
    match = _NUMBER.match(text, at)
    if match is None or len(match[0]) > _MAX_DIGITS:
        raise JsonPathSyntaxError("expected a value", base + at)
    whole = not any(match.groups())
    return (int(match[0]) if whole else float(match[0])), match.end()


def json_literal(text: str, at: int, base: int, depth: int = 0) -> tuple[Any, int]:
    """A JSON value, strings in either kind of quotes, bare words being strings; and the position after it."""
    if depth > _MAX_NESTING:
        raise JsonPathSyntaxError("the literal is nested too deeply", base + at)
    at = skip_blanks(text, at)
    first = text[at : at + 1]
    if first in ("'", '"'):
        return read_string(text, at, base)
    if first == "[":
        items = list[Any]()
        at = skip_blanks(text, at + 1)
        while text[at : at + 1] != "]":
            value, at = json_literal(text, at, base, depth + 1)
            items.append(value)
            at = _separator(text, at, "]", base)
        return items, at + 1
    if first == "{":
        members = dict[str, Any]()
        at = skip_blanks(text, at + 1)
        while text[at : at + 1] != "}":
            name, at = json_literal(text, at, base, depth + 1)
            at = skip_blanks(text, at)
            if text[at : at + 1] != ":" or not isinstance(name, str):
                raise JsonPathSyntaxError("expected a name and ':' in the object", base + at)
            members[name], at = json_literal(text, at + 1, base, depth + 1)
            at = _separator(text, at, "}", base)
        return members, at + 1
    word = _BARE_WORD.match(text, at)
    if word is None:
        raise JsonPathSyntaxError("expected a value", base + at)
    if word[0] in _WORDS:
        return _WORDS[word[0]], word.end()
    if _NUMBER.fullmatch(word[0]):
        return read_number(text, at, base)
    return word[0], word.end()


_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


def _separator(text: str, at: int, closing: str, base: int) -> int:
    at = skip_blanks(text, at)
    if text[at : at + 1] == ",":
        return skip_blanks(text, at + 1)
    if text[at : at + 1] != closing:
        raise JsonPathSyntaxError(f"expected ',' or '{closing}'", base + at)
    return at


def skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def closing_bracket(text: str, opening: int) -> int:
    """Where the bracket that opens at `opening` is closed, strings skipped; -1 when it is not."""
    waiting, at = list[str](), opening
    while at < len(text):
        character = text[at]
        if character in "([{":
            waiting.append({"(": ")", "[": "]", "{": "}"}[character])
        elif character in ")]}":
            if not waiting or waiting.pop() != character:
                return -1
            if not waiting:
                return at
        elif character in "'\"":
            at += 1
            while at < len(text) and text[at] != character:
                at += 2 if text[at] == "\\" else 1
        at += 1
    return -1
