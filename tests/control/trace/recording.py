"""Records transactions of a real gateway, for the tests of what is made of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.control.trace.session import Session
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.control.trace.transaction import StepTaken, Transaction
from tests.house import House, house


@contextlib.asynccontextmanager
async def recorded(
    *bundles: Path, mask: DebugMask | None = None, environment: Environment | None = None, **options: Any
) -> AsyncIterator[tuple[House, Session]]:
    """A gateway whose first proxy has an open trace session."""
    environment = environment or Environment(debug_mask=mask or DebugMask())
    async with house(*bundles, environment=environment, **options) as home:
        trace = Trace(lambda: [home.runtime])
        session = trace.open(home.runtime, next(iter(home.runtime.router.proxies)))
        try:
            yield home, session
        finally:
            trace.stop()


async def transaction_of(session: Session, index: int = -1) -> Transaction:
    """A transaction of the session once it is over; its end is told after the client has its answer."""
    async with asyncio.timeout(5):
        while not session.entries or not session.transactions()[index].completed:
            await asyncio.sleep(0.01)
    return session.transactions()[index]


def step(transaction: Transaction, policy: str) -> StepTaken:
    """The step of a policy."""
    return next(
        point for point in transaction.points if isinstance(point, StepTaken) and point.policy == policy
    )
