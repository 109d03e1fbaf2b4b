"""Template functions that take a regular expression."""

from __future__ import annotations

from apiproxy_runtime.expression.boundedregex import BoundedRegex, RegexTimeout, compile_bounded
from apiproxy_runtime.expression.javaregex import JavaRegexError
from apiproxy_runtime.expression.javareplacement import java_replacement
from apiproxy_runtime.expression.template.failure import CallFailed


def regex(text: str) -> BoundedRegex:
    """A Java regular expression; raises CallFailed for a bad one."""
    try:
        return compile_bounded(text)
    except JavaRegexError as error:
        raise CallFailed(f"{text!r} is not a regular expression: {error}") from None


def replace_all(text: str, pattern: str, value: str, count: int = 0) -> str:
    """An expression that is still trying after its time limit (0.2 s) fails the call, so that nobody waits for it."""
    try:
        return regex(pattern).replace(text, java_replacement(value), count)
    except RegexTimeout as error:
        raise CallFailed(str(error)) from None
    except (JavaRegexError, IndexError) as error:
        raise CallFailed(f"{value!r} is not a replacement: {error}") from None


def replace_first(text: str, pattern: str, value: str) -> str:
    return replace_all(text, pattern, value, 1)
