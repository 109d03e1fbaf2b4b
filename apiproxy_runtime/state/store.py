"""What the runtime remembers between transactions: the interface that every store keeps.

A store holds values (text or bytes) and counters, each under a space (a kind of thing, such as one cache or one
key value map) and a key. Operations are atomic and exact between all workers that share the store.

An operation answers in one of two ways. Memory and SQLite finish within microseconds, so they return the value
itself and cost no coroutine. Redis returns a coroutine. `Answer[T]` is either; a plain step hands the rest of its
work to `then`, a coroutine writes `await settled(...)`, and whoever needs several operations in a row without a
coroutine on the request path writes one and passes it to `Store.finish`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import CoroutineType
from typing import Any, TypeAlias, TypeVar, TypeVarTuple, cast

from apiproxy_runtime.state.window import Count
from apiproxy_runtime.world import World

T = TypeVar("T")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

Value: TypeAlias = str | bytes
Answer: TypeAlias = T | Coroutine[Any, Any, T]


class StoreError(Exception):
    """The store can't be opened, is locked for too long, or is out of reach."""


def then(answer: Answer[T], apply: Callable[[T, *Ts], Answer[R]], *arguments: *Ts) -> Answer[R]:
    """`apply` the value of an answer: at once when it is there, else in a coroutine that the caller returns.

    What `apply` needs besides is passed as `arguments`, so that it can be made when a policy is compiled.
    """
    if isinstance(answer, CoroutineType):
        return _apply_later(answer, apply, arguments)
    value: Any = answer
    return apply(value, *arguments)


async def _apply_later(
    answer: Coroutine[Any, Any, T], apply: Callable[[T, *Ts], Answer[R]], arguments: tuple[*Ts]
) -> R:
    return await settled(apply(await answer, *arguments))


async def settled(answer: Answer[T]) -> T:
    """The value of an answer, for coroutines: `value = await settled(store.get(space, key))`."""
    if isinstance(answer, CoroutineType):
        return cast("T", await answer)
    return cast("T", answer)


class Store(ABC):
    """Values and counters, shared by everything that runs with the same `--state`.

    Times to live (`ttl`) and intervals are seconds; None lives for ever, and nothing or less is gone at once.
    They are measured on `world`'s clock, so that a frozen world freezes expiry too. Spaces and keys are any text.
    `durable` writes survive a power cut, all others a killed process; the memory store survives neither.
    Every operation may raise `StoreError`.
    """

    #: Whether operations return coroutines.
    is_async = False
    #: Whether what is stored leaves this process, so that secrets must be sealed.
    leaves_process = True
    #: Where a key for sealing secrets may be kept beside the data; None when there is no such place.
    key_file: Path | None = None

    def __init__(self, world: World) -> None:
        self.world = world

    # -- values

    @abstractmethod
    def get(self, space: str, key: str) -> Answer[Value | None]:
        """The live value, of the type it was put as; None when there is none."""

    @abstractmethod
    def put(
        self, space: str, key: str, value: Value, ttl: float | None = None, *, durable: bool = False
    ) -> Answer[None]:
        """Set a value and its time to live, whatever was there."""

    @abstractmethod
    def put_many(self, space: str, values: Mapping[str, Value], *, durable: bool = False) -> Answer[None]:
        """Set several values without a time to live in one go."""

    @abstractmethod
    def compare_and_set(
        self,
        space: str,
        key: str,
        expected: Value | None,
        value: Value | None,
        ttl: float | None = None,
        *,
        durable: bool = False,
    ) -> Answer[bool]:
        """Set a value only if the live one equals `expected`; None stands for no value on either side."""

    @abstractmethod
    def delete(self, space: str, key: str, *, durable: bool = False) -> Answer[bool]:
        """Forget the value and the counter of a key; whether there was a live one."""

    @abstractmethod
    def delete_prefix(self, space: str, prefix: str = "", *, durable: bool = False) -> Answer[int]:
        """Forget the values and counters of all keys that start with `prefix`; how many rows went."""

    @abstractmethod
    def entries(
        self, space: str, prefix: str = "", *, after: str = "", limit: int | None = None
    ) -> Answer[list[tuple[str, Value]]]:
        """Live keys and values in order of the keys (by code point), from the first one behind `after`.

        Pass the last key of one page as `after` to read the next.
        """

    @abstractmethod
    def spaces(self, prefix: str = "") -> Answer[list[str]]:
        """The spaces that hold anything, sorted; one whose entries have expired may linger a while."""

    # -- counters; use each key with one of the three kinds only

    @abstractmethod
    def count(self, space: str, key: str, amount: int, limit: int | None, expires: float) -> Answer[Count]:
        """Add `amount` in a window that ends at a set time, unless that would pass `limit`.

        `expires` (seconds since the epoch) is the end of the window that begins if none is open; an open window
        keeps its own end, so this serves clock-aligned windows and windows begun by the first call alike.
        See `window.Window` for amounts of 0 and less.
        """

    @abstractmethod
    def roll(self, space: str, key: str, amount: int, limit: int | None, interval: float) -> Answer[Count]:
        """Add `amount` unless the sum over the `interval` that ends now would pass `limit`.

        See `window.Rolling` for precision and amounts of 0 and less. Also counts connections in use: 1 to take a
        slot, -1 to give it back, with the time after which a lost slot is reclaimed as the interval.
        """

    @abstractmethod
    def spike(self, space: str, key: str, interval: float, weight: int = 1) -> Answer[bool]:
        """Whether a message may pass that keeps the next one away for `weight` intervals.

        A refused message leaves no trace: the next may pass when it would have passed anyway.
        """

    # -- the store itself

    def finish(self, task: Coroutine[Any, Any, T]) -> Answer[T]:
        """Run a coroutine that awaits nothing but this store: its value, or itself when the store is async."""
        try:
            task.send(None)
        except StopIteration as end:
            value: T = end.value
            return value
        task.close()
        raise RuntimeError("Store.finish was given a coroutine that waits for something else than the store")

    @abstractmethod
    def clear(self) -> Answer[None]:
        """Forget everything."""

    @abstractmethod
    def close(self) -> Answer[None]:
        """Let go of files and connections. Safe to call twice."""
