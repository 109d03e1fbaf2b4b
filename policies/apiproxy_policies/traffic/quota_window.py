"""The windows of time in which a quota counts.

By type (Quota reference, "Understanding the quota counter types"):

    none           ends with the clock's minute, hour, day, week (Sunday 00:00 UTC), month; with an interval of n it
                   takes in n of them, the current one first
    calendar       n units each, counted from StartTime (UTC); without one as if there were no type
    flexi          n units from the first message of an identifier
    rollingwindow  the n units that end now

A month is 28 days where it has no place on the clock (calendar, flexi, rollingwindow), a year 365.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apiproxy_runtime.policy.api import Kind

DAY = 86400
SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": DAY,
    "week": 7 * DAY,
    "month": 28 * DAY,
    "year": 365 * DAY,
}
#: A Sunday, on which weeks begin.
_FIRST_SUNDAY = 3 * DAY

#: From now (seconds since the epoch), an interval and its unit to the end of the window.
Ends = Callable[[float, int, str], float]


#: What `<TimeUnit>` may say; a product, and so a reference, may say `year` too.
UNITS = ("second", "minute", "hour", "day", "week", "month")
#: Which unit it is, is checked by whoever asks: the deploy error tells more than a declaration knows.
TIME_UNIT = Kind("time unit", "second, minute, hour, day, week or month", str.lower, UNITS)


def clock_end(now: float, interval: int, unit: str) -> float:
    """The end of the interval-th clock unit, the current one counted."""
    if unit in ("month", "year"):
        moment = datetime.fromtimestamp(now, UTC)
        months = interval if unit == "month" else interval * 12
        start = moment.year * 12 + (moment.month - 1 if unit == "month" else 0)
        year, month = divmod(start + months, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
    length = SECONDS[unit]
    offset = _FIRST_SUNDAY if unit == "week" else 0
    return float(((now - offset) // length + interval) * length + offset)


def calendar_end(start: float) -> Ends:
    """Windows counted from a moment; before it they are counted backwards."""

    def end(now: float, interval: int, unit: str) -> float:
        length = interval * SECONDS[unit]
        return start + ((now - start) // length + 1) * length

    return end


def flexi_end(now: float, interval: int, unit: str) -> float:
    return now + interval * SECONDS[unit]


_START_TIME = re.compile(r"(\d{1,4})-(\d{1,2})-(\d{1,2}) +(\d{1,2}):(\d{1,2}):(\d{1,2})")


def start_time(written: str) -> float:
    """`yyyy-MM-dd HH:mm:ss` in UTC as seconds since the epoch; digits may be missing, as Java's parser allows.

    Raises ValueError.
    """
    found = _START_TIME.fullmatch(written.strip())
    if found is None:
        raise ValueError(written)
    year, month, day, hour, minute, second = map(int, found.groups())
    moment = datetime(year, month, day, tzinfo=UTC)
    return (moment + timedelta(hours=hour, minutes=minute, seconds=second)).timestamp()
