"""`caches.json`: named caches and when their entries expire. A cache needs no entry here to be used."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Place, Placed


class Cache(Struct, frozen=True):
    """At most one expiry: seconds, a time of day (HH:mm:ss) or a date (MM/DD/YYYY)."""

    name: str
    timeout_in_sec: int | None
    time_of_day: str | None
    expiry_date: str | None
    place: Placed


def read_cache(entry: Entry) -> Cache | None:
    """None (and an error) without a name. Expiry is wrapped in `{"value": …}` by the API, and may also be bare."""
    name = entry.name("name")
    if not name:
        return None
    settings = entry.entry("the expiry of " + entry.noun, "expirySettings")
    if settings is not None:
        settings = settings.entry(settings.noun, "values") or settings
    timeout, timeout_key = _setting(settings, "timeoutInSec")
    seconds = timeout.integer(timeout_key, default=0) if timeout is not None else 0
    time_of_day, time_key = _setting(settings, "timeOfDay")
    date, date_key = _setting(settings, "expiryDate")
    return Cache(
        name=name,
        timeout_in_sec=seconds if seconds > 0 else None,
        time_of_day=(time_of_day.text(time_key) or None) if time_of_day is not None else None,
        expiry_date=(date.text(date_key) or None) if date is not None else None,
        place=Place(entry.file, entry.line, entry.column),
    )


def _setting(settings: Entry | None, key: str) -> tuple[Entry | None, str]:
    """Where a setting's value stands: the entry and the field in it."""
    member = settings.member(key) if settings is not None else None
    if settings is not None and member is not None and isinstance(member.value, dict):
        return settings.entry(f"{key} of {settings.noun}", key), "value"
    return settings, key
