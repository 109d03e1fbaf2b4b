"""A side of a rehearsal: whatever can answer a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.outcome import Outcome

Kind = Literal["bundle", "kong", "live", "recorded"]


class Branch(Struct, frozen=True):
    """Something that traffic can reach on one of several ways: `way` tells which (`true`, `false`, or `run`)."""

    kind: str
    name: str
    way: str
    place: str = ""


class Reached(Struct):
    """What the traffic reached on a side: how often each branch was passed; 0 for those that were not."""

    branches: dict[Branch, int] = field(default_factory=dict)

    def share(self) -> tuple[int, int]:
        """How many branches were reached, and how many there are."""
        return sum(1 for times in self.branches.values() if times), len(self.branches)


class Side(Protocol):
    """One side. Cases come one after the other, in the order of the recording.

    calls_seen    whether outcomes tell the requests to upstreams
    effects_seen  whether they tell side effects
    """

    kind: Kind
    title: str
    calls_seen: bool
    effects_seen: bool

    async def open(self) -> None:
        """Get ready. Raises whatever keeps the side from answering at all (DeployError for a bundle)."""
        ...

    async def answer(self, number: int, now: float, case: Exchange) -> Outcome:
        """What the side makes of the case; `number` counts from 0, `now` is the virtual time."""
        ...

    def reached(self) -> Reached | None:
        """What the cases so far reached; None when the side does not show it."""
        ...

    def about(self) -> Mapping[str, str]:
        """What the report tells of the side: hashes, versions, addresses."""
        ...

    async def close(self) -> None: ...
