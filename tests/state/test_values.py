"""What every store does with values."""

import pytest

from apiproxy_runtime.state.store import Store, Value, settled
from apiproxy_runtime.world import FrozenWorld

AWKWARD = ["", "a", "a:b", "a/b", "a\0b", "ä€😀", "\ud800", "%*?[x]", "x" * 3000]


@pytest.mark.parametrize(
    "value", ["", "text", "ä€😀", "\ud800", "a\0b", b"", b"bytes", b"\xff\0\xfe", "x" * 300_000]
)
async def test_a_value_comes_back_as_it_was_put(store: Store, value: Value) -> None:
    await settled(store.put("space", "key", value))
    found = await settled(store.get("space", "key"))
    assert found == value
    assert type(found) is type(value)


async def test_a_value_never_put_is_none(store: Store) -> None:
    assert await settled(store.get("space", "key")) is None


@pytest.mark.parametrize("durable", [False, True])
async def test_put_replaces_value_and_time_to_live(store: Store, world: FrozenWorld, durable: bool) -> None:
    await settled(store.put("space", "key", "first", 10, durable=durable))
    await settled(store.put("space", "key", b"second", durable=durable))
    world.time += 1000
    assert await settled(store.get("space", "key")) == b"second"


async def test_a_value_is_gone_the_moment_its_time_is_over(store: Store, world: FrozenWorld) -> None:
    await settled(store.put("space", "key", "value", 2.5))
    world.time += 2.499999
    assert await settled(store.get("space", "key")) == "value"
    world.time += 0.000001
    assert await settled(store.get("space", "key")) is None
    assert await settled(store.entries("space")) == []


@pytest.mark.parametrize("ttl", [0, -1.5])
async def test_a_time_to_live_of_nothing_removes_the_value(store: Store, ttl: float) -> None:
    await settled(store.put("space", "key", "value"))
    await settled(store.put("space", "key", "other", ttl))
    assert await settled(store.get("space", "key")) is None
    await settled(store.put("space", "key", "value"))
    assert await settled(store.compare_and_set("space", "key", "value", "other", ttl))
    assert await settled(store.get("space", "key")) is None


async def test_spaces_and_keys_are_any_text_and_never_mixed_up(store: Store) -> None:
    places = [(space, key) for space in AWKWARD for key in AWKWARD]
    for number, (space, key) in enumerate(places):
        await settled(store.put(space, key, str(number)))
    for number, (space, key) in enumerate(places):
        assert await settled(store.get(space, key)) == str(number)
    for space in AWKWARD:
        assert [key for key, _ in await settled(store.entries(space))] == sorted(AWKWARD)
    assert await settled(store.spaces()) == sorted(AWKWARD)


async def test_put_many_sets_all(store: Store) -> None:
    values: dict[str, Value] = {f"key{number:04}": f"value{number}" for number in range(1200)}
    values["bytes"] = b"b"
    await settled(store.put("space", "key0001", "old", 5))
    await settled(store.put_many("space", values, durable=True))
    assert await settled(store.entries("space")) == sorted(values.items())
    await settled(store.put_many("space", {}))


@pytest.mark.parametrize(
    ("there", "expected", "value", "done", "after"),
    [
        (None, None, "new", True, "new"),
        (None, "old", "new", False, None),
        ("old", None, "new", False, "old"),
        ("old", "old", "new", True, "new"),
        ("old", "other", "new", False, "old"),
        ("old", b"old", "new", False, "old"),
        (b"old", b"old", b"new", True, b"new"),
        ("", None, "new", False, ""),
        ("", "", "new", True, "new"),
        ("old", "old", None, True, None),
        ("old", "other", None, False, "old"),
        (None, None, None, True, None),
    ],
)
async def test_compare_and_set(
    store: Store,
    there: Value | None,
    expected: Value | None,
    value: Value | None,
    done: bool,
    after: Value | None,
) -> None:
    if there is not None:
        await settled(store.put("space", "key", there))
    assert await settled(store.compare_and_set("space", "key", expected, value, durable=True)) is done
    assert await settled(store.get("space", "key")) == after
    assert [found for _, found in await settled(store.entries("space"))] == ([] if after is None else [after])


async def test_an_expired_value_counts_as_none_when_comparing(store: Store, world: FrozenWorld) -> None:
    await settled(store.put("space", "key", "old", 10))
    world.time += 10
    assert not await settled(store.compare_and_set("space", "key", "old", "new"))
    assert await settled(store.compare_and_set("space", "key", None, "new", 10))
    world.time += 9
    assert await settled(store.get("space", "key")) == "new"


async def test_delete_says_whether_something_live_was_there(store: Store, world: FrozenWorld) -> None:
    await settled(store.put("space", "key", "value"))
    await settled(store.put("space", "short", "value", 1))
    world.time += 1
    assert await settled(store.delete("space", "key", durable=True))
    assert not await settled(store.delete("space", "key"))
    assert not await settled(store.delete("space", "short"))
    assert await settled(store.get("space", "key")) is None


async def test_delete_forgets_counters_too(store: Store, world: FrozenWorld) -> None:
    await settled(store.count("count", "key", 5, 5, world.now() + 60))
    await settled(store.roll("roll", "key", 5, 5, 60))
    await settled(store.spike("spike", "key", 60))
    for space in ("count", "roll", "spike"):
        assert await settled(store.delete(space, "key"))
        assert not await settled(store.delete(space, "key"))
    assert (await settled(store.count("count", "key", 1, 5, world.now() + 60))).used == 1
    assert (await settled(store.roll("roll", "key", 1, 5, 60))).used == 1
    assert await settled(store.spike("spike", "key", 60))


async def test_delete_prefix_takes_values_and_counters_under_the_prefix_only(store: Store) -> None:
    for key in ("a", "ab", "ab\U0010ffff", "abc", "ac", "b"):
        await settled(store.put("space", key, "value"))
        await settled(store.spike("space", key, 60))
    await settled(store.put("other", "ab", "value"))
    assert await settled(store.delete_prefix("space", "ab", durable=True)) == 6
    assert [key for key, _ in await settled(store.entries("space"))] == ["a", "ac", "b"]
    assert await settled(store.spike("space", "abc", 60))
    assert not await settled(store.spike("space", "ac", 60))
    assert await settled(store.get("other", "ab")) == "value"
    assert await settled(store.delete_prefix("space")) == 7
    assert await settled(store.spaces()) == ["other"]


async def test_delete_prefix_copes_with_more_than_one_batch(store: Store) -> None:
    await settled(store.put_many("space", {f"{number}": "value" for number in range(1700)}))
    assert await settled(store.delete_prefix("space")) == 1700
    assert await settled(store.entries("space")) == []


async def test_entries_are_paged_in_order_of_the_keys(store: Store, world: FrozenWorld) -> None:
    keys = sorted(f"k{number}" for number in range(1100))
    await settled(store.put_many("space", dict.fromkeys(keys, "value")))
    await settled(store.put("space", "k5", "value", 1))
    await settled(store.put("space", "other", "value"))
    world.time += 1
    keys.remove("k5")
    pages, after = [], ""
    while page := await settled(store.entries("space", "k", after=after, limit=400)):
        pages.append(len(page))
        assert [key for key, _ in page] == keys[: len(page)]
        keys, after = keys[len(page) :], page[-1][0]
    assert pages == [400, 400, 299]
    assert keys == []


@pytest.mark.parametrize(
    ("prefix", "after", "found"),
    [
        ("", "", ["", "a", "b", "ba", "bb", "c"]),
        ("", "a", ["b", "ba", "bb", "c"]),
        ("b", "", ["b", "ba", "bb"]),
        ("b", "a", ["b", "ba", "bb"]),
        ("b", "b", ["ba", "bb"]),
        ("b", "ba", ["bb"]),
        ("b", "c", []),
        ("x", "", []),
    ],
)
async def test_entries_by_prefix_and_start(store: Store, prefix: str, after: str, found: list[str]) -> None:
    await settled(store.put_many("space", dict.fromkeys(["", "a", "b", "ba", "bb", "c"], "value")))
    assert [key for key, _ in await settled(store.entries("space", prefix, after=after))] == found


async def test_spaces_lists_those_that_hold_something(store: Store) -> None:
    await settled(store.put("cache/a", "key", "value"))
    await settled(store.put("cache/b", "key", "value"))
    await settled(store.put("token", "key", "value"))
    await settled(store.spike("spike", "key", 60))
    await settled(store.delete("cache/b", "key"))
    assert await settled(store.spaces()) == ["cache/a", "spike", "token"]
    assert await settled(store.spaces("cache/")) == ["cache/a"]


async def test_clear_forgets_everything(store: Store) -> None:
    await settled(store.put("space", "key", "value"))
    await settled(store.spike("spike", "key", 60))
    await settled(store.clear())
    assert await settled(store.spaces()) == []
    assert await settled(store.get("space", "key")) is None
    assert await settled(store.spike("spike", "key", 60))
