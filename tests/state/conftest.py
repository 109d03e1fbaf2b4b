from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.world import FrozenWorld


@pytest.fixture
def world() -> FrozenWorld:
    return FrozenWorld()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return "memory" if request.param == "memory" else f"sqlite:{tmp_path}/state.db"


@pytest.fixture
async def store(address: str, world: FrozenWorld) -> AsyncIterator[Store]:
    """Each kind of store in turn, empty."""
    opened = open_store(address, world)
    await settled(opened.clear())
    yield opened
    await settled(opened.close())


@pytest.fixture(params=["sqlite", "redis"])
def shared_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stores that several processes can share."""
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_url")
        return url
    return f"sqlite:{tmp_path}/state.db"


@pytest.fixture
def open_all(tmp_path: Path, redis_url: str) -> Callable[[FrozenWorld], list[Store]]:
    """One store of each kind on one clock."""

    def opened(world: FrozenWorld) -> list[Store]:
        return [open_store(address, world) for address in ("memory", f"sqlite:{tmp_path}/all.db", redis_url)]

    return opened
