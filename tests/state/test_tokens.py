"""Records of tokens and codes, on a store that answers at once and on one that has to be waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.state.tokens import KEEP_EXPIRED, Code, Token, Tokens
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import SlowStore


@pytest.fixture
def world() -> FrozenWorld:
    return FrozenWorld(now=1000.0)


@pytest.fixture(params=[MemoryStore, SlowStore])
def tokens(request: pytest.FixtureRequest, world: FrozenWorld) -> Tokens:
    return Tokens(request.param(world), "org")


def token(value: str = "t", **fields: Any) -> Token:
    return Token(**{"value": value, "client_id": "k", "app_id": "a", "issued_at": 1_000_000, **fields})


async def test_record_comes_back_as_it_was_put(tokens: Tokens) -> None:
    before = token(attributes={"é": "ü"}, hidden=["é"], products=["p"], scope="a b", end_user="bob")
    await settled(tokens.access.put(before))
    assert await settled(tokens.access.get("t")) == before
    assert await settled(tokens.refresh.get("t")) is None


async def test_expired_record_can_be_told_from_an_unknown_one_for_three_days(
    tokens: Tokens, world: FrozenWorld
) -> None:
    await settled(tokens.access.put(token(expires_at=1_010_000)))
    world.time = 1010.0
    found = await settled(tokens.access.get("t"))
    assert found is not None
    assert found.expired(world.now())
    world.time = 1010.0 + KEEP_EXPIRED
    assert await settled(tokens.access.get("t")) is None


def test_seconds_left_are_rounded_down_as_apigee_shows_them() -> None:
    assert token(expires_at=1_000_000 + 1_800_000).expires_in(1000.0) == 1799
    assert token(expires_at=1_000_000).expires_in(2000.0) == 0
    assert token(expires_at=-1).expires_in(2000.0) == 0
    assert not token(expires_at=-1).expired(1e12)


async def test_update_that_refuses_changes_nothing(tokens: Tokens) -> None:
    await settled(tokens.access.put(token()))
    assert await settled(tokens.access.update("t", lambda record: False)) is None
    assert await settled(tokens.access.update("other", lambda record: True)) is None
    assert await settled(tokens.access.get("t")) == token()


async def test_code_is_spent_by_one_of_many(world: FrozenWorld) -> None:
    tokens = Tokens(SlowStore(world), "org")
    await settled(tokens.codes.put(Code(value="c", client_id="k", app_id="a", issued_at=0)))

    def spend(code: Code) -> bool:
        if code.status != "approved":
            return False
        code.status = "used"
        return True

    spent = await asyncio.gather(*(settled(tokens.codes.update("c", spend)) for _ in range(20)))
    assert sum(code is not None for code in spent) == 1


async def test_tokens_are_found_by_app_and_by_end_user(tokens: Tokens) -> None:
    for record in (token("1"), token("2", end_user="bob"), token("3", app_id="ab", end_user="bobby")):
        await settled(tokens.access.put(record))
    assert await settled(tokens.access.of_app("a")) == ["1", "2"]
    assert await settled(tokens.access.of_user("bob")) == ["2"]
    assert await settled(tokens.refresh.of_app("a")) == []


async def test_organizations_are_apart(world: FrozenWorld) -> None:
    store = MemoryStore(world)
    await settled(Tokens(store, "one").access.put(token()))
    assert await settled(Tokens(store, "two").access.get("t")) is None


async def test_only_one_caller_deletes(tokens: Tokens) -> None:
    await settled(tokens.refresh.put(token()))
    assert await settled(tokens.refresh.delete("t"))
    assert not await settled(tokens.refresh.delete("t"))
