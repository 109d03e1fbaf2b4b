"""How operations answer: at once, or in a coroutine."""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

import pytest

from apiproxy_runtime.state.store import Answer, Store, settled, then


async def test_memory_and_sqlite_answer_without_a_coroutine_and_redis_with_one(store: Store) -> None:
    operations: list[Answer[Any]] = [
        store.put("space", "key", "value"),
        store.get("space", "key"),
        store.compare_and_set("space", "key", None, "value"),
        store.count("quota", "key", 1, 1, 2e9),
        store.roll("roll", "key", 1, 1, 60),
        store.spike("spike", "key", 1),
        store.entries("space"),
        store.delete("space", "key"),
        store.delete_prefix("space"),
        store.spaces(),
    ]
    assert {inspect.iscoroutine(answer) for answer in operations} == {store.is_async}
    for answer in operations:
        await settled(answer)


async def test_then_continues_at_once_or_later(store: Store) -> None:
    await settled(store.put("space", "key", "value"))
    answer = then(store.get("space", "key"), lambda value: f"<{value!r}>")
    assert inspect.iscoroutine(answer) is store.is_async
    assert await settled(answer) == "<'value'>"


async def test_then_can_lead_to_another_operation(store: Store) -> None:
    await settled(store.put("space", "first", "second"))
    await settled(store.put("space", "second", "third"))
    answer = then(store.get("space", "first"), lambda value: store.get("space", str(value)))
    assert await settled(answer) == "third"


async def test_finish_runs_several_operations(store: Store) -> None:
    async def move() -> str:
        value = await settled(store.get("space", "a"))
        assert isinstance(value, str)
        await settled(store.put("space", "b", value))
        await settled(store.delete("space", "a"))
        return value

    await settled(store.put("space", "a", "value"))
    answer = store.finish(move())
    assert inspect.iscoroutine(answer) is store.is_async
    assert await settled(answer) == "value"
    assert await settled(store.entries("space")) == [("b", "value")]


async def test_finish_passes_errors_on(store: Store) -> None:
    async def fail() -> None:
        await settled(store.get("space", "a"))
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await settled(store.finish(fail()))


@pytest.mark.parametrize("address", ["memory", "sqlite"], indirect=True)
async def test_a_store_that_answers_at_once_finishes_nothing_that_waits(store: Store) -> None:
    waiting: Coroutine[Any, Any, None] = asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="waits for something else"):
        store.finish(waiting)
