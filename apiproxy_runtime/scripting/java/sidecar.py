"""The sidecar: a JVM with the callouts it is running."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

from apiproxy_runtime.message.context import PROXY_REQUEST, TARGET_REQUEST, MessageContext
from apiproxy_runtime.scripting.java import wire
from apiproxy_runtime.scripting.java.jvm import find_java
from apiproxy_runtime.scripting.java.run import Run, SidecarLost
from apiproxy_runtime.scripting.process import ChildProcess

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.java.program import JavaProgram

logger = logging.getLogger("apiproxy.java")

START_SECONDS = 30.0
#: How long an interrupted callout may take to end before its sidecar gets no more work.
HEED_SECONDS = 0.5
#: How long callouts of such a sidecar may go on.
LEAVE_SECONDS = 60.0


class Sidecar:
    """One JVM and what it is running."""

    def __init__(self, gone: Callable[[Sidecar], object]) -> None:
        self.process = ChildProcess(self._receive, self._exited, logger)
        self.runs: dict[int, Run] = {}
        #: runs that nobody waits for any more
        self.overdue: set[int] = set()
        self.retired = False
        self.alive = True
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone = gone
        self._loaded: set[tuple[str, int]] = set()
        self._numbers = count(1)

    async def start(self, options: Sequence[str] = ()) -> None:
        """Start the JVM and wait until it takes callouts. Raises JavaMissing or SidecarLost."""
        java = find_java()
        try:
            await self.process.start(java.command(options))
            async with asyncio.timeout(START_SECONDS):
                await self._ready
        except (OSError, TimeoutError) as error:
            self._ready.cancel()
            self.process.kill()
            raise SidecarLost(f"{java.program} cannot be started: {error or 'it does not answer'}") from error

    def begin(self, program: JavaProgram, ctx: MessageContext) -> tuple[int, Run]:
        """Begin a run."""
        self._load(program)
        number, run = next(self._numbers), Run(self, program, ctx)
        self.runs[number] = run
        in_request = ctx.fault is None and ctx.phase in (PROXY_REQUEST, TARGET_REQUEST)
        flags = (1 if in_request else 0) | (2 if ctx.fault is not None else 0)
        # whoever watches wants to see each read when it happens
        known = program.known(ctx, self) if ctx.observer is None else wire.integer(0)
        head = wire.head("R", number) + wire.integer(program.number)
        self.process.send(head + bytes((flags,)) + known)
        return number, run

    def _load(self, program: JavaProgram) -> None:
        jars = program.jars
        if ("P", program.number) in self._loaded:
            return
        if ("J", jars.number) not in self._loaded:
            self._loaded.add(("J", jars.number))
            paths = [wire.text(str(path)) for path in jars.paths()]
            self.process.send(wire.head("J", jars.number) + wire.integer(len(paths)) + b"".join(paths))
        self._loaded.add(("P", program.number))
        self.process.send(wire.head("P", program.number) + wire.integer(jars.number) + program.definition)

    def forget(self, kind: str, number: int) -> None:
        """Let go of jars, a program or an object."""
        if kind == "O" or (kind, number) in self._loaded:
            self._loaded.discard((kind, number))
            self.process.send(wire.head("F", number) + kind.encode())

    def interrupt(self, number: int) -> None:
        """Ask a run to end; nobody waits for it any more."""
        if number in self.runs:
            self.overdue.add(number)
            self.process.send(wire.head("I", number))
            asyncio.get_running_loop().call_later(HEED_SECONDS, self._unheeded, number)

    def _unheeded(self, number: int) -> None:
        if number in self.overdue and self.alive:
            self.retire()

    def retire(self) -> None:
        """Give it no more work, and end it when what it has is done."""
        if not self.retired:
            self.retired = True
            asyncio.get_running_loop().call_later(LEAVE_SECONDS, self.process.kill)
        self._end_when_done()

    def _end_when_done(self) -> None:
        if self.retired and len(self.runs) == len(self.overdue):
            self.process.kill()

    # ---- what comes from the JVM

    def _receive(self, data: bytes) -> None:
        try:
            self._take(wire.Reader(data))
        except Exception as damaged:
            # a callout has written to the pipe, or a variable took something badly
            logger.error("the Java sidecar sent what makes no sense, and is ended", exc_info=damaged)
            self.process.kill()

    def _take(self, reader: wire.Reader) -> None:
        letter, number = reader.letter(), reader.integer()
        if letter == "H":
            logger.debug("Java %s runs callouts", reader.text())
            if not self._ready.done():
                self._ready.set_result(None)
            return
        if letter == "L":
            self.retired = True
            return
        run = self.runs.get(number)
        if run is None:
            return
        late = number in self.overdue
        if letter == "Q":
            if late:
                self.process.send(wire.head("A", number) + b"X")
                return
            run.change(reader)
            self.process.send(wire.head("A", number) + run.answer(reader))
        elif letter == "D":
            del self.runs[number]
            self.overdue.discard(number)
            if not late:
                run.change(reader)
                run.finish(reader)
            self._end_when_done()

    def _exited(self, code: int) -> None:
        self.alive = False
        self.retired = True
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        lost = SidecarLost(f"the Java process ended ({how})")
        if not self._ready.done():
            self._ready.set_exception(lost)
        for run in self.runs.values():
            if not run.done.done():
                run.done.set_exception(lost)
        self.runs.clear()
        self.overdue.clear()
        self._gone(self)
