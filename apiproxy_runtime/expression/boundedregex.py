"""Regular expressions that cannot stall the server.

Almost every expression people write takes linear or small polynomial time, and runs on `re`, the faster engine.
`regexcost` tells up to which length of text that is certain; beyond it (for an exponential expression: always)
the same source runs on the `regex` package, which gives up after a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from apiproxy_runtime.expression.javaregex import JavaRegexError, parse_java_regex
from apiproxy_runtime.expression.javareplacement import Match
from apiproxy_runtime.expression.regexcost import Cost, cost
from apiproxy_runtime.expression.regexnodes import size

if TYPE_CHECKING:
    import regex

#: Seconds one match may take.
DEFAULT_TIMEOUT = 0.2
#: How many steps of a backtracking matcher are always affordable (about 20 ns each).
_STEPS = 1_000_000
#: With so few ways through it an expression of linear time is run on texts of any length.
_FEW_PATHS = 8
#: So many ways are always affordable when the text's length adds none.
_MANY_PATHS = 10_000
#: Minimum counts multiplied out: the slower engine does write them out.
_LARGEST = 50_000
_UNLIMITED = 1 << 62


class RegexTimeout(Exception):
    """An expression was still trying after its time limit."""

    def __init__(self, pattern: str, seconds: float) -> None:
        super().__init__(
            f"the regular expression {pattern!r} did not finish within {seconds:g} s; "
            "avoid repetitions inside repetitions such as (a+)+"
        )
        self.pattern = pattern
        self.seconds = seconds


class BoundedRegex:
    """A compiled Java regular expression whose work is bounded.

    pattern    as written
    cost       the estimate of its matching time, for whoever wants to warn of it
    groups     how many capturing groups it has
    fullmatch, search  take a text and return a match or None; they raise RegexTimeout
    """

    __slots__ = (
        "_fast",
        "_search_limit",
        "_source",
        "cost",
        "fullmatch",
        "groups",
        "pattern",
        "search",
        "timeout",
    )

    def __init__(self, pattern: str, flags: int = 0, timeout: float = DEFAULT_TIMEOUT) -> None:
        source, parts = parse_java_regex(pattern, flags)
        if size(parts) > _LARGEST:
            raise JavaRegexError(f"the counts of this expression ask for more than {_LARGEST} characters", 0)
        self.pattern = pattern
        self.timeout = timeout
        self.cost: Cost = cost(parts)
        self._source = source
        self._fast = _compile_fast(source)
        self.groups: int = self._fast.groups if self._fast is not None else self._slow().groups
        degree = self.cost.degree
        match_limit = self._limit(degree)
        self._search_limit = match_limit if self.cost.anchored or degree is None else self._limit(degree + 1)
        self.fullmatch: Callable[[str], Match | None] = self._fullmatch(match_limit)
        self.search: Callable[[str], Match | None] = self._searcher(self._search_limit)

    def _slow(self) -> regex.Pattern[str]:
        """The expression on the engine that knows a time limit. Raises JavaRegexError."""
        return _compile_slow(self._source)

    def _limit(self, degree: int | None) -> int:
        """The longest text that `re` may be given."""
        paths = self.cost.paths
        if degree is None or self._fast is None:
            return -1
        if degree == 0 or (degree == 1 and paths <= _FEW_PATHS):
            return _UNLIMITED if paths <= _MANY_PATHS else -1
        return int((_STEPS / paths) ** (1 / max(degree, 1)))

    def _fullmatch(self, limit: int) -> Callable[[str], Match | None]:
        fast, timeout = self._fast, self.timeout
        if fast is not None and limit == _UNLIMITED:
            return fast.fullmatch

        def fullmatch(text: str) -> Match | None:
            if fast is not None and len(text) <= limit:
                return fast.fullmatch(text)
            try:
                return self._slow().fullmatch(text, timeout=timeout)
            except TimeoutError:
                raise RegexTimeout(self.pattern, timeout) from None

        return fullmatch

    def _searcher(self, limit: int) -> Callable[[str], Match | None]:
        fast, timeout = self._fast, self.timeout
        if fast is not None and limit == _UNLIMITED:
            return fast.search

        def search(text: str) -> Match | None:
            if fast is not None and len(text) <= limit:
                return fast.search(text)
            try:
                return self._slow().search(text, timeout=timeout)
            except TimeoutError:
                raise RegexTimeout(self.pattern, timeout) from None

        return search

    def replace(self, text: str, replacement: Callable[[Match], str], count: int = 0) -> str:
        """Replace every match, or the first `count`. Raises RegexTimeout.

        `replacement` is what `java_replacement` makes, or any function of a match.
        """
        if self._fast is not None and len(text) <= self._search_limit:
            return self._fast.sub(replacement, text, count)
        try:
            return self._slow().sub(replacement, text, count, timeout=self.timeout)
        except TimeoutError:
            raise RegexTimeout(self.pattern, self.timeout) from None


@lru_cache(maxsize=1024)
def _compile_slow(source: str) -> regex.Pattern[str]:
    import regex  # takes as long to load as half the runtime, and few bundles need it

    try:
        return regex.compile(source)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise JavaRegexError(f"this expression cannot be run here: {error}", 0) from None


def _compile_fast(source: str) -> re.Pattern[str] | None:
    """None for the few expressions that only the slower engine takes, such as a look-behind of varying length."""
    try:
        return re.compile(source)
    except (re.error, OverflowError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def compile_bounded(pattern: str, flags: int = 0, timeout: float = DEFAULT_TIMEOUT) -> BoundedRegex:
    """The Java regular expression, compiled once. Raises JavaRegexError.

    flags    as for `javaregex.translate`
    timeout  seconds that one match may take
    """
    return BoundedRegex(pattern, flags, timeout)


def bounded_fullmatch(pattern: str, text: str, *, timeout: float = DEFAULT_TIMEOUT) -> Match | None:
    """Match the whole text, for a pattern known only at run time. Raises JavaRegexError and RegexTimeout."""
    return compile_bounded(pattern, timeout=timeout).fullmatch(text)


def bounded_search(pattern: str, text: str, *, timeout: float = DEFAULT_TIMEOUT) -> Match | None:
    """Find the first match anywhere, for a pattern known only at run time. Raises as `bounded_fullmatch`."""
    return compile_bounded(pattern, timeout=timeout).search(text)
