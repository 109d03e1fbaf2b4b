"""Finds the references in a message template, and the arguments in a function call.

A `{` begins a reference only where a letter or `_` follows; before white space, a quote, or anything else it is
text, which is what lets JSON be written without escapes. No character escapes a reference (message templates page).
What begins like a reference and is none is copied as it stands, with a warning: such bundles deploy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from apiproxy_runtime.expression.template.nodes import TemplateWarning

_START = re.compile(r"[A-Za-z_]")
#: What cannot stand in a name, and therefore ends it or makes the whole no reference. Apigee's linter names brackets,
#: comma and bar; the others are those of scripts and style sheets that published payloads hold between braces.
_NAME_END = re.compile(r"[{}\[\](),|:\s\"'=;<>]")
#: Characters looked at in calls that come to nothing; more than any template has, unless it is made to keep us busy.
_MAX_VAIN = 200_000
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Span(Struct, frozen=True):
    """A reference found in a template: the whole of it, delimiters included, is text[start:end].

    name       the variable's or function's name
    default    the text after the first colon, for a variable that has one
    arguments  the argument list's (start, end), for a function call
    """

    start: int
    end: int
    name: str
    default: str | None = None
    arguments: tuple[int, int] | None = None


def spans(text: str, opening: str, closing: str, warnings: list[TemplateWarning]) -> Iterator[Span]:
    """The references in order. What is wrong with the others is added to `warnings`."""
    return _Lexer(text, opening, closing, warnings).spans()


class _Lexer:
    def __init__(self, text: str, opening: str, closing: str, warnings: list[TemplateWarning]) -> None:
        self.text, self.opening, self.closing, self.warnings = text, opening, closing, warnings
        self.vain_left = _MAX_VAIN

    def spans(self) -> Iterator[Span]:
        at = self.text.find(self.opening)
        # The old delimiters are ordinary characters (an e-mail address has an @), braces are not.
        reference = self.braces if (self.opening, self.closing) == ("{", "}") else self.delimited
        while at >= 0:
            found = reference(at)
            if found is not None:
                yield found
            at = self.text.find(self.opening, found.end if found is not None else at + len(self.opening))

    def warn(self, message: str, at: int) -> None:
        self.warnings.append(TemplateWarning(f"{message}; it is copied as it stands", at))

    def braces(self, at: int) -> Span | None:
        text, start = self.text, at + 1
        first = text[start : start + 1]
        if first == "}":
            self.warn("'{}' refers to nothing", at)
            return None
        if first == "" or first == "{" or first.isspace() or first in "\"'":
            return None
        if not _START.match(first):
            self.warn(f"a reference begins with a letter or '_', not {first!r}", at)
            return None
        stop = _NAME_END.search(text, start)
        if stop is None:
            self.warn("'{' is never closed", at)
            return None
        mark = stop[0]
        if mark == "}":
            return Span(at, stop.end(), text[start : stop.start()])
        if mark == ":":
            end = text.find("}", stop.end())
            if end >= 0:
                return Span(at, end + 1, text[start : stop.start()], default=text[stop.end() : end])
            self.warn("'{' is never closed", at)
        elif mark == "(":
            return self.call(at, start, stop.start())
        elif mark == "{":
            self.warn("a reference cannot stand inside a reference: the outer '{' is text", at)
        else:
            self.warn(f"{mark!r} cannot stand in a variable's name", at)
        return None

    def delimited(self, at: int) -> Span | None:
        start = at + len(self.opening)
        end = self.text.find(self.closing, start)
        inner = self.text[start:end]
        if end < 0 or not _START.match(inner):
            return None
        name, colon, default = inner.partition(":")
        parenthesis = name.find("(")
        if parenthesis > 0:
            return self.call(at, start, start + parenthesis)
        if _NAME_END.search(name):
            return None
        return Span(at, end + len(self.closing), name, default if colon else None)

    def call(self, at: int, start: int, parenthesis: int) -> Span | None:
        """A call, its name and its opening parenthesis known: strings are skipped, brackets must match."""
        text, name = self.text, self.text[start:parenthesis]
        waiting, position = list[str](), parenthesis + 1
        complaint = f"{name}( is never closed"
        while position < len(text) and position - at <= self.vain_left:
            character = text[position]
            if character == ")" and not waiting:
                if text.startswith(self.closing, position + 1):
                    end = position + 1 + len(self.closing)
                    return Span(at, end, name, arguments=(parenthesis + 1, position))
                complaint = f"'{self.closing}' must follow the ')' of {name}() at once"
                break
            if character in "'\"":
                position = text.find(character, position + 1)
                if position < 0:
                    position, complaint = len(text), f"a quote is never closed in {name}()"
            elif character in _CLOSING:
                waiting.append(_CLOSING[character])
            elif character in ")]}" and (not waiting or waiting.pop() != character):
                complaint = f"unexpected {character!r} in {name}()"
                break
            position += 1
        self.vain_left -= position - at
        self.warn(complaint, at)
        return None


def arguments(text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The arguments in text[start:end], blanks around them cut off: (start, end, colon or -1).

    The colon is the first one outside quotes and brackets: what follows it is a default.
    """
    if not text[start:end].strip():
        return
    begin, colon, depth, position = start, -1, 0, start
    while position < end:
        character = text[position]
        if character in "'\"":
            position = text.find(character, position + 1, end)
            if position < 0:
                break
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ":" and depth == 0 and colon < 0:
            colon = position
        elif character == "," and depth == 0:
            yield _trim(text, begin, position, colon)
            begin, colon = position + 1, -1
        position += 1
    yield _trim(text, begin, end, colon)


def _trim(text: str, start: int, end: int, colon: int) -> tuple[int, int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end, colon if start <= colon < end else -1
