import os
import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.state.cache import (
    CachedResponse,
    Caches,
    after_seconds,
    at_time_of_day,
    cache_key,
    key_prefix,
    on_date,
)
from apiproxy_runtime.state.store import Store, Value, settled
from apiproxy_runtime.world import FrozenWorld


@pytest.fixture
def caches(store: Store) -> Caches:
    return Caches(store, "org", "test")


@pytest.mark.parametrize(
    ("scope", "prefix"),
    [
        ("Global", "org__test"),
        ("Application", "org__test__weather"),
        ("Proxy", "org__test__weather__16__default"),
        ("Target", "org__test__weather__16__default"),
        ("Exclusive", "org__test__weather__16__default"),
    ],
)
def test_a_scope_gives_the_prefix_of_the_key(scope: str, prefix: str) -> None:
    assert key_prefix(scope, "org", "test", "weather", "16", "default") == prefix


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(ValueError, match='"global" is not a scope of caches: use Exclusive, Global'):
        key_prefix("global", "org", "test", "weather", "16", "default")


def test_fragments_follow_the_prefix_in_order() -> None:
    assert cache_key("UserToken", ["apiAccessToken", "", "abc"]) == "UserToken__apiAccessToken____abc"
    assert cache_key("p", []) == "p"


@pytest.mark.parametrize("value", ["text", "", b"bytes", b"\xff\0"])
async def test_values_keep_their_type_and_expire(caches: Caches, world: FrozenWorld, value: Value) -> None:
    cache = caches.cache("tokens")
    await settled(cache.put("key", value, 30))
    assert await settled(cache.get("key")) == value
    assert type(await settled(cache.get("key"))) is type(value)
    world.time += 30
    assert await settled(cache.get("key")) is None


async def test_caches_of_other_names_and_environments_are_their_own(store: Store, caches: Caches) -> None:
    everywhere = [
        caches.cache("a"),
        caches.cache("b"),
        caches.cache(),
        Caches(store, "org", "prod").cache("a"),
    ]
    for number, cache in enumerate(everywhere):
        await settled(cache.put("key", str(number)))
    for number, cache in enumerate(everywhere):
        assert await settled(cache.get("key")) == str(number)
    assert await settled(caches.names()) == ["_shared", "a", "b"]


async def test_invalidating_takes_one_entry_or_its_children_too(caches: Caches) -> None:
    cache = caches.cache("tokens")
    keys = ["user", "user__1", "user__1__a", "user__2", "users__1"]
    for key in keys:
        await settled(cache.put(key, "value"))
    assert await settled(cache.invalidate("user"))
    assert not await settled(cache.invalidate("user"))
    assert await settled(cache.keys()) == keys[1:]
    assert await settled(cache.invalidate("user__1", children=True))
    assert await settled(cache.keys()) == ["user__2", "users__1"]
    assert await settled(cache.invalidate("user", children=True))
    assert not await settled(cache.invalidate("user", children=True))
    assert await settled(cache.keys()) == ["users__1"]


async def test_clear_forgets_one_cache(caches: Caches) -> None:
    await settled(caches.cache("a").put("key", "value"))
    await settled(caches.cache("b").put("key", "value"))
    assert await settled(caches.cache("a").clear()) == 1
    assert await settled(caches.names()) == ["b"]


async def test_keys_are_paged(caches: Caches) -> None:
    cache = caches.cache("a")
    for key in ("p__1", "p__2", "p__3", "q"):
        await settled(cache.put(key, "value"))
    assert await settled(cache.keys("p__", limit=2)) == ["p__1", "p__2"]
    assert await settled(cache.keys("p__", after="p__2")) == ["p__3"]


async def test_a_response_comes_back_whole(caches: Caches) -> None:
    headers = (("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=ä"))
    response = CachedResponse(200, "OK", headers, b"\n\0body\xff", 1_700_000_000.25)
    cache = caches.cache()
    await settled(cache.put_response("key", response, 10))
    assert await settled(cache.get_response("key")) == response
    assert await settled(cache.get_response("other")) is None


@pytest.mark.parametrize("value", ["text", b"", b"12", b"5\nhello", b"7\n[1,2,3]", b'15\n["a",1,[[2]],"x"]'])
async def test_what_is_no_response_is_a_miss(caches: Caches, value: Value) -> None:
    await settled(caches.cache().put("key", value))
    assert await settled(caches.cache().get_response("key")) is None


@given(st.binary())
def test_any_bytes_are_a_response_or_a_miss(data: bytes) -> None:
    found = CachedResponse.unpack(data)
    assert found is None or isinstance(found, CachedResponse)


@pytest.fixture
def in_berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


def test_expiry_after_seconds() -> None:
    assert after_seconds(300)(berlin("2024-01-01 12:00:00")) == 300


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        ("14:30:00", "2024-01-10 14:29:59.500", "2024-01-10 14:30:00"),
        ("14:30:00", "2024-01-10 14:30:00", "2024-01-11 14:30:00"),
        ("0:00:00", "2024-12-31 23:00:00", "2025-01-01 00:00:00"),
        # the night the clocks go forward is an hour shorter, the one they go back an hour longer
        ("12:00:00", "2024-03-30 12:00:00", "2024-03-31 12:00:00"),
        ("12:00:00", "2024-10-26 12:00:00", "2024-10-27 12:00:00"),
    ],
)
def test_expiry_at_the_next_time_of_day_of_the_server(text: str, now: str, then: str) -> None:
    assert at_time_of_day(text)(berlin(now)) == pytest.approx(berlin(then) - berlin(now))


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "now", "seconds"),
    [
        ("12-31-2024", "2024-12-30 00:00:00", 86400),
        ("12/31/2024", "2024-12-30 00:00:00", 86400),
        ("1-2-2024", "2024-01-02 00:00:10", -10),
    ],
)
def test_expiry_on_a_date(text: str, now: str, seconds: float) -> None:
    assert on_date(text)(berlin(now)) == seconds


@pytest.mark.parametrize("text", ["", "14:30", "24:00:00", "12:60:00", "noon", "1:2:3"])
def test_a_malformed_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time of day is written HH:mm:ss"):
        at_time_of_day(text)


@pytest.mark.parametrize("text", ["", "2024-12-31", "13-01-2024", "02-30-2024", "12-31/2024", "12-31-24"])
def test_a_malformed_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a date is written mm-dd-yyyy"):
        on_date(text)
