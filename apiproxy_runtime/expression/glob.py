"""The wildcard patterns of Matches and MatchesPath.

Sources: "Conditions reference" (path expressions, `%`), "Pattern matching with conditional statements". A pattern
matches the whole text, case-sensitively. Matching takes linear time whatever the pattern: where a wildcard's first
fit is as good as any other it is taken for good (an atomic group), and the rare patterns where it is not are, on
long texts, matched with a memory of what was tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct


class Wildcard(Struct, frozen=True):
    """Any run of characters; `segment` when the run stops at a `/`; `name` when what it matches is captured."""

    segment: bool
    name: str | None = None


Part = str | Wildcard

#: Beyond this many steps (text length to the power of what can vary) the memory is worth its price.
_STEPS = 100_000


def matches(pattern: str) -> Callable[[str], bool]:
    """The test of `Matches` and `Like`: `*` is any run of characters, `%` takes the next character literally."""
    parts = split(pattern, path=False, braces=False)
    return _tester(parts)


def matches_path(pattern: str, *, root_matches_slash: bool = True) -> Callable[[str], bool]:
    """The test of `MatchesPath` and `LikePath`.

    `*` and `{name}` are one path element, which may be empty; `**` is any run of characters; `%` takes the next
    character literally; a `/` stands for itself, also beside `**`. The pattern `/` matches the empty path suffix
    of a request to the base path itself, and with `root_matches_slash` also `/`.
    """
    if pattern == "/":
        roots = ("", "/") if root_matches_slash else ("",)
        return roots.__contains__
    return _tester(split(pattern, path=True, braces=True))


def split(pattern: str, *, path: bool, braces: bool) -> list[Part]:
    """A pattern as literal texts and wildcards, no two literals side by side.

    With `braces`, `{name}` is a wildcard; a brace that is never closed stands for itself.
    """
    parts: list[Part] = []
    literal: list[str] = []
    position, length = 0, len(pattern)

    def wildcard(part: Wildcard) -> None:
        if literal:
            parts.append("".join(literal))
            literal.clear()
        parts.append(part)

    while position < length:
        character = pattern[position]
        position += 1
        if character == "%" and position < length:
            literal.append(pattern[position])
            position += 1
        elif character == "*":
            stars = 1
            while position < length and pattern[position] == "*":
                stars, position = stars + 1, position + 1
            wildcard(Wildcard(path and stars == 1))
        elif character == "{" and braces and (closing := pattern.find("}", position)) >= 0:
            wildcard(Wildcard(path, pattern[position:closing]))
            position = closing + 1
        else:
            literal.append(character)
    if literal:
        parts.append("".join(literal))
    return parts


def merge(parts: list[Part]) -> list[Part]:
    """Without captures: of wildcards side by side the widest remains."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, Wildcard):
            part = Wildcard(part.segment)
            if merged and isinstance(merged[-1], Wildcard):
                part = Wildcard(part.segment and merged[-1].segment)
                merged.pop()
        merged.append(part)
    return merged


def to_regex(parts: list[Part]) -> tuple[str, int]:
    """A regular expression for `fullmatch` (with DOTALL), a group for each named wildcard, and its degree.

    The degree says how matching time grows with the text: 1 for linear, 2 for quadratic, and so on. A wildcard
    followed by a literal can take its first fit when the next wildcard makes up for whatever it leaves.
    """
    source: list[str] = []
    degree = 1
    index = 0
    while index < len(parts):
        part = parts[index]
        index += 1
        if isinstance(part, str):
            source.append(re.escape(part))
            continue
        any_one = "[^/]" if part.segment else "."
        run = f"({any_one}*?)" if part.name is not None else f"{any_one}*?"
        following = parts[index] if index < len(parts) else ""
        after = parts[index + 1] if index + 1 < len(parts) else None
        if isinstance(following, Wildcard):
            degree += 1
            source.append(run)
        elif not isinstance(after, Wildcard):
            # the last wildcard: a literal at the end of the text has one place only
            source.append(run.replace("*?", "*"))
        elif not after.segment or (part.segment and "/" not in following):
            source.append(f"(?>{run}{re.escape(following)})")
            index += 1
        else:
            if not part.segment:
                degree += 1
            source.append(run)
    return "".join(source), degree


def backtrack(parts: list[Part], text: str) -> list[tuple[int, int]] | None:
    """The span of each wildcard in the first match (shortest runs first), or None; linear time and memory."""
    failed: set[tuple[int, int]] = set()
    spans: list[tuple[int, int]] = []
    wildcards = [i for i, part in enumerate(parts) if isinstance(part, Wildcard)]
    index, position, end = 0, 0, len(text)
    while True:
        matched = True
        while index < len(parts):
            part = parts[index]
            if isinstance(part, Wildcard):
                if (index, position) in failed:
                    matched = False
                    break
                spans.append((position, position))
            elif text.startswith(part, position):
                position += len(part)
            else:
                matched = False
                break
            index += 1
        if matched and position == end:
            return spans
        while spans:
            start, stop = spans.pop()
            index = wildcards[len(spans)]
            wildcard = parts[index]
            # whoever comes here again comes after the longer runs were tried too
            failed.add((index, stop))
            stops = isinstance(wildcard, Wildcard) and wildcard.segment and text.startswith("/", stop)
            if stop < end and not stops and (index, stop + 1) not in failed:
                spans.append((start, stop + 1))
                position, index = stop + 1, index + 1
                break
        else:
            return None


def limit(degree: int) -> int:
    """The longest text for which a regular expression of that degree stays within the steps."""
    return int(_STEPS ** (1 / degree))


def linear_fullmatch(pattern: str, *, path: bool) -> Callable[[str], re.Match[str] | None] | None:
    """The bare `fullmatch` when that is all there is to a test, to be called without a frame of ours between."""
    parts = merge(split(pattern, path=path, braces=path))
    if pattern == "/" or all(isinstance(part, str) for part in parts):
        return None
    source, degree = to_regex(parts)
    return re.compile(source, re.DOTALL).fullmatch if degree == 1 else None


def _tester(parts: list[Part]) -> Callable[[str], bool]:
    parts = merge(parts)
    if all(isinstance(part, str) for part in parts):
        return "".join(part for part in parts if isinstance(part, str)).__eq__
    source, degree = to_regex(parts)
    fullmatch = re.compile(source, re.DOTALL).fullmatch
    longest = limit(degree)

    def test(text: str) -> bool:
        if degree == 1 or len(text) <= longest:
            return fullmatch(text) is not None
        return backtrack(parts, text) is not None

    return test
