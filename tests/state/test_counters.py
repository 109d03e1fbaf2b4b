"""What every store does with counters: fixed windows, rolling windows, spacing."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.world import FrozenWorld


async def test_a_count_stops_at_its_limit(store: Store, world: FrozenWorld) -> None:
    end = world.now() + 60
    answers = [await settled(store.count("quota", "key", 1, 3, end)) for _ in range(5)]
    assert [answer.allowed for answer in answers] == [True, True, True, False, False]
    assert [answer.used for answer in answers] == [1, 2, 3, 3, 3]
    assert [answer.exceeded for answer in answers] == [0, 0, 0, 1, 2]
    assert {answer.expires for answer in answers} == {end}


async def test_a_weight_that_would_pass_the_limit_counts_nothing(store: Store, world: FrozenWorld) -> None:
    end = world.now() + 60
    assert (await settled(store.count("quota", "key", 7, 10, end))).allowed
    assert not (await settled(store.count("quota", "key", 4, 10, end))).allowed
    assert (await settled(store.count("quota", "key", 3, 10, end))).used == 10


async def test_without_a_limit_everything_is_counted(store: Store, world: FrozenWorld) -> None:
    for _ in range(3):
        answer = await settled(store.count("quota", "key", 10**12, None, world.now() + 60))
    assert (answer.allowed, answer.used) == (True, 3 * 10**12)


async def test_the_first_call_begins_a_window_and_the_next_after_its_end_another(
    store: Store, world: FrozenWorld
) -> None:
    start = world.now()
    await settled(store.count("quota", "key", 1, 1, start + 60))
    world.time = start + 59.999999
    refused = await settled(store.count("quota", "key", 1, 1, world.now() + 60))
    assert (refused.allowed, refused.expires) == (False, start + 60)
    world.time = start + 60
    assert await settled(store.count("quota", "key", 1, 1, start + 120)) == (True, 1, 0, start + 120)


async def test_an_amount_of_nothing_only_looks(store: Store, world: FrozenWorld) -> None:
    end = world.now() + 60
    assert await settled(store.count("quota", "key", 0, 1, end)) == (True, 0, 0, end)
    assert (await settled(store.count("quota", "key", 1, 1, end + 5))).expires == end + 5
    assert await settled(store.count("quota", "key", 0, 1, end)) == (True, 1, 0, end + 5)
    assert await settled(store.count("quota", "key", 0, 0, end)) == (False, 1, 0, end + 5)


async def test_calls_are_given_back_down_to_none_used(store: Store, world: FrozenWorld) -> None:
    end = world.now() + 60
    await settled(store.count("quota", "key", 5, 5, end))
    assert (await settled(store.count("quota", "key", -2, None, end))).used == 3
    assert (await settled(store.count("quota", "key", 2, 5, end))).used == 5
    assert (await settled(store.count("quota", "key", -100, None, end))).used == 0


async def test_giving_back_begins_no_window(store: Store, world: FrozenWorld) -> None:
    now = world.now()
    assert (await settled(store.count("quota", "key", -3, None, now + 60))).used == 0
    assert (await settled(store.count("quota", "key", 1, 5, now + 99))).expires == now + 99


async def test_counters_of_other_keys_and_spaces_are_their_own(store: Store, world: FrozenWorld) -> None:
    end = world.now() + 60
    for space, key in (("quota", "a"), ("quota", "b"), ("other", "a")):
        assert (await settled(store.count(space, key, 1, 1, end))).allowed


async def test_a_rolling_window_frees_each_call_one_interval_after_it(
    store: Store, world: FrozenWorld
) -> None:
    start = world.now()
    for offset, allowed in [
        (0, True),
        (10, True),
        (59, False),
        (60, True),
        (69.9, False),
        (70, True),
        (71, False),
    ]:
        world.time = start + offset
        assert (await settled(store.roll("quota", "key", 1, 2, 60))).allowed is allowed, offset


async def test_a_rolling_window_tells_when_its_oldest_call_leaves(store: Store, world: FrozenWorld) -> None:
    start = world.now()
    await settled(store.roll("quota", "key", 3, 10, 60))
    world.time += 20
    assert await settled(store.roll("quota", "key", 4, 10, 60)) == (True, 7, 0, start + 60)
    assert await settled(store.roll("quota", "key", 4, 10, 60)) == (False, 7, 1, start + 60)
    assert await settled(store.roll("quota", "key", 0, 10, 60)) == (True, 7, 1, start + 60)
    world.time = start + 60
    assert await settled(store.roll("quota", "key", 0, 10, 60)) == (True, 4, 1, start + 80)
    world.time = start + 80
    assert await settled(store.roll("quota", "key", 0, 10, 60)) == (True, 0, 0, start + 140)


async def test_a_busy_rolling_window_never_holds_more_than_its_limit(
    store: Store, world: FrozenWorld
) -> None:
    passed: list[float] = []
    for _ in range(1500):
        world.time += 0.1
        if (await settled(store.roll("quota", "key", 1, 500, 60))).allowed:
            passed.append(world.now())
    for moment in passed:
        assert sum(moment <= other < moment + 60 for other in passed) <= 500
    # 500 in the first 50 s, then after 60 s the same again, each at most a 120th part of the interval late.
    assert len(passed) >= 500 + 395


async def test_slots_given_back_are_free_and_lost_ones_time_out(store: Store, world: FrozenWorld) -> None:
    assert (await settled(store.roll("slots", "target", 1, 2, 10))).allowed  # never given back
    for _ in range(3):
        world.time += 3
        assert (await settled(store.roll("slots", "target", 1, 2, 10))).used == 2
        assert not (await settled(store.roll("slots", "target", 1, 2, 10))).allowed
        assert (await settled(store.roll("slots", "target", -1, None, 10))).used == 1
    world.time += 1
    assert (await settled(store.roll("slots", "target", -1, None, 10))).used == 0


async def test_spacing_lets_one_message_through_each_interval(store: Store, world: FrozenWorld) -> None:
    start, passed = round(world.now(), 3), []
    for tick in range(50):
        world.time = start + tick / 100
        if await settled(store.spike("spike", "key", 0.1)):
            passed.append(tick)
    assert passed == [0, 10, 20, 30, 40]


async def test_a_weight_multiplies_the_spacing(store: Store, world: FrozenWorld) -> None:
    assert await settled(store.spike("spike", "key", 2, 3))
    world.time += 5.9
    assert not await settled(store.spike("spike", "key", 2))
    world.time += 0.1
    assert await settled(store.spike("spike", "key", 2))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 40)),
        st.tuples(st.just("count"), st.integers(-3, 6), st.none() | st.integers(0, 12)),
        st.tuples(st.just("roll"), st.integers(-3, 6), st.none() | st.integers(0, 12)),
        st.tuples(st.just("spike"), st.integers(1, 3)),
        st.tuples(st.just("put"), st.sampled_from(["a", "b"]), st.none() | st.floats(-1, 30)),
        st.tuples(st.just("cas"), st.sampled_from(["a", "b"]), st.none() | st.just("a")),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_all_stores_give_the_same_answers(
    open_all: Callable[[FrozenWorld], list[Store]], steps: list[tuple[object, ...]]
) -> None:
    told = []
    for number in range(3):
        world = FrozenWorld()
        stores = open_all(world)
        store = stores.pop(number)
        await settled(store.clear())
        told.append([await play(store, world, step) for step in steps])
        for opened in (store, *stores):
            await settled(opened.close())
    assert told[0] == told[1] == told[2]


async def play(store: Store, world: FrozenWorld, step: tuple[object, ...]) -> object:
    match step:
        case ("wait", float(seconds)):
            world.time += seconds
            return None
        case ("count", int(amount), limit):
            bound = limit if isinstance(limit, int) else None
            return await settled(store.count("count", "key", amount, bound, world.now() + 60))
        case ("roll", int(amount), limit):
            bound = limit if isinstance(limit, int) else None
            return await settled(store.roll("roll", "key", amount, bound, 60))
        case ("spike", int(weight)):
            return await settled(store.spike("spike", "key", 10, weight))
        case ("put", str(value), ttl):
            await settled(store.put("value", "key", value, ttl if isinstance(ttl, float) else None))
        case ("cas", str(value), expected):
            known = expected if isinstance(expected, str) else None
            await settled(store.compare_and_set("value", "key", known, value, 20))
    return await settled(store.entries("value"))
