"""JSON in which every value knows its file, line and column, for findings about environments and test data."""

from __future__ import annotations

import json
import re

from msgspec import Struct

from apiproxy_runtime.bundle.archive import Source, SourceError
from apiproxy_runtime.bundle.finding import Findings, Place

MAX_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 64
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


class JsonNode(Struct, frozen=True, eq=False):
    """A value and where it begins. Members of objects and arrays are nodes in turn."""

    value: dict[str, JsonNode] | list[JsonNode] | str | int | float | bool | None
    file: str
    line: int
    column: int

    def plain(self) -> object:
        """The value as json.loads would give it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class JsonError(Exception):
    """A file that is not JSON. Line and column count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message


def parse_json(data: bytes, file: str) -> JsonNode:
    """Parse a file in UTF-8, UTF-16 or UTF-32. Raises JsonError."""
    if len(data) > MAX_BYTES:
        raise JsonError(
            file, 1, 1, f"the file has {len(data)} bytes, more than the {MAX_BYTES} that are read"
        )
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise JsonError(file, data.count(b"\n", 0, error.start) + 1, 1, "not a text in UTF-8") from None
    return _Parser(text.removeprefix("\ufeff"), file).document()


class _Parser:
    """One pass over the text. Lines are counted on the way, since positions only ever grow."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.line = 1
        self.line_start = 0
        self.counted = 0

    def document(self) -> JsonNode:
        node, end = self.value(self.skip(0), 0)
        end = self.skip(end)
        if end < len(self.text):
            raise self.error(end, "text after the end of the value")
        return node

    def skip(self, at: int) -> int:
        space = _SPACE.match(self.text, at)
        return space.end() if space else at

    def place(self, at: int) -> tuple[int, int]:
        breaks = self.text.count("\n", self.counted, at)
        if breaks:
            self.line += breaks
            self.line_start = self.text.rfind("\n", self.counted, at) + 1
        self.counted = max(self.counted, at)
        return self.line, at - self.line_start + 1

    def error(self, at: int, message: str) -> JsonError:
        line = self.text.count("\n", 0, at) + 1
        return JsonError(self.file, line, at - self.text.rfind("\n", 0, at), message)

    def value(self, at: int, depth: int) -> tuple[JsonNode, int]:
        if depth > _MAX_DEPTH:
            raise self.error(at, f"values are nested deeper than {_MAX_DEPTH} levels")
        line, column = self.place(at)
        value: dict[str, JsonNode] | list[JsonNode] | str | int | float | bool | None
        first = self.text[at : at + 1]
        if first == "{":
            value, end = self.members(at, depth)
        elif first == "[":
            value, end = self.elements(at, depth)
        elif first == '"':
            value, end = self.string(at)
        else:
            literal = _LITERAL.match(self.text, at)
            if literal is None:
                found = "the end of the file" if not first else repr(first)
                raise self.error(at, f"a value is expected here, not {found}")
            end = literal.end()
            value = self.literal(literal.group(), at)
        return JsonNode(value, self.file, line, column), end

    def literal(self, text: str, at: int) -> int | float | bool | None:
        try:
            plain: int | float | bool | None = json.loads(text)
        except ValueError:
            raise self.error(at, "a number with too many digits") from None
        return plain

    def string(self, at: int) -> tuple[str, int]:
        try:
            value, end = _DECODER.raw_decode(self.text, at)
            text = str(value)
            text.encode()
        except json.JSONDecodeError as error:
            raise self.error(error.pos, error.msg[:1].lower() + error.msg[1:]) from None
        except UnicodeEncodeError:
            raise self.error(at, "a text with half of a surrogate pair") from None
        return text, end

    def members(self, at: int, depth: int) -> tuple[dict[str, JsonNode], int]:
        members: dict[str, JsonNode] = {}
        at = self.skip(at + 1)
        if self.text.startswith("}", at):
            return members, at + 1
        while True:
            if not self.text.startswith('"', at):
                raise self.error(at, "a member's name in double quotes is expected here")
            key, at = self.string(at)
            at = self.skip(at)
            if not self.text.startswith(":", at):
                raise self.error(at, f'a colon is expected after "{key}"')
            members[key], at = self.value(self.skip(at + 1), depth + 1)
            at = self.skip(at)
            if self.text.startswith("}", at):
                return members, at + 1
            at = self.comma(at, "}")

    def elements(self, at: int, depth: int) -> tuple[list[JsonNode], int]:
        elements: list[JsonNode] = []
        at = self.skip(at + 1)
        if self.text.startswith("]", at):
            return elements, at + 1
        while True:
            node, at = self.value(at, depth + 1)
            elements.append(node)
            at = self.skip(at)
            if self.text.startswith("]", at):
                return elements, at + 1
            at = self.comma(at, "]")

    def comma(self, at: int, close: str) -> int:
        if not self.text.startswith(",", at):
            raise self.error(at, f"a comma or {close} is expected here")
        after = self.skip(at + 1)
        if self.text.startswith(close, after):
            raise self.error(at, f"a comma before {close}; remove it")
        return after


def read_json(source: Source, file: str, findings: Findings) -> JsonNode | None:
    """A JSON file of a source; None (and an error) if it cannot be read."""
    try:
        return parse_json(source.read(file), file)
    except JsonError as error:
        place = Place(error.file, error.line, error.column)
        findings.error(place, "InvalidJson", f"not readable as JSON: {error.message}")
    except SourceError as error:
        findings.error(Place(file), "InvalidJson", str(error))
    return None
