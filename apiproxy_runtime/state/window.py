"""The arithmetic of counters, the same for every store (Redis repeats it in Lua, under the same tests).

All times here are whole microseconds since the epoch: adding and comparing them is exact, in SQLite and Lua too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple

#: Up to this many different moments a rolling window keeps every one of them.
EXACT_ENTRIES = 240
#: Beyond that, moments in the same one of this many parts of the interval are merged.
PARTS = 120


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


class Count(NamedTuple):
    """What a counter says after a call.

    allowed   whether the amount was counted
    used      the sum in the window, this call included if allowed
    exceeded  calls refused in the window, this one included
    expires   when the window ends (rolling: when the oldest amount in it leaves), seconds since the epoch
    """

    allowed: bool
    used: int
    exceeded: int
    expires: float


class Window:
    """A count that starts anew when its window has ended.

    An amount of 0 only looks. A negative one gives calls back, down to none used, and begins no window.
    """

    __slots__ = ("exceeded", "expires", "used")

    def __init__(self, used: int = 0, exceeded: int = 0, expires: int = 0) -> None:
        self.used = used
        self.exceeded = exceeded
        self.expires = expires

    def add(self, amount: int, limit: int | None, expires: int, now: int) -> Count:
        if self.expires <= now:
            if amount <= 0:
                return Count(True, 0, 0, expires / 1_000_000)
            self.used = self.exceeded = 0
            self.expires = expires
        allowed = True
        if amount < 0:
            self.used = max(self.used + amount, 0)
        elif limit is not None and self.used + amount > limit:
            allowed = False
            if amount:
                self.exceeded += 1
        else:
            self.used += amount
        return Count(allowed, self.used, self.exceeded, self.expires / 1_000_000)


class Rolling:
    """A sum over the interval that ends now.

    Exact while up to 240 different moments lie in the interval. Beyond, moments that share a 120th part of the
    interval are merged into the latest of them: an amount may then leave up to that part late, never early, so
    no interval ever holds more than the limit. An amount counts for exactly one interval: what was added at t is
    gone at t + interval.

    An amount of 0 only looks. A negative one takes back the newest amounts first, so that one lost holder
    among many (a connection that was never given back) still times out.
    """

    __slots__ = ("exceeded", "expires", "times", "used", "weights")

    def __init__(self) -> None:
        self.times = array("q")
        self.weights = array("q")
        self.used = 0
        self.exceeded = 0
        #: when the newest amount leaves
        self.expires = 0

    def add(self, amount: int, limit: int | None, interval: int, now: int) -> Count:
        times, weights, allowed = self.times, self.weights, True
        if times and times[0] <= now - interval:
            gone = bisect_right(times, now - interval)
            self.used -= sum(weights[:gone])
            del times[:gone], weights[:gone]
        if not times:
            self.exceeded = 0
        if amount < 0:
            self._give_back(-amount)
        elif limit is not None and self.used + amount > limit:
            allowed = False
            if amount:
                self.exceeded += 1
        elif amount:
            self.used += amount
            self.expires = max(now + interval, self.expires)
            if times and times[-1] >= now:  # another machine's clock may be ahead
                weights[-1] += amount
            else:
                times.append(now)
                weights.append(amount)
                if len(times) > EXACT_ENTRIES:
                    self._merge(max(interval // PARTS, 1))
        oldest = times[0] if times else now
        return Count(allowed, self.used, self.exceeded, (oldest + interval) / 1_000_000)

    def _give_back(self, amount: int) -> None:
        times, weights = self.times, self.weights
        while amount and times:
            part = min(amount, weights[-1])
            amount -= part
            self.used -= part
            weights[-1] -= part
            if not weights[-1]:
                times.pop()
                weights.pop()

    def _merge(self, part: int) -> None:
        times, weights = array("q"), array("q")
        slot = None
        for time, weight in zip(self.times, self.weights, strict=True):
            if time // part == slot:
                times[-1] = time
                weights[-1] += weight
            else:
                slot = time // part
                times.append(time)
                weights.append(weight)
        self.times, self.weights = times, weights

    def pack(self) -> bytes:
        """For a store that keeps bytes: the times, then the weights, 8 bytes each in this machine's order."""
        return self.times.tobytes() + self.weights.tobytes()

    @classmethod
    def unpack(cls, data: bytes, exceeded: int, expires: int) -> Rolling:
        self = cls()
        half = len(data) // 2
        self.times.frombytes(data[:half])
        self.weights.frombytes(data[half:])
        self.used = sum(self.weights)
        self.exceeded = exceeded
        self.expires = expires
        return self
