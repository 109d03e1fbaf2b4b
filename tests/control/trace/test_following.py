"""Workers are asked for what they have as long as somebody looks, and watch nothing otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.control.replica import LocalReplica
from apiproxy_runtime.control.trace.correspondent import Correspondent
from apiproxy_runtime.control.trace.news import News, Place, Wanted
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.open import open_store


class SlowWorker:
    """A worker that answers when it is let."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Wanted] = asyncio.Queue()
        self.may = asyncio.Semaphore(0)

    async def ask(self, what: str, content: object = None) -> Any:
        assert isinstance(content, Wanted)
        self.asked.put_nowait(content)
        await self.may.acquire()
        return News((), 0)

    async def next(self) -> Wanted:
        async with asyncio.timeout(5):
            return await self.asked.get()


async def test_a_worker_that_is_told_that_nobody_looks_any_more_is_asked_again_when_somebody_does() -> None:
    worker = SlowWorker()
    trace = Trace(list, lambda: [worker])
    try:
        trace.live.asked = True
        trace.arrange()
        assert (await worker.next()).live
        trace.live.asked = False
        worker.may.release()
        assert (await worker.next()).nothing
        trace.live.asked = True
        trace.arrange()
        worker.may.release()
        assert (await worker.next()).live
    finally:
        trace.stop()


@pytest.mark.parametrize(
    "wanted", [Wanted(True, ()), Wanted(False, (Place("s", "test", "hello", 50),))], ids=["page", "session"]
)
async def test_a_worker_watches_its_runtimes_as_long_as_something_is_wanted(wanted: Wanted) -> None:
    store = open_store("memory")
    replica = LocalReplica(store, lambda environment: Runtime(environment, TestData(), store))
    correspondent = Correspondent(replica)
    # one that is there before, and one that is made while others are watched
    for name in ("test", "other"):
        runtime = replica.runtime(Environment(name=name))
        correspondent.report(wanted)
        assert bool(runtime.watches) == (wanted.live or name == "test")
    correspondent.report(Wanted(False, ()))
    assert not any(runtime.watches for runtime in replica.runtimes.values())
    assert correspondent.trace.sessions == {}
    await replica.close(0)
