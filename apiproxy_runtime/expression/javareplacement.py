"""Replacement texts of java.util.regex, in Python. Source: the class documentation of Matcher.appendReplacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from apiproxy_runtime.expression.javaregex import JavaRegexError


class Match(Protocol):
    """What the matches of Python's two engines, `re` and `regex`, have in common."""

    def group(self, group: int | str, /) -> str | None: ...
    def groups(self) -> tuple[str | None, ...]: ...
    def groupdict(self) -> Mapping[str, str | None]: ...
    def start(self, group: int | str = 0, /) -> int: ...
    def end(self, group: int | str = 0, /) -> int: ...
    def span(self, group: int | str = 0, /) -> tuple[int, int]: ...


def java_replacement(text: str) -> Callable[[Match], str]:
    """A replacement text of Matcher.replaceAll: `$1`, `${name}`, and `\\` before a character taken literally.

    Raises JavaRegexError for a `$` or `\\` with nothing behind it. A group that is not in the expression raises
    IndexError when replacing, as in Java; a group that took no part gives the empty text.
    """
    pieces: list[tuple[bool, str]] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\\":
            if position == len(text):
                raise JavaRegexError("a '\\' at the end of a replacement has nothing to escape", position - 1)
            pieces.append((False, text[position]))
            position += 1
        elif character == "$":
            match = re.compile(r"\{([a-zA-Z][a-zA-Z0-9]*)\}|([0-9]+)").match(text, position)
            if match is None:
                raise JavaRegexError(
                    "a '$' needs a group: $1 or ${name}; a literal one is '\\$'", position - 1
                )
            pieces.append((True, match[1] if match[2] is None else match[2]))
            position = match.end()
        else:
            pieces.append((False, character))
    if not any(is_group for is_group, _ in pieces):
        constant = "".join(piece for _, piece in pieces)
        return lambda match: constant
    return lambda match: "".join(
        _group_text(match, piece) if is_group else piece for is_group, piece in pieces
    )


def _group_text(match: Match, group: str) -> str:
    """A named group, or of digits the longest number that names a group; the digits left over stay text."""
    if not group.isdigit():
        return match.group(group) or ""
    count = len(match.groups())
    length = 1
    while length < len(group) and int(group[: length + 1]) <= count:
        length += 1
    return (match.group(int(group[:length])) or "") + group[length:]
