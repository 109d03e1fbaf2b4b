"""Workers are asked for what they have as long as somebody looks."""

from __future__ import annotations

import asyncio
from typing import Any

from apiproxy_runtime.control.trace.news import News, Wanted
from apiproxy_runtime.control.trace.trace import Trace


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
