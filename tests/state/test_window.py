from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.state.window import EXACT_ENTRIES, PARTS, Rolling, micros

INTERVAL = 60_000_000


@given(
    st.lists(st.tuples(st.integers(0, 15_000_000), st.integers(1, 5)), max_size=EXACT_ENTRIES),
    st.integers(1, 40),
)
def test_a_rolling_window_equals_the_list_of_all_its_calls(calls: list[tuple[int, int]], limit: int) -> None:
    rolling, passed, now = Rolling(), list[tuple[int, int]](), 0
    for wait, weight in calls:
        now += wait
        used = sum(amount for moment, amount in passed if moment > now - INTERVAL)
        count = rolling.add(weight, limit, INTERVAL, now)
        assert count.allowed is (used + weight <= limit)
        if count.allowed:
            passed.append((now, weight))
            used += weight
        assert count.used == used


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 200_000), min_size=EXACT_ENTRIES * 2, max_size=EXACT_ENTRIES * 3))
def test_merged_calls_leave_late_by_one_part_at_most_and_never_early(waits: list[int]) -> None:
    rolling, moments, now = Rolling(), list[int](), 0
    for wait in waits:
        now += wait
        moments.append(now)
        used = rolling.add(1, None, INTERVAL, now).used
        assert used >= sum(moment > now - INTERVAL for moment in moments)
        assert used <= sum(moment > now - INTERVAL - INTERVAL // PARTS for moment in moments)
        assert len(rolling.times) <= EXACT_ENTRIES


def test_a_clock_that_is_behind_adds_to_the_newest_moment() -> None:
    rolling = Rolling()
    rolling.add(1, None, INTERVAL, 1000)
    assert rolling.add(1, None, INTERVAL, 900).used == 2
    assert list(rolling.times) == [1000]
    assert list(rolling.weights) == [2]


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**12)), max_size=50))
def test_a_rolling_window_survives_packing(calls: list[tuple[int, int]]) -> None:
    rolling, now = Rolling(), 1_700_000_000_000_000
    for wait, weight in calls:
        now += wait
        rolling.add(weight, None, INTERVAL, now)
    copy = Rolling.unpack(rolling.pack(), rolling.exceeded, rolling.expires)
    assert copy.add(1, 7, INTERVAL, now + 5) == rolling.add(1, 7, INTERVAL, now + 5)
    assert copy.expires == rolling.expires


def test_adding_tenths_of_seconds_is_exact_in_microseconds() -> None:
    assert sum(micros(0.1) for _ in range(10)) == micros(1)
