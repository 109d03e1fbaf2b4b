"""What only the Redis store does: garbage, trouble, a missing package."""

import asyncio
import sys

import pytest
import redis.asyncio

from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import StoreError, settled
from apiproxy_runtime.world import FrozenWorld, World


async def test_rows_that_expire_are_left_to_the_server_to_drop(redis_url: str) -> None:
    world, client = FrozenWorld(), redis.asyncio.Redis.from_url(redis_url)
    store = open_store(redis_url, world)
    await settled(store.clear())
    await settled(store.put("cache", "short", "value", 30))
    await settled(store.put("cache", "forever", "value"))
    await settled(store.count("quota", "key", 1, 1, world.now() + 30))
    await settled(store.roll("roll", "key", 1, 1, 30))
    await settled(store.spike("spike", "key", 30))
    left = {key: await client.pttl(key) for key in await client.keys("apiproxy:[vc]:*")}
    assert left.pop(b"apiproxy:v:5:cache:forever") == -1
    assert len(left) == 4
    assert all(80_000 < milliseconds <= 90_000 for milliseconds in left.values())
    await client.aclose()
    await settled(store.close())


async def test_keys_that_the_server_dropped_leave_the_index(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    store = open_store(redis_url, FrozenWorld())
    await settled(store.clear())
    for number in range(100):
        await settled(store.put("cache", f"dead{number:03}", "value", 30))
        await settled(store.spike("spike", f"dead{number:03}", 30))
        await client.delete(f"apiproxy:v:5:cache:dead{number:03}", f"apiproxy:c:5:spike:dead{number:03}")
    for number in range(300):
        await settled(store.put("cache", f"live{number:03}", "value", 30))
        await settled(store.spike("spike", f"live{number:03}", 30))
    assert await client.zcard("apiproxy:index:v:cache") < 310
    assert await client.zcard("apiproxy:index:c:spike") < 310
    assert len(await settled(store.entries("cache"))) == 300
    assert await client.zcard("apiproxy:index:v:cache") == 300
    await client.aclose()
    await settled(store.close())


async def test_scripts_are_loaded_again_after_the_server_forgot_them(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    store = open_store(redis_url, FrozenWorld())
    await settled(store.put("cache", "key", "first"))
    await client.script_flush()
    await settled(store.put("cache", "key", "second"))
    assert await settled(store.get("cache", "key")) == "second"
    await client.aclose()
    await settled(store.close())


async def test_a_connection_that_the_server_closed_is_made_anew(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    store = open_store(redis_url, FrozenWorld())
    await settled(store.put("cache", "key", "value"))
    await client.client_kill_filter(_type="normal", skipme=True)
    assert await settled(store.get("cache", "key")) == "value"
    await client.aclose()
    await settled(store.close())


async def test_more_calls_at_once_than_connections_wait_for_their_turn(redis_url: str) -> None:
    store = open_store(redis_url, World())
    await settled(store.clear())
    counts = await asyncio.gather(*(settled(store.count("quota", "key", 1, 200, 4e9)) for _ in range(300)))
    assert sum(count.allowed for count in counts) == 200
    await settled(store.close())
    await settled(store.close())


async def test_a_server_out_of_reach_is_an_error_that_hides_the_password() -> None:
    store = open_store("redis://user:secret@127.0.0.1:1/0", World())
    for answer in (
        store.get("space", "key"),
        store.put("space", "key", "value"),
        store.put("space", "key", "", 0),
    ):
        with pytest.raises(
            StoreError, match=r"^state store 127\.0\.0\.1:1/0: .*; see that the server runs"
        ) as found:
            await settled(answer)
        assert "secret" not in str(found.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(StoreError, match=r"pip install 'apiproxy-runtime\[redis\]'"):
        open_store("redis://127.0.0.1/0")
