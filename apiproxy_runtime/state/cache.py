"""Named caches on the store: keys, expiry, invalidation, and cached responses.

Sources: the reference pages "Working with cache keys", PopulateCache and InvalidateCache.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from apiproxy_runtime.state.store import Answer, Store, Value, then

#: From the time now (seconds since the epoch) to the time to live in seconds; nothing or less is expired already.
Expiry: TypeAlias = Callable[[float], float]

SCOPES = ("Exclusive", "Global", "Application", "Proxy", "Target")
SEPARATOR = "__"
#: The cache that policies without `<CacheResource>` share.
SHARED = "_shared"


def key_prefix(
    scope: str, organization: str, environment: str, proxy: str, revision: str, endpoint: str
) -> str:
    """What the keys of a scope begin with; `endpoint` is the ProxyEndpoint or TargetEndpoint of the policy.

    Raises ValueError for an unknown scope.
    """
    if scope == "Global":
        parts = [organization, environment]
    elif scope == "Application":
        parts = [organization, environment, proxy]
    elif scope in ("Exclusive", "Proxy", "Target"):
        parts = [organization, environment, proxy, revision, endpoint]
    else:
        raise ValueError(f'"{scope}" is not a scope of caches: use {", ".join(SCOPES)}')
    return SEPARATOR.join(parts)


def cache_key(prefix: str, fragments: Sequence[str]) -> str:
    """A prefix (of the scope, or the text of `<Prefix>`) and the fragments, in order."""
    return SEPARATOR.join((prefix, *fragments))


def after_seconds(seconds: float) -> Expiry:
    return lambda now: seconds


def at_time_of_day(text: str) -> Expiry:
    """At the next `HH:mm:ss` in the server's time zone. Raises ValueError for anything else."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)", text.strip())
    if not found:
        raise ValueError(f'a time of day is written HH:mm:ss, such as 14:30:00, not "{text}"')
    hour, minute, second = map(int, found.groups())

    def until(now: float) -> float:
        moment = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=second, microsecond=0)
        if moment.timestamp() <= now:
            moment += timedelta(days=1)
        return moment.timestamp() - now

    return until


def on_date(text: str) -> Expiry:
    """When that day begins in the server's time zone: `mm-dd-yyyy`, or with slashes. Raises ValueError otherwise."""
    found = re.fullmatch(r"(\d\d?)([-/])(\d\d?)\2(\d{4})", text.strip())
    try:
        if not found:
            raise ValueError
        moment = datetime(int(found[4]), int(found[1]), int(found[3])).timestamp()
    except ValueError:
        raise ValueError(f'a date is written mm-dd-yyyy, such as 12-31-2030, not "{text}"') from None
    return lambda now: moment - now


class Cache:
    """One named cache. Values keep their type: text comes back as text, bytes as bytes."""

    __slots__ = ("_space", "_store", "name")

    def __init__(self, store: Store, space: str, name: str) -> None:
        self.name = name
        self._store = store
        self._space = space

    def get(self, key: str) -> Answer[Value | None]:
        return self._store.get(self._space, key)

    def put(self, key: str, value: Value, ttl: float | None = None) -> Answer[None]:
        return self._store.put(self._space, key, value, ttl)

    def invalidate(self, key: str, *, children: bool = False) -> Answer[bool]:
        """Forget an entry, and with `children` all whose key goes on behind `key` and a separator.

        Whether anything was there.
        """
        gone = self._store.delete(self._space, key)
        if not children:
            return gone
        return then(
            gone,
            lambda there: then(
                self._store.delete_prefix(self._space, key + SEPARATOR), lambda count: there or count > 0
            ),
        )

    def get_response(self, key: str) -> Answer[CachedResponse | None]:
        """The response put under a key; None when there is none, or something else."""
        return then(self._store.get(self._space, key), CachedResponse.unpack)

    def put_response(self, key: str, response: CachedResponse, ttl: float | None = None) -> Answer[None]:
        return self._store.put(self._space, key, response.pack(), ttl)

    def keys(self, prefix: str = "", *, after: str = "", limit: int | None = None) -> Answer[list[str]]:
        """Live keys in order; pass a page's last key as `after` to read the next page."""
        return then(
            self._store.entries(self._space, prefix, after=after, limit=limit),
            lambda found: [key for key, _ in found],
        )

    def clear(self) -> Answer[int]:
        """Forget all entries; how many there were."""
        return self._store.delete_prefix(self._space)


class Caches:
    """The caches of one environment; a cache comes into being when something is put into it."""

    def __init__(self, store: Store, organization: str, environment: str) -> None:
        self.store = store
        self._directory = f"cache/{organization}/{environment}/"

    def cache(self, name: str = SHARED) -> Cache:
        return Cache(self.store, self._directory + name, name)

    def names(self) -> Answer[list[str]]:
        """The caches that hold anything, sorted."""
        start = len(self._directory)
        return then(self.store.spaces(self._directory), lambda spaces: [space[start:] for space in spaces])


class CachedResponse(Struct, frozen=True):
    """A response as ResponseCache keeps it.

    stored  seconds since the epoch
    vary    the request headers (lower case) that the response's Vary names, as the request had them
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    stored: float
    vary: tuple[tuple[str, str], ...] = ()

    def pack(self) -> bytes:
        head = json.dumps([self.status, self.reason, self.headers, self.stored, self.vary]).encode()
        return b"%d\n%b%b" % (len(head), head, self.body)

    @classmethod
    def unpack(cls, stored: Value | None) -> CachedResponse | None:
        """None for what `pack` didn't make: a policy may have put something else under the same key."""
        if not isinstance(stored, bytes):
            return None
        try:
            length, _, rest = stored.partition(b"\n")
            end = int(length)
            status, reason, headers, moment, vary = json.loads(rest[:end])
            return cls(int(status), str(reason), _pairs(headers), rest[end:], float(moment), _pairs(vary))
        except (ValueError, TypeError):
            return None


def _pairs(found: list[tuple[object, object]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in found)
