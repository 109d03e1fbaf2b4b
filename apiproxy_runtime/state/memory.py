"""State in this process's memory: the fastest store, forgotten at exit, seen by no other worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from apiproxy_runtime.state.store import Store, Value
from apiproxy_runtime.state.window import Count, Rolling, Window, micros
from apiproxy_runtime.world import World

V = TypeVar("V")
Shelves: TypeAlias = dict[str, dict[str, V]]

#: Expired entries are looked for after as many writes as there are entries, and not before this many.
SWEEP_AFTER = 4096


class MemoryStore(Store):
    """Dictionaries, one a space. Reading and deleting by prefix look at every key of the space."""

    leaves_process = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: space → key → value and when it expires (microseconds; 0 for never)
        self._values: Shelves[tuple[Value, int]] = {}
        self._windows: Shelves[Window] = {}
        self._rolling: Shelves[Rolling] = {}
        #: space → key → when the next message may pass
        self._spikes: Shelves[int] = {}
        self._writes_left = SWEEP_AFTER

    def get(self, space: str, key: str) -> Value | None:
        shelf = self._values.get(space)
        if shelf is None:
            return None
        entry = shelf.get(key)
        if entry is None:
            return None
        value, expires = entry
        if expires and expires <= self._now():
            del shelf[key]
            return None
        return value

    def put(
        self, space: str, key: str, value: Value, ttl: float | None = None, *, durable: bool = False
    ) -> None:
        if ttl is None:
            _shelf(self._values, space)[key] = (value, 0)
        elif ttl > 0:
            _shelf(self._values, space)[key] = (value, self._now() + micros(ttl))
        else:
            self._values.get(space, {}).pop(key, None)
        self._wrote()

    def put_many(self, space: str, values: Mapping[str, Value], *, durable: bool = False) -> None:
        for key, value in values.items():
            self.put(space, key, value)

    def compare_and_set(
        self,
        space: str,
        key: str,
        expected: Value | None,
        value: Value | None,
        ttl: float | None = None,
        *,
        durable: bool = False,
    ) -> bool:
        if self.get(space, key) != expected:
            return False
        if value is not None:
            self.put(space, key, value, ttl)
        elif expected is not None:
            del self._values[space][key]
        return True

    def delete(self, space: str, key: str, *, durable: bool = False) -> bool:
        existed = self.get(space, key) is not None
        self._values.get(space, {}).pop(key, None)
        now = self._now()
        for counters in (self._windows, self._rolling):
            counter = counters.get(space, {}).pop(key, None)
            existed |= counter is not None and counter.expires > now
        existed |= self._spikes.get(space, {}).pop(key, 0) > now
        return existed

    def delete_prefix(self, space: str, prefix: str = "", *, durable: bool = False) -> int:
        gone = 0
        for shelves in (self._values, self._windows, self._rolling, self._spikes):
            shelf = shelves.get(space, {})
            doomed = [key for key in shelf if key.startswith(prefix)]
            gone += len(doomed)
            for key in doomed:
                del shelf[key]
        return gone

    def entries(
        self, space: str, prefix: str = "", *, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Value]]:
        now = self._now()
        found = sorted(
            (key, value)
            for key, (value, expires) in self._values.get(space, {}).items()
            if key.startswith(prefix) and (not after or key > after) and not 0 < expires <= now
        )
        return found if limit is None else found[:limit]

    def spaces(self, prefix: str = "") -> list[str]:
        return sorted(
            {
                space
                for shelves in (self._values, self._windows, self._rolling, self._spikes)
                for space, shelf in shelves.items()
                if shelf and space.startswith(prefix)
            }
        )

    def count(self, space: str, key: str, amount: int, limit: int | None, expires: float) -> Count:
        shelf = self._windows.get(space)
        window = shelf.get(key) if shelf is not None else None
        if window is None:
            self._wrote()
            window = _shelf(self._windows, space)[key] = Window()
        return window.add(amount, limit, round(expires * 1_000_000), round(self.world.now() * 1_000_000))

    def roll(self, space: str, key: str, amount: int, limit: int | None, interval: float) -> Count:
        shelf = _shelf(self._rolling, space)
        rolling = shelf.get(key)
        if rolling is None:
            self._wrote()
            rolling = shelf[key] = Rolling()
        return rolling.add(amount, limit, micros(interval), self._now())

    def spike(self, space: str, key: str, interval: float, weight: int = 1) -> bool:
        shelf = self._spikes.get(space)
        if shelf is None:
            shelf = _shelf(self._spikes, space)
        now = round(self.world.now() * 1_000_000)
        following = shelf.get(key)
        if following is None:
            self._wrote()
        elif following > now:
            return False
        shelf[key] = now + round(interval * weight * 1_000_000)
        return True

    def clear(self) -> None:
        for shelves in (self._values, self._windows, self._rolling, self._spikes):
            shelves.clear()

    def close(self) -> None:
        """Nothing to let go of."""

    def _now(self) -> int:
        return round(self.world.now() * 1_000_000)

    def _wrote(self) -> None:
        """Now and then look for what has expired; the cost is spread over as many writes as there are entries."""
        self._writes_left -= 1
        if self._writes_left:
            return
        now, left = self._now(), 0
        for values in self._values.values():
            left += _keep(values, lambda entry: not 0 < entry[1] <= now)
        for windows in self._windows.values():
            left += _keep(windows, lambda window: window.expires > now)
        for rolling in self._rolling.values():
            left += _keep(rolling, lambda entry: entry.expires > now)
        for spikes in self._spikes.values():
            left += _keep(spikes, lambda following: following > now)
        self._writes_left = max(left, SWEEP_AFTER)


def _shelf(shelves: Shelves[V], space: str) -> dict[str, V]:
    shelf = shelves.get(space)
    if shelf is None:
        shelf = shelves[space] = {}
    return shelf


def _keep(shelf: dict[str, V], alive: Callable[[V], bool]) -> int:
    for key in [key for key, entry in shelf.items() if not alive(entry)]:
        del shelf[key]
    return len(shelf)
