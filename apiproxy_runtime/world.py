"""Time, ids and randomness: everything a transaction takes from outside itself but the network.

Policies and the engine ask here and nowhere else, so that a rehearsal can freeze the answers.
"""

from __future__ import annotations

import random
import secrets
import time
import uuid


class World:
    """The real world. A frozen one overrides these methods."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def uuid(self) -> str:
        """A random UUID (version 4), lower case."""
        return str(uuid.uuid4())

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        return secrets.token_bytes(count)

    def random_int(self, low: int, high: int) -> int:
        """An unpredictable integer from low to high, both included."""
        return low + secrets.randbelow(high - low + 1)

    def random_float(self) -> float:
        """A float in [0, 1) for choices that need no secrecy (weighted targets, fault percentages)."""
        return random.random()


class FrozenWorld(World):
    """The same answers on every run: a standing clock, ids and randomness from a seed."""

    def __init__(self, now: float = 1_700_000_000.0, seed: int = 0) -> None:
        self.time = now
        self._random = random.Random(seed)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def random_int(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def random_float(self) -> float:
        return self._random.random()
