"""The words of shell commands: quotes, continuation lines and comments as a POSIX shell (and bash's `$'…'`) read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    "0": "\0",
}
_VARIABLE = re.compile(r"\$(?:\{\w+[^}]*\}|[A-Za-z_]\w*|\()")
_CODE = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")


class BadShell(ValueError):
    """A quote that is never closed. `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class Command(Struct):
    """The words of one command. `variables` are the shell variables in it, which stay as written."""

    line: int
    words: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)


def commands(text: str) -> Iterator[Command]:
    """The simple commands of a text: ended by a line break, `;`, `&`, `|` and their doubles. Raises BadShell."""
    at, line = 0, 1
    command, word = Command(1), None
    while at < len(text):
        char = text[at]
        if char == "\\" and text[at + 1 : at + 2] in ("\n", "\r"):
            at += 3 if text[at + 1 : at + 3] == "\r\n" else 2
            line += 1
            continue
        if char in " \t\r":
            if word is not None:
                command.words.append(word)
            word = None
        elif char in "\n;&|" or (char == "#" and word is None):
            if word is not None:
                command.words.append(word)
            word = None
            if char == "#":
                at = text.find("\n", at)
                if at < 0:
                    break
            if text[at] == "\n":
                line += 1
            if command.words:
                yield command
            command = Command(line)
        else:
            if word is None:
                word = ""
                if not command.words:
                    command.line = line
            piece, at, lines = _piece(text, at, line, command)
            word += piece
            line += lines
            continue
        at += 1
    if word is not None:
        command.words.append(word)
    if command.words:
        yield command


def _piece(text: str, at: int, line: int, command: Command) -> tuple[str, int, int]:
    """One character or quoted part: what it means, where the next one begins, line breaks within."""
    char = text[at]
    if char == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise BadShell(line, "the quote ' is never closed")
        return text[at + 1 : end], end + 1, text.count("\n", at, end)
    if char == "$" and text[at + 1 : at + 2] == "'":
        return _ansi(text, at + 2, line)
    if char == '"':
        return _double(text, at + 1, line, command)
    if char == "\\":
        return text[at + 1 : at + 2], at + 2, 0
    if char == "$" and (match := _VARIABLE.match(text, at)) is not None:
        command.variables.append(match[0])
        return match[0], match.end(), 0
    return char, at + 1, 0


def _double(text: str, at: int, line: int, command: Command) -> tuple[str, int, int]:
    start, found = at, ""
    while at < len(text):
        char = text[at]
        if char == '"':
            return found, at + 1, text.count("\n", start, at)
        if char == "\\" and text[at + 1 : at + 2] in ('"', "\\", "$", "`", "\n"):
            found += "" if text[at + 1] == "\n" else text[at + 1]
            at += 2
            continue
        if char == "$" and (match := _VARIABLE.match(text, at)) is not None:
            command.variables.append(match[0])
        found += char
        at += 1
    raise BadShell(line, 'the quote " is never closed')


def _ansi(text: str, at: int, line: int) -> tuple[str, int, int]:
    start, found = at, ""
    while at < len(text):
        char = text[at]
        if char == "'":
            return found, at + 1, text.count("\n", start, at)
        if char == "\\":
            code = _CODE.match(text, at + 1)
            if code is not None:
                number = int(code[1] or code[2] or code[3], 16) if not code[4] else int(code[4], 8)
                found += chr(number)
                at = code.end()
                continue
            following = text[at + 1 : at + 2]
            found += _ESCAPES.get(following, following)
            at += 2
            continue
        found += char
        at += 1
    raise BadShell(line, "the quote $' is never closed")
