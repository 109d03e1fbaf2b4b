"""Traffic policies are tested on a store that answers at once and on one that has to be waited for."""

import pytest

from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import SlowStore, services


@pytest.fixture
def world() -> FrozenWorld:
    """A standing clock: 2023-11-14 22:13:20 UTC, a Tuesday."""
    return FrozenWorld()


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest, world: FrozenWorld) -> Services:
    return services(store=request.param(world))
