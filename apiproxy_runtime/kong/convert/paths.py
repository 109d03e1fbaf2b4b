"""Path patterns of conditions: which cover each other, and how Kong's router writes them.

A pattern is a tuple of characters, `SEGMENT` (any run without a slash), `ANY` (any run) and
`SLASH` (a slash or nothing); or one token with a whole
regular expression, of which only a plain path can say whether it fits. Source of the wildcards:
"Pattern matching with conditional statements"; of the regular expressions: Kong's router, which anchors a path that
begins with `~` at its start only.
"""

from __future__ import annotations

import re
from functools import lru_cache

from apiproxy_runtime.expression.glob import Wildcard, split

SEGMENT = "\0segment"
ANY = "\0any"
SLASH = "\0slash"
_EXPRESSION = "\0expression:"
#: What Java knows and Rust, whose expressions Kong reads, does not: looking around, going back, atomic groups.
_ONLY_JAVA = re.compile(r"\(\?(?!:)|\\[1-9]|\\k<|[*+?}]\+|&&")
Pattern = tuple[str, ...]
_RESERVED = frozenset("\\.+*?()|[]{}^$")


def literal(text: str) -> Pattern:
    return tuple(text)


def glob(text: str, *, path: bool) -> Pattern:
    """The pattern of `Matches` (`*` is any run) or with `path` of `MatchesPath` (`*` stays within a segment)."""
    tokens: list[str] = []
    for part in split(text, path=path, braces=path):
        if isinstance(part, Wildcard):
            tokens.append(SEGMENT if part.segment else ANY)
        else:
            tokens.extend(part)
    return tuple(tokens)


def expression(text: str) -> Pattern | None:
    """A Java regular expression for the whole path; None when Kong's router does not know all of it."""
    return (_EXPRESSION + text,) if _ONLY_JAVA.search(text) is None else None


def is_expression(pattern: Pattern) -> bool:
    return len(pattern) == 1 and pattern[0].startswith(_EXPRESSION)


def is_plain(pattern: Pattern) -> bool:
    """Whether it fits one text only."""
    return all(len(token) == 1 for token in pattern)


def regex(pattern: Pattern) -> str:
    """A regular expression in the syntax that Rust, Python and PCRE share; not anchored."""
    written = []
    for token in pattern:
        if token == SEGMENT:
            written.append("[^/]*")
        elif token == ANY:
            written.append(".*")
        elif token == SLASH:
            written.append("/?")
        elif token.startswith(_EXPRESSION):
            written.append(f"(?:{token.removeprefix(_EXPRESSION)})")
        else:
            written.append(f"\\{token}" if token in _RESERVED else token)
    return "".join(written)


@lru_cache(2048)
def overlap(left: Pattern, right: Pattern) -> bool:
    """Whether some text fits both; of an expression beside a pattern it is taken for granted."""
    if is_expression(left) or is_expression(right):
        if is_plain(left) or is_plain(right):
            return covers(left, right) or covers(right, left)
        return True
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(left) and j == len(right):
            return True
        a = left[i] if i < len(left) else None
        b = right[j] if j < len(right) else None
        if a in (SEGMENT, ANY):
            waiting.append((i + 1, j))
            if b is not None and len(b) == 1 and not (a == SEGMENT and b == "/"):
                waiting.append((i, j + 1))
        if b in (SEGMENT, ANY):
            waiting.append((i, j + 1))
            if a is not None and len(a) == 1 and not (b == SEGMENT and a == "/"):
                waiting.append((i + 1, j))
        if a == SLASH:
            waiting.append((i + 1, j))
            if b == "/":
                waiting.append((i + 1, j + 1))
        if b == SLASH:
            waiting.append((i, j + 1))
            if a == "/":
                waiting.append((i + 1, j + 1))
        if a is not None and a == b:
            waiting.append((i + 1, j + 1))
    return False


@lru_cache(2048)
def covers(wide: Pattern, narrow: Pattern) -> bool:
    """Whether every text of `narrow` fits `wide`; judged by texts that put odd things where the wildcards are."""
    if is_expression(narrow):
        return wide == narrow or wide == (ANY,)
    test = re.compile(regex(wide), re.DOTALL)
    if is_expression(wide):
        return is_plain(narrow) and test.fullmatch("".join(narrow)) is not None
    for segment, anything in (("", ""), ("\1", "\1"), ("\1\2", "\1/\2"), ("", "/"), ("\1", "\1//\2/")):
        text = "".join(
            {SEGMENT: segment, ANY: anything, SLASH: segment and "/"}.get(token, token) for token in narrow
        )
        if test.fullmatch(text) is None:
            return False
    return True
