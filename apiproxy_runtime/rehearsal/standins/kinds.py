"""All kinds of stand-ins. A new kind is a module with a `make`, and its line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.standins import apps, keysets, maps, properties, targets, tokens
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns

#: In an order in which each finds what it builds upon: keys of maps may come from property sets,
#: tokens belong to apps, addresses stand in maps.
KINDS: tuple[Callable[[Asked, StandIns], None], ...] = (
    targets.make,
    properties.make,
    apps.make,
    tokens.make,
    maps.make,
    keysets.make,
)


def stand_ins_for(bundles: Sequence[Bundle], environment: Environment, test_data: TestData) -> StandIns:
    """What bundles ask for and the environment lacks; the same bundles and environment give the same."""
    made = StandIns()
    for make in KINDS:
        make(Asked(bundles, *made.added_to(environment, test_data)), made)
    return made
