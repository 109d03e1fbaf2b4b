"""Texts that fit a pattern, and texts that do not: wildcards, path patterns and regular expressions of conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.expression.glob import Wildcard, split
from apiproxy_runtime.expression.javaregex import JavaRegexError, parse_java_regex
from apiproxy_runtime.expression.regexnodes import Chars, Choice, Group, Part, Repeat, Sequence

#: Characters to try for a class, the plainest first.
_CHARACTERS = "a1A0-_/. @x5Zz9,:;+*!?#%&=()[]{}'\"\\<>|~^$\t\n"
_BRACED = re.compile(r"\{[^{}]*\}")


def of_glob(pattern: str) -> Iterator[str]:
    """Texts that `Matches` accepts."""
    parts = split(pattern, path=False, braces=False)
    for filling in ("x", "", "x/1"):
        yield "".join(filling if isinstance(part, Wildcard) else part for part in parts)


def of_path(pattern: str) -> Iterator[str]:
    """Texts that `MatchesPath` accepts: `*` and `{name}` are one element, `**` is any number."""
    parts = split(pattern, path=True, braces=True)
    for one, many in (("1", "x"), ("item-1", "x/y"), ("L-7", "")):
        yield "".join(
            (one if part.segment else many) if isinstance(part, Wildcard) else part for part in parts
        )
    if pattern == "/":
        yield ""


def of_regex(pattern: str) -> Iterator[str]:
    """Texts that the Java regular expression matches as a whole; none when it is too special."""
    try:
        _, tree = parse_java_regex(pattern)
    except (JavaRegexError, ValueError):
        return
    for extra in (0, 1, 4):
        yield _sample(tree, extra, 0)
    yield _sample(tree, 0, 1)


def _sample(part: Part, extra: int, turn: int) -> str:
    """`extra` repeats more than needed, and the `turn`-th branch of choices."""
    match part:
        case Sequence():
            return "".join(_sample(item, extra, turn) for item in part.items)
        case Choice():
            return _sample(part.branches[turn % len(part.branches)], extra, turn)
        case Group():
            return _sample(part.item, extra, turn)
        case Repeat():
            count = part.low + extra if part.high is None else min(part.low + extra, part.high)
            return "".join(_sample(part.item, 0, turn) for _ in range(count))
        case Chars():
            return _character(part)
        case _:
            return ""


def _character(part: Chars) -> str:
    try:
        fits = re.compile(part.source, re.DOTALL | (re.IGNORECASE if part.fold else 0)).fullmatch
    except re.error:
        return ""
    return next(
        (char for char in _CHARACTERS if fits(char)),
        next((chr(code) for code in range(33, 768) if fits(chr(code))), ""),
    )


def embedded(pattern: str, values: dict[str, str]) -> str:
    """A pattern of ExtractVariables with its names filled in; other wildcards become `x`."""

    def value(match: re.Match[str]) -> str:
        return values.get(match[0][1:-1].strip(), "1")

    return _BRACED.sub(value, pattern).replace("**", "x").replace("*", "x")
