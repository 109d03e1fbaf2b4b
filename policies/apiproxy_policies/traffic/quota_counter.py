"""What Quota, LLMTokenQuota and ResetQuota share: windows of time, limits by class, and where counters are kept.

Counters live in the store, so all workers and machines count on the same ones, at once and exactly: `<Distributed>`,
`<Synchronous>` and `<AsynchronousConfiguration>` are read and checked, but every quota is distributed and synchronous.

The windows, by type (Quota reference, "Understanding the quota counter types"):

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
from typing import Any

from apiproxy_policies.security.consumer_variables import assign
from apiproxy_runtime.policy.api import (
    INTEGER,
    NATURAL,
    VARIABLE,
    Answer,
    Count,
    Element,
    Fault,
    Getter,
    Kind,
    MessageContext,
    Site,
    Value,
    attribute,
    child,
    many,
    nested,
    text,
    text_of,
)

#: The identifier of messages that have none, as faults and variables print it.
NO_IDENTIFIER = "_default"
#: What `<Allow>` lets through when nothing says how many (Quota reference).
DEFAULT_LIMIT = 2000

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


# ---- windows


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


class Counters:
    """The counters of one policy, or of all that share a name: one for each key.

    `of_type` is the policy's type; `start` the calendar's, when there is one.
    """

    def __init__(
        self, site: Site, name: str, shared_name: str | None, of_type: str | None, start: float | None
    ) -> None:
        deployment = site.deployment
        # sums over rolling windows are counters of another kind; a new revision must not take one for the other
        kind = "rolling-quota" if of_type == "rollingwindow" else "quota"
        self._directory = f"{kind}/{deployment.organization}/{deployment.environment}/"
        self._name = f"/shared/{shared_name}" if shared_name else f"/policy/{name}"
        self._store = site.store
        self._now = site.world.now
        self._rolling = of_type == "rollingwindow"
        self._end: Ends = clock_end
        if of_type == "flexi":
            self._end = flexi_end
        elif of_type == "calendar" and start is not None:
            self._end = calendar_end(start)

    def add(
        self, ctx: MessageContext, key: str, amount: int, limit: int | None, interval: int, unit: str
    ) -> Answer[Count]:
        """Count an amount unless that would pass the limit; 0 only looks, less gives back.

        The proxy is the transaction's, so that a shared flow counts for each proxy that calls it.
        """
        space = self._directory + ctx.deployment.proxy + self._name
        if self._rolling:
            return self._store.roll(space, key, amount, limit, interval * SECONDS[unit])
        return self._store.count(space, key, amount, limit, self._end(self._now(), interval, unit))


def counter_key(identifier: str, class_name: str | None, extra: str = "") -> str:
    """The key of one counter; the parts may hold anything."""
    if class_name is None and not extra:
        return identifier
    return "\0".join((identifier, class_name or "", extra))


# ---- declarations


class Reference(Element):
    """An element that names a flow variable in `ref`."""

    ref: str = attribute("ref", VARIABLE, default="", doc="flow variable")


class ClassAllow(Element):
    """The limit of one class."""

    name: str = attribute("class", default="", doc="value of the class variable")
    count: int | None = attribute("count", NATURAL, doc="how many messages")
    count_ref: str = attribute("countRef", VARIABLE, default="", doc="variable that holds the count")


class Class(Element):
    """Different limits for different values of a variable."""

    ref: str = attribute("ref", VARIABLE, default="", doc="variable that holds the class")
    allows: tuple[ClassAllow, ...] = many("Allow", ClassAllow, doc="the limit of one class")


class Allow(Element):
    """How many messages are let through; `countRef` wins when it resolves."""

    count: int | None = attribute("count", NATURAL, doc="how many messages; 2000 when nothing is said")
    count_ref: str = attribute("countRef", VARIABLE, default="", doc="variable that holds the count")
    text: Value[int] | None = text(INTEGER, ref=True, doc="the count in a product's default configuration")
    classes: Class | None = nested("Class", Class, doc="limits by class")


class AsynchronousConfiguration(Element):
    """How often message processors exchange counts; checked only, since here they never differ."""

    interval: int | None = child("SyncIntervalInSeconds", INTEGER, doc="seconds between two exchanges")
    count: int | None = child("SyncMessageCount", INTEGER, doc="messages between two exchanges")


# ---- what a request needs


#: The limit and the class of a message.
Limit = Callable[[MessageContext], tuple[int, str | None]]
#: Interval and unit of a message's window.
Period = Callable[[MessageContext], tuple[int, str]]


def compile_limit(allow: Allow | None, classes: Class | None, site: Site) -> Limit:
    """The limit of a class when the message has one that is listed, else the general one."""
    general = _count(allow.count if allow else None, allow.count_ref if allow else "", DEFAULT_LIMIT, site)
    if classes is None or not classes.ref:
        return lambda ctx: (general(ctx), None)
    class_of = site.getter(classes.ref)
    limits = {each.name: _count(each.count, each.count_ref, None, site) for each in classes.allows}

    def limit(ctx: MessageContext) -> tuple[int, str | None]:
        name = text_of(class_of(ctx))
        own = limits.get(name)
        found = own(ctx) if own is not None else None
        return (general(ctx), None) if found is None else (found, name)

    return limit


def _count(count: int | None, ref: str, default: int | None, site: Site) -> Callable[[MessageContext], Any]:
    fallback = default if count is None else count
    if not ref:
        return lambda ctx: fallback
    get = site.getter(ref)

    def resolve(ctx: MessageContext) -> int | None:
        found = whole_number(get(ctx))
        return fallback if found is None or found < 0 else found

    return resolve


def compile_period(
    interval: Value[int] | None,
    unit: Value[str] | None,
    site: Site,
    no_interval: Callable[[str], Fault],
    no_unit: Callable[[str], Fault],
) -> Period:
    """Interval and unit: the variables of `ref` when they resolve, else the texts, else a fault."""
    interval_of = _setting(interval, site, lambda found: found > 0, no_interval)
    unit_of = _setting(unit, site, SECONDS.__contains__, no_unit)
    if interval is not None and unit is not None and interval.ref is None and unit.ref is None:
        constant = (interval.literal, unit.literal)
        if constant[0] is not None and constant[1] is not None:
            known: tuple[int, str] = (constant[0], constant[1])
            return lambda ctx: known
    return lambda ctx: (interval_of(ctx), unit_of(ctx))


def _setting(
    value: Value[Any] | None, site: Site, legal: Callable[[Any], bool], missing: Callable[[str], Fault]
) -> Getter:
    resolve = site.value(value)
    reference = (value.ref if value is not None else None) or "null"

    def setting(ctx: MessageContext) -> Any:
        try:
            found = resolve(ctx)
        except ValueError:
            found = None
        if found is None or not legal(found):
            raise missing(reference)
        return found

    return setting


def compile_identifier(reference: Reference | None, site: Site) -> Callable[[MessageContext], str]:
    """Whose messages are counted together; all of them where nothing resolves."""
    if reference is None or not reference.ref:
        return lambda ctx: NO_IDENTIFIER
    get = site.getter(reference.ref)
    return lambda ctx: text_of(get(ctx)) or NO_IDENTIFIER


def compile_weight(
    reference: Reference | None, site: Site, invalid: Callable[[str], Fault]
) -> Callable[[MessageContext], int] | None:
    """For how many a message counts; None where it is always one, one too where nothing resolves."""
    if reference is None or not reference.ref:
        return None
    get = site.getter(reference.ref)

    def weight(ctx: MessageContext) -> int:
        found = get(ctx)
        if found is None or found == "":
            return 1
        number = whole_number(found)
        if number is None or number < 0:
            raise invalid(text_of(found))
        return number

    return weight


def whole_number(value: object) -> int | None:
    """A variable's value as an integer; None when it is none."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(text_of(value).strip(), 10)
    except ValueError:
        return None


# ---- what a request leaves


_COUNTS = ("allowed.count", "used.count", "available.count", "exceed.count", "total.exceed.count")


class Report:
    """Sets `ratelimit.{policy}.…` to what a counter said."""

    def __init__(self, policy: str, site: Site) -> None:
        prefix = f"ratelimit.{policy}."
        self._names = tuple(prefix + name for name in (*_COUNTS, "expiry.time", "identifier"))
        self._class_names = (prefix + "class", *(f"{prefix}class.{name}" for name in _COUNTS))
        self._assign = assign(site)

    def __call__(
        self, ctx: MessageContext, count: Count, limit: int, identifier: str, class_name: str | None
    ) -> None:
        passed, number, refused, expires = count
        available = limit - number if limit > number else 0
        exceeded = 0 if passed else 1
        allowed_count, used, left, exceed, total, expiry, identified = self._names
        values: dict[str, object] = {
            allowed_count: limit,
            used: number,
            left: available,
            exceed: exceeded,
            total: refused,
            expiry: round(expires * 1000),
            identified: identifier,
        }
        self._assign(ctx, values)
        if class_name is not None:
            counts = (class_name, limit, number, available, exceeded, refused)
            self._assign(ctx, dict(zip(self._class_names, counts, strict=True)))
