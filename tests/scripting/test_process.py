"""Children that talk in frames, on both event loops."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from apiproxy_runtime.scripting.process import ChildProcess

logger = logging.getLogger("test.child")

ECHO = """
import sys
while head := sys.stdin.buffer.read(4):
    body = sys.stdin.buffer.read(int.from_bytes(head, "big"))
    sys.stdout.buffer.write(head + body)
    sys.stdout.flush()
"""


class Child:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.codes: list[int] = []
        self.process = ChildProcess(self.frames.append, self.codes.append, logger)

    async def start(self, source: str) -> None:
        await self.process.start([sys.executable, "-I", "-S", "-c", source])


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


Runner = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Runs a test on one of the loops."""
    module = pytest.importorskip(request.param)
    runner: Runner = module.run
    return runner


def scene(test: Callable[[Child], Awaitable[None]]) -> Callable[[Runner], None]:
    """A test that gets a child not yet started."""

    def whole(run: Runner) -> None:
        async def act() -> None:
            await test(Child())

        run(act())

    return whole


@scene
async def test_frames_come_back_whole(child: Child) -> None:
    await child.start(ECHO)
    sent = [b"", b"a", b"x" * 300_000, bytes(range(256))]
    child.process.send(*sent)
    await until(lambda: len(child.frames) == len(sent))
    assert child.frames == sent
    await child.process.close()
    assert child.codes == [0]


@scene
async def test_frames_sent_before_the_end_are_handed_over_before_it(child: Child) -> None:
    await child.start("import os; os.write(1, b'\\0\\0\\0\\1a' * 1000); os._exit(5)")
    await until(lambda: child.codes)
    assert (len(child.frames), child.codes) == (1000, [5])


@scene
async def test_a_child_that_does_not_end_is_killed(child: Child) -> None:
    await child.start("import time\nwhile True: time.sleep(1)")
    await child.process.close(0.1)
    assert child.codes == [-9]


@scene
async def test_a_frame_of_impossible_length_ends_the_child(child: Child) -> None:
    await child.start("import os, time; os.write(1, b'\\xff' * 8); time.sleep(60)")
    await until(lambda: child.codes)
    assert (child.frames, child.codes) == ([], [-9])


@scene
async def test_sending_to_a_child_that_has_gone_does_nothing(child: Child) -> None:
    await child.start("pass")
    await until(lambda: child.codes)
    child.process.send(b"late")
    child.process.kill()
    await child.process.close()
    assert child.codes == [0]


def test_standard_error_is_logged_by_lines(run: Runner, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        child = Child()
        await child.start("import sys; sys.stderr.write('one\\ntwo'); sys.stderr.flush()")
        await until(lambda: child.codes)

    caplog.set_level(logging.INFO, "test.child")
    run(act())
    assert [record.getMessage() for record in caplog.records if record.name == "test.child"] == ["one", "two"]


def test_a_program_that_is_not_there_is_an_os_error(run: Runner) -> None:
    async def act() -> None:
        with pytest.raises(OSError):
            await Child().process.start(["/nowhere/program"])

    run(act())
