"""Settings of the token policies: text, or a variable with the text as its fallback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from apiproxy_policies.security.jose.refused import Refused
from apiproxy_runtime.policy.api import (
    DateFormatError,
    Kind,
    MessageContext,
    Site,
    Value,
    parse_date,
    text_of,
)

T = TypeVar("T")
Resolve = Callable[[MessageContext], Any]

_UNITS = {"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PERIOD = re.compile(r"(\d{1,15})\s*(ms|s|m|h|d|w|)")
#: The formats of <NotBefore> (GenerateJWT reference)
_DATES = (
    "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "yyyy-MM-dd'T'HH:mm:ssZ",
    "EEE, dd MMM yyyy HH:mm:ss zzz",
    "EEEE, dd-MMM-yy HH:mm:ss zzz",
    "EEE MMM d HH:mm:ss yyyy",
)


def parse_period(text: str) -> int:
    """Milliseconds of `90s` or `1h`; a bare number is milliseconds already. Raises ValueError."""
    match = _PERIOD.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2]]


def parse_moment(text: str) -> tuple[str, int]:
    """`("after", ms)` for a period from now, `("at", ms)` for a date. Raises ValueError."""
    try:
        return "after", parse_period(text)
    except ValueError:
        pass
    for pattern in _DATES:
        try:
            return "at", round(parse_date(text.strip(), pattern, century=2000) * 1000)
        except DateFormatError:
            continue
    raise ValueError(text)


PERIOD = Kind("period", "a number followed by ms, s, m, h or d", parse_period)
MOMENT = Kind("moment", "a date such as 2031-08-14T11:00:21.269-0700, or a period such as 6h", parse_moment)


def split_list(value: Any) -> list[str]:
    """The texts of a list variable, or of a comma list."""
    if isinstance(value, list | tuple):
        return [text_of(item) for item in value]
    return [item for part in text_of(value).split(",") if (item := part.strip())]


def resolver(value: Value[T] | None, site: Site, *, lenient: bool) -> Resolve | None:
    """What reads a setting, unconverted when it comes from a variable; None when the element is absent.

    A variable that is set beats the text. When neither is there, `lenient` (IgnoreUnresolvedVariables) makes it None,
    else the function raises Refused: FailedToResolveVariable.
    """
    if value is None:
        return None
    literal, ref = value.literal, value.ref
    if ref is None:
        return lambda ctx: literal
    get, name = site.getter(ref), ref

    def resolve(ctx: MessageContext) -> Any:
        found = get(ctx)
        if found is not None:
            return found
        if literal is None and not lenient:
            raise Refused("FailedToResolveVariable", variable=name)
        return literal

    return resolve


def converted(value: Value[T] | None, site: Site, *, lenient: bool, refusal: str) -> Resolve | None:
    """As `resolver`, with the variable's text parsed; the function raises Refused: `refusal` when it cannot be."""
    resolve = resolver(value, site, lenient=lenient)
    if value is None or resolve is None or value.ref is None:
        return resolve
    literal = value.literal

    def convert(ctx: MessageContext) -> Any:
        found = resolve(ctx)
        if found is None or found is literal:
            return found
        try:
            return value.convert(found)
        except ValueError:
            raise Refused(refusal) from None

    return convert
