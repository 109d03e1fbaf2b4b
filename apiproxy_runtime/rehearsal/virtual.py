"""The world and the state of one side: a clock that the recording moves, ids and randomness from a seed, a store that tells."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.rehearsal.outcome import Effect
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import Value
from apiproxy_runtime.state.window import Count
from apiproxy_runtime.world import FrozenWorld

#: Where the clock stands before the first case when the recording has no times.
START = 1_700_000_000.0
#: Seconds between two cases whose times nobody knows: long enough that spike arrests do not see bursts in them.
UNKNOWN_GAP = 1.0


class VirtualWorld(FrozenWorld):
    """A clock that stands still within a case; ids and randomness that depend on the seed and the case's number alone.

    So a side that draws one id more in one case gives the next cases the same ids as the other side.
    """

    def __init__(self, seed: int = 0, now: float = START) -> None:
        super().__init__(now, seed)
        self._seed = seed
        self._begun = False

    def begin(self, number: int, now: float) -> None:
        """The case of that number (from 0) begins. From the first one on the clock never goes back."""
        self.time = max(self.time, now) if self._begun else now
        self._begun = True
        self._random.seed(self._seed * 1_000_003 + number)

    def random_int(self, low: int, high: int) -> int:
        return low + self._random.randrange(high - low + 1)


class Clock:
    """Turns the recorded times of cases into the virtual ones: recorded gaps, a set gap where there are none."""

    def __init__(self, gap: float = UNKNOWN_GAP) -> None:
        self.gap = gap
        self._now = 0.0

    def of(self, at: float) -> float:
        """When the next case begins; `at` is its recorded time, 0.0 for unknown."""
        if at > 0.0:
            self._now = max(self._now, at)
        else:
            self._now = self._now + self.gap if self._now else START
        return self._now


class TellingStore(MemoryStore):
    """State in memory that notes what a case did to it; `step` names the step of the moment."""

    def __init__(self, world: VirtualWorld, step: Callable[[], str]) -> None:
        super().__init__(world)
        self._step = step
        self.effects: list[Effect] = []

    def put(
        self, space: str, key: str, value: Value, ttl: float | None = None, *, durable: bool = False
    ) -> None:
        super().put(space, key, value, ttl, durable=durable)
        text = value if isinstance(value, str) else f"{len(value)} bytes"
        self._note(space, key, text if ttl is None else f"{text} for {ttl:g} s")

    def delete(self, space: str, key: str, *, durable: bool = False) -> bool:
        gone = super().delete(space, key, durable=durable)
        if gone:
            self._note(space, key, "removed")
        return gone

    def delete_prefix(self, space: str, prefix: str = "", *, durable: bool = False) -> int:
        gone = super().delete_prefix(space, prefix, durable=durable)
        if gone:
            self._note(space, f"{prefix}*", "removed")
        return gone

    def count(self, space: str, key: str, amount: int, limit: int | None, expires: float) -> Count:
        count = super().count(space, key, amount, limit, expires)
        self._note(space, key, f"+{amount} of {limit}")
        return count

    def roll(self, space: str, key: str, amount: int, limit: int | None, interval: float) -> Count:
        count = super().roll(space, key, amount, limit, interval)
        self._note(space, key, f"+{amount} of {limit}")
        return count

    def spike(self, space: str, key: str, interval: float, weight: int = 1) -> bool:
        passed = super().spike(space, key, interval, weight)
        self._note(space, key, f"{'passed' if passed else 'refused'}, {interval:g} s")
        return passed

    def _note(self, space: str, key: str, what: str) -> None:
        kind, _, place = space.partition("/")
        self.effects.append(Effect(kind, f"{place} {key}".replace("\0", " ").strip(), what, self._step()))
