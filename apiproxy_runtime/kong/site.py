"""What a plugin is given when it is compiled for one instance, and the way its calls go out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct, field

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Configuration, Instance
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, Egress, send_observed
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import Store
from apiproxy_runtime.world import World

logger = logging.getLogger("apiproxy")

#: Callouts of plugins that nobody waits for.
AT_ONCE = 64

Spawn = Callable[[Coroutine[Any, Any, Any]], object]


class KongServices(Struct, frozen=True):
    """What all plugins of a runtime share.

    callouts         lets so many callouts that nobody waits for run at once; the others stand in line
    callout_seconds  of external-callout and service-callout: to connect, and for the whole call
    """

    egress: Egress
    store: Store
    world: World
    records: Records
    spawn: Spawn
    callouts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    callout_seconds: tuple[float, float] = (5.0, 10.0)

    async def send(self, ctx: KongContext, call: Call) -> Message:
        """Make a call that belongs to a request; whoever watches it is told. Raises CallFailed."""
        return await send_observed(self.egress, ctx, call)


class KongSite(Struct, frozen=True):
    """Where an instance of a plugin stands."""

    instance: Instance
    configuration: Configuration
    services: KongServices

    @property
    def world(self) -> World:
        return self.services.world

    @property
    def store(self) -> Store:
        return self.services.store
