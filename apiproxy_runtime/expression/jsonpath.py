"""JSONPath as Jayway's library reads it, which is the flavour Apigee evaluates.

A path is compiled once. What comes before its first wildcard, slice, filter, list of indexes or `..` is definite: it
leads to one value, or nowhere. The rest yields a list. Grammar and results follow the JsonPath project's README
(operators, functions, filter operators, "what is returned when"); where its implementation and its README disagree,
as with `last()` of a list of one, the README holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from apiproxy_runtime.expression.jsonpath_filter import parse_filter
from apiproxy_runtime.expression.jsonpath_functions import FUNCTIONS
from apiproxy_runtime.expression.jsonpath_literal import (
    MISSING,
    JsonPathSyntaxError,
    Missing,
    Query,
    Run,
    closing_bracket,
    json_literal,
    read_string,
)
from apiproxy_runtime.expression.jsonpath_steps import (
    Call,
    Filter,
    Index,
    Property,
    Scan,
    Slice,
    Token,
    Wildcard,
    build_query,
)

__all__ = ["MISSING", "JsonPath", "JsonPathSyntaxError", "Missing", "compile_jsonpath", "to_text"]

#: Filters inside paths inside filters …: deeper than this no author writes.
_MAX_DEPTH: Final = 40
#: for paths that remember nothing while they are followed
_NO_RUN: Final = Run(None)
_NAME_END = re.compile(r"[.\[( ]")
_INDEXES = re.compile(r"\s*-?\d{1,9}\s*(?:,\s*-?\d{1,9}\s*)*")
_SLICE = re.compile(r"\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*(?:-?\d{1,9})?\s*)?")
_FROM_END = re.compile(r"\s*\(\s*@\.length(?:\(\))?\s*-\s*(\d{1,9})\s*\)\s*")


class JsonPath(Struct, frozen=True):
    """A compiled path.

    definite  it can lead to one value only
    portable  Jayway's grammar, hence Apigee's, knows it; False for what only our extensions understand
    find      document → the value where definite, else the list of hits. `MISSING` where the definite beginning
              of the path leads nowhere (Jayway's PathNotFoundException), or a function cannot be applied.
    member    the only member of the document that the path looks at, where it begins with one and goes no other way
    """

    text: str
    definite: bool
    portable: bool
    find: Callable[[Any], Any]
    member: str | None = None


def to_text(value: Any) -> str:
    """Compact JSON: no blanks after `,` and `:`, characters outside ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(1024)
def compile_jsonpath(text: str) -> JsonPath:
    """Compile a path; a missing `$.` at its start is supplied.

    Paths outside Jayway's grammar are tried with jsonpath-ng and marked as not portable.
    Raises JsonPathSyntaxError.
    """
    try:
        query = _compile(text, 0, 0)
    except JsonPathSyntaxError:
        extended = _extended(text)
        if extended is None:
            raise
        return extended
    evaluate = query.evaluate
    if query.simple is not None:
        return JsonPath(text, True, True, query.simple, query.member)
    if query.plain:
        return JsonPath(text, query.definite, True, lambda document: evaluate(document, _NO_RUN))
    return JsonPath(text, query.definite, True, lambda document: evaluate(document, Run(document)))


def _extended(text: str) -> JsonPath | None:
    # Loaded only here: it takes longer to import than most bundles take to deploy.
    from jsonpath_ng.ext.parser import parse

    try:
        expression = parse(text)
    except Exception:  # its lexer, parser and node constructors raise as they like
        return None

    def find(document: Any) -> list[Any]:
        try:
            return [match.value for match in expression.find(document)]
        except Exception:  # arithmetic on text, sorting of mixed kinds: no answer
            return []

    return JsonPath(text, False, False, find)


# ---- reading


def _compile(text: str, base: int, depth: int) -> Query:
    """`base` is where `text` starts in the whole path, for messages."""
    if depth > _MAX_DEPTH:
        raise JsonPathSyntaxError("filters are nested too deeply", base)
    stripped = text.strip()
    base += len(text) - len(text.lstrip())
    if not stripped:
        raise JsonPathSyntaxError("the path is empty", base)
    if stripped[0] not in "$@":
        stripped, base = "$." + stripped, base - 2
    tokens = _Reader(stripped, base, depth).tokens()
    return build_query(tokens, relative=stripped[0] == "@")


class _Reader:
    def __init__(self, text: str, base: int, depth: int) -> None:
        self.text, self.base, self.depth = text, base, depth
        self.at = 1

    def wrong(self, message: str, at: int | None = None) -> JsonPathSyntaxError:
        return JsonPathSyntaxError(message, max(self.base + (self.at if at is None else at), 0))

    def tokens(self) -> list[Token]:
        text, found = self.text, list[Token]()
        if len(text) > 1 and text[1] not in ".[":
            raise self.wrong(f"expected '.' or '[' after {text[0]}, not {text[1]!r}")
        while self.at < len(text):
            if text[self.at] == ".":
                self.at += 1
                if text[self.at : self.at + 1] == ".":
                    self.at += 1
                    found.append(Scan())
                if self.at == len(text):
                    raise self.wrong("a path must not end with '.'")
                if text[self.at] == ".":
                    raise self.wrong("too many dots")
            found.append(self.token())
        return found

    def token(self) -> Token:
        first = self.text[self.at]
        if first == "[":
            return self.bracket()
        if first == "*":
            self.at += 1
            return Wildcard()
        end = _NAME_END.search(self.text, self.at)
        stop = len(self.text) if end is None else end.start()
        name = self.text[self.at : stop]
        if end is not None and end[0] == " ":
            raise self.wrong("a name with a blank must be quoted: ['my name']", stop)
        if not name:
            raise self.wrong("a name is missing")
        if end is not None and end[0] == "(":
            return self.call(name, stop)
        self.at = stop
        return Property((name,))

    def call(self, name: str, opening: int) -> Call:
        if name not in FUNCTIONS:
            raise self.wrong(f"there is no function {name}(); known are {', '.join(FUNCTIONS)}")
        closing = closing_bracket(self.text, opening)
        if closing < 0:
            raise self.wrong(f"the arguments of {name}() are not closed", opening)
        arguments = list[Query | list[Any]]()
        at = opening + 1
        while at < closing:
            while at < closing and self.text[at] in " ,":
                at += 1
            if at == closing:
                break
            if self.text[at] in "$@":
                stop = at
                while stop < closing and self.text[stop] != ",":
                    after = closing_bracket(self.text, stop) if self.text[stop] in "([" else stop
                    if after < 0:
                        raise self.wrong("a bracket is not closed", stop)
                    stop = after + 1
                arguments.append(_compile(self.text[at:stop], self.base + at, self.depth + 1))
                at = stop
            else:
                value, at = json_literal(self.text, at, self.base)
                arguments.append([value])
        self.at = closing + 1
        return Call(name, tuple(arguments))

    def bracket(self) -> Token:
        opening, text = self.at, self.text
        inside = opening + 1
        while text[inside : inside + 1].isspace():
            inside += 1
        first = text[inside : inside + 1]
        if first == "?":
            return self.filter(inside + 1)
        if first in ("'", '"'):
            return self.properties(inside)
        closing = text.find("]", inside)
        if closing < 0:
            raise self.wrong("'[' is not closed", opening)
        body = text[inside:closing]
        self.at = closing + 1
        if body.strip() == "*":
            return Wildcard()
        if _INDEXES.fullmatch(body):
            return Index(tuple(int(number) for number in body.split(",")))
        part = _SLICE.fullmatch(body)
        if part is not None and (part[1] or part[2]):
            return Slice(int(part[1]) if part[1] else None, int(part[2]) if part[2] else None)
        from_end = _FROM_END.fullmatch(body)
        if from_end is not None and int(from_end[1]) > 0:
            return Index((-int(from_end[1]),))
        raise self.wrong(f"expected a quoted name, an index, a slice, * or ?(…), not [{body}]", opening)

    def properties(self, at: int) -> Property:
        text, names = self.text, list[str]()
        while True:
            name, at = read_string(text, at, self.base)
            names.append(name)
            while text[at : at + 1].isspace():
                at += 1
            mark = text[at : at + 1]
            at += 1
            if mark == "]":
                self.at = at
                return Property(tuple(names))
            if mark != ",":
                raise self.wrong("expected ',' or ']' after a quoted name", at - 1)
            while text[at : at + 1].isspace():
                at += 1
            if text[at : at + 1] not in ("'", '"'):
                raise self.wrong("expected a quoted name after ','", at)

    def filter(self, at: int) -> Filter:
        depth = self.depth + 1
        test, at = parse_filter(
            self.text, at, self.base, lambda path, offset: _compile(path, self.base + offset, depth)
        )
        self.at = at
        return Filter(test)
