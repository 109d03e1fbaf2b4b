"""Work that outlives the transaction which began it: callouts nobody waits for, PostClientFlow."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Keeps such work until it is done: `background` holds it, `drain` waits for it."""

    def __init__(self) -> None:
        self.background: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work that nobody waits for; it is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    async def drain(self, grace: float) -> None:
        """Let background work finish, for `grace` seconds at most; then cancel it."""
        if self.background:
            _, late = await asyncio.wait(self.background, timeout=grace)
            for task in late:
                task.cancel()
