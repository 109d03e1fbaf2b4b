"""Reads one array of a big JSON file element by element, in memory for one element.

HAR files are one object whose `log.entries` may hold gigabytes. The values are parsed by the standard decoder, the way
to the array is walked here.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

CHUNK = 1 << 20

_decode = json.JSONDecoder().raw_decode
_BLANK = " \t\r\n"


class BadJson(ValueError):
    """The text is no JSON, or not the JSON that was asked for. `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text


def array_items(path: Path, *keys: str) -> Iterator[tuple[int, Any]]:
    """(line, element) of the array at the keys, `"log", "entries"`. Raises BadJson, OSError.

    What stands before the array is read and dropped, what stands behind it is not read at all.
    """
    with path.open("rb") as file:
        text = _Text(file)
        for key in keys:
            text.enter(key)
        yield from text.elements(keys[-1] if keys else "the file")


class _Text:
    """A window of the file: `text[at:]` is unread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()
        self.text = ""
        self.at = 0
        self.line = 1
        self._ended = False

    def enter(self, key: str) -> None:
        """Move to the value of an object's member."""
        if self.take() != "{":
            raise BadJson(self.line, f'an object with the member "{key}" was expected here')
        while True:
            if self.peek() == "}":
                raise BadJson(self.line, f'the member "{key}" is missing')
            name = self.value()
            if self.take() != ":":
                raise BadJson(self.line, "a colon was expected after the member's name")
            if name == key:
                return
            self.value()
            if self.peek() == ",":
                self.at += 1

    def elements(self, name: str) -> Iterator[tuple[int, Any]]:
        if self.take() != "[":
            raise BadJson(self.line, f'"{name}" must be an array')
        while (char := self.peek()) != "]":
            if char == ",":
                self.at += 1
                self.peek()
            line = self.line
            yield line, self.value()
            if self.peek() not in (",", "]"):
                raise BadJson(self.line, "a comma or the end of the array was expected")

    def value(self) -> Any:
        """Parse the value that begins here; the window grows until it fits."""
        self.peek()
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self._grow():
                    continue
                line = self.line + self.text.count("\n", self.at, error.pos)
                cut = " (the file ends too early)" if error.pos >= len(self.text.rstrip()) - 1 else ""
                raise BadJson(line, f"{error.msg}{cut}") from None
            if end == len(self.text) and self._grow():
                continue
            self.line += self.text.count("\n", self.at, end)
            self.at = end
            return value

    def peek(self) -> str:
        """The next character that is no blank. Raises BadJson at the end of the file."""
        while True:
            while self.at < len(self.text):
                char = self.text[self.at]
                if char not in _BLANK:
                    return char
                self.line += char == "\n"
                self.at += 1
            if not self._grow():
                raise BadJson(self.line, "the file ends too early")

    def take(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def _grow(self) -> bool:
        """Read on; the window at least doubles, so that a long value is parsed a few times only."""
        if self._ended:
            return False
        unread = self.text[self.at :]
        data = self._file.read(max(CHUNK, len(unread)))
        self._ended = not data
        try:
            more = self._bytes.decode(data, final=not data)
        except UnicodeDecodeError:
            raise BadJson(self.line, "the file is not encoded in UTF-8") from None
        self.text, self.at = unread + more, 0
        return bool(more) or not self._ended
