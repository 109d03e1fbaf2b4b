"""Regular expressions turned round: random text that matches one.

Sets of characters are drawn from printable ASCII where they have members there, and `*`, `+` and `{n,}` repeat at
most ten times beyond their minimum. Anchors change nothing; look-around and back-references are not possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Final

from apiproxy_runtime.expression.javaregex import parse_java_regex
from apiproxy_runtime.expression.regexnodes import Chars, Choice, Group, Part, Place, Repeat, Sequence
from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.world import World

_MORE: Final = 10
_MAX_TEXT: Final = 65_536
_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]


class _Output:
    """The text so far, and how much more work is allowed."""

    __slots__ = ("left", "parts", "world")

    def __init__(self, world: World) -> None:
        self.world, self.parts, self.left = world, list[str](), _MAX_TEXT

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CallFailed(f"xeger() makes at most {_MAX_TEXT} characters")


_Piece = Callable[[_Output], None]


@lru_cache(256)
def generator(regex: str) -> Callable[[World], str]:
    """A function that makes text matching a Java regular expression. Raises CallFailed where it cannot."""
    try:
        _, part = parse_java_regex(regex)
    except ValueError as error:
        raise CallFailed(f"{regex!r} is not a regular expression: {error}") from None
    piece = _piece(part)

    def generate(world: World) -> str:
        output = _Output(world)
        piece(output)
        return "".join(output.parts)

    return generate


def _piece(part: Part) -> _Piece:
    match part:
        case Chars():
            return _one_of(_members(part))
        case Place():
            return lambda output: None
        case Sequence():
            pieces = [_piece(item) for item in part.items]

            def run(output: _Output) -> None:
                for piece in pieces:
                    piece(output)

            return run
        case Choice():
            branches = [_piece(branch) for branch in part.branches]
            last = len(branches) - 1
            return lambda output: branches[output.world.random_int(0, last)](output)
        case Repeat():
            return _repeat(_piece(part.item), part.low, part.low + _MORE if part.high is None else part.high)
        case Group():
            return _piece(part.item)
    raise CallFailed("xeger() cannot look around or refer back to a group")


def _members(part: Chars) -> list[str]:
    if re.escape(part.source[-1]) == part.source:
        return [part.source[-1]]
    matches = re.compile(part.source, re.DOTALL | (re.IGNORECASE if part.fold else 0)).fullmatch
    members = [character for character in _PRINTABLE if matches(character)]
    if not members:
        others = (chr(code) for code in [*range(0x20), *range(0x7F, 0xD800), *range(0xE000, 0xFFFE)])
        members = list(islice(filter(matches, others), 100))
    if not members:
        raise CallFailed(f"xeger() knows no character that matches {part.source}")
    return members


def _one_of(members: list[str]) -> _Piece:
    last = len(members) - 1

    def choose(output: _Output) -> None:
        output.spend()
        output.parts.append(members[output.world.random_int(0, last) if last else 0])

    return choose


def _repeat(piece: _Piece, least: int, most: int) -> _Piece:
    def repeat(output: _Output) -> None:
        for _ in range(output.world.random_int(least, most)):
            output.spend()
            piece(output)

    return repeat


def xeger(world: World, regex: str) -> str:
    return generator(regex)(world)
