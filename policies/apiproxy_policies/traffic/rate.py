"""Rates of messages or tokens, as SpikeArrest and PromptTokenLimit write them: `30ps`, `100pm`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from apiproxy_runtime.policy.api import Fault, Kind, MessageContext, Site, Value

_RATE = re.compile(r"([1-9]\d*)\s*(ps|pm)")


class Rate(NamedTuple):
    """So many in a period of so many seconds; prints as faults of Apigee X do."""

    messages: int
    period: int

    @property
    def spacing(self) -> float:
        """Seconds between two messages."""
        return self.period / self.messages

    def __str__(self) -> str:
        micros = self.period * 1_000_000
        return f"MessageRate{{messagesPerPeriod={self.messages}, periodInMicroseconds={micros}, maxBurstMessageCount=1.0}}"


@lru_cache(1024)
def parse_rate(written: str) -> Rate:
    """Read `30ps` (per second) or `100pm` (per minute). Raises ValueError."""
    found = _RATE.fullmatch(written.strip().lower())
    if found is None:
        raise ValueError(written)
    return Rate(int(found[1]), 1 if found[2] == "ps" else 60)


RATE = Kind("rate", "a rate such as 30ps (per second) or 100pm (per minute)", parse_rate)


def compile_rate(
    value: Value[Rate], site: Site, unresolved: Callable[[str], Fault]
) -> Callable[[MessageContext], Rate]:
    """The rate of a message: the variable of `ref`, else the text. `unresolved` gets the reference."""
    literal = value.literal
    if value.ref is None and literal is not None:
        return lambda ctx: literal
    resolve = site.value(value)
    reference = value.ref or value.text or "null"

    def rate(ctx: MessageContext) -> Rate:
        try:
            found = resolve(ctx)
        except ValueError:
            found = None
        if found is None:
            raise unresolved(reference)
        return found

    return rate
