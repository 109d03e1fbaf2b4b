"""The mark of the runtime's own webhooks."""

from __future__ import annotations

import pytest

from apiproxy_runtime.control.events.marker import LIFE, Marker
from apiproxy_runtime.state.open import open_store


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time


async def test_processes_of_one_store_know_each_others_marks() -> None:
    clock, store = Clock(), open_store("memory")
    one, other, stranger = Marker(clock.now), Marker(clock.now), Marker(clock.now)
    before = other.knows(one.mark())
    await one.share(store)
    await other.share(store)

    assert (before, other.knows(one.mark()), stranger.knows(one.mark())) == (False, True, False)


@pytest.mark.parametrize(("later", "known"), [(0, True), (LIFE, True), (LIFE + 1, False)])
async def test_mark_counts_for_a_minute(later: int, known: bool) -> None:
    clock = Clock()
    marker = Marker(clock.now)
    mark = marker.mark()
    clock.time += later

    assert marker.knows(mark) is known


@pytest.mark.parametrize(
    "mark", ["", "1", ".", "1700000000.", "1700000000.00", "x.y", "9" * 5000, "1700000000.\udcff"]
)
async def test_what_a_caller_makes_up_is_no_mark(mark: str) -> None:
    assert not Marker(Clock().now).knows(mark)
