"""The host of Java callouts: one sidecar process that runs those of all bundles, each in a thread of its own.

A callout that uses up its time is interrupted. Java cannot end a thread that does not heed that, so a sidecar with
such a thread gets no more work: the next callout starts a new one, and the old one is ended when its other callouts
are done. So it is when a callout calls System.exit.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import weakref
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import PROXY_REQUEST, TARGET_REQUEST, MessageContext
from apiproxy_runtime.message.fields import field
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.scripting.java import wire
from apiproxy_runtime.scripting.java.jvm import find_java
from apiproxy_runtime.scripting.process import ChildProcess

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.java.program import JavaProgram

logger = logging.getLogger("apiproxy.java")

START_SECONDS = 30.0
#: How long an interrupted callout may take to end before its sidecar gets no more work.
HEED_SECONDS = 0.5
#: How long callouts of such a sidecar may go on.
LEAVE_SECONDS = 60.0


class CalloutThrew(Exception):
    """A callout threw; `kind` is the exception's class, `message` its text or None, `trace` its stack trace."""

    def __init__(self, kind: str, message: str | None, trace: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message
        self.trace = trace


class CalloutAborted(Exception):
    """A callout returned a failure; `response` and `headers` are what it wants the client to get."""

    def __init__(self, response: str | None, headers: dict[str, str]) -> None:
        super().__init__("the callout returned ABORT")
        self.response = response
        self.headers = headers


class CalloutTimedOut(Exception):
    """A callout used up its time limit."""


class SidecarLost(Exception):
    """The sidecar could not be started, or ended under a callout; the text says how."""


class Run:
    """One running callout: what it asks of its transaction and does to it."""

    __slots__ = ("ctx", "done", "made", "program", "sidecar")

    def __init__(self, sidecar: Sidecar, program: JavaProgram, ctx: MessageContext) -> None:
        self.sidecar = sidecar
        self.program = program
        self.ctx = ctx
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: messages the callout made, by the names it knows them by
        self.made: dict[str, Message] = {}

    def object(self, number: int, text: str) -> wire.JavaObject:
        found = wire.JavaObject(self.sidecar, number, text)
        weakref.finalize(found, self.sidecar.forget, "O", number).atexit = False
        return found

    def message(self, name: str) -> Message | None:
        found = self.made.get(name) or variables.read(self.ctx, name)
        return found if isinstance(found, Message) else None

    def change(self, reader: wire.Reader) -> None:
        """Do what the callout has done since the last time, and pass on what it printed."""
        ctx = self.ctx
        for _ in range(reader.integer()):
            kind, name = reader.letter(), reader.name()
            value = reader.value(self) if kind == "s" else None
            if name[:1] == "$":
                self._change_made(kind, name, value)
            elif kind == "r":
                variables.remove(ctx, name)
            else:
                done = variables.write(ctx, name, value)
                if ctx.observer is not None:
                    ctx.observer.variable_written(name, value, done)
        printed = reader.bytes()
        for line in printed.decode("utf-8", "replace").splitlines():
            if ctx.observer is not None:
                ctx.observer.printed(ctx, line)
            logger.debug("%s", line)

    def _change_made(self, kind: str, name: str, value: Any) -> None:
        owner, _, suffix = name.partition(".")
        message, part = self.made.get(owner), field(suffix)
        if message is None or part is None:
            return
        if kind == "r" and part.remove is not None:
            part.remove(message)
        elif kind == "s" and part.write is not None:
            part.write(message, value)

    def answer(self, reader: wire.Reader) -> bytes:
        """The answer to a question, as it is sent."""
        kind, name = reader.letter(), reader.name()
        if kind == "n":
            made = f"${len(self.made) + 1}"
            self.made[made] = Message(name == "request")
            return b"S" + wire.text(made)
        if kind == "b":
            message = self.message(name)
            return wire.value(None if message is None else message.body, name, None)
        owner, _, suffix = name.partition(".")
        if owner in self.made:
            part = field(suffix)
            return wire.value(None if part is None else part.read(self.made[owner]), name, self.sidecar)
        value = variables.read(self.ctx, name)
        if self.ctx.observer is not None:
            self.ctx.observer.variable_read(name, value)
        self.program.learn(name)
        return wire.value(value, name, self.sidecar)

    def finish(self, reader: wire.Reader) -> None:
        """Settle the run by the callout's result."""
        result = reader.letter()
        if self.done.done():
            return
        if result == "+":
            self.done.set_result(None)
        elif result == "-":
            self.done.set_exception(CalloutAborted(reader.text(), reader.texts()))
        elif result == "!":
            self.done.set_exception(CalloutThrew(reader.name(), reader.text(), reader.name()))
        else:
            self.done.set_exception(SidecarLost("the callout called System.exit"))


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

    async def start(self) -> None:
        """Start the JVM and wait until it takes callouts. Raises JavaMissing or SidecarLost."""
        java = find_java()
        try:
            await self.process.start(java.command())
            async with asyncio.timeout(START_SECONDS):
                await self._ready
        except (OSError, TimeoutError) as error:
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


class JavaHost:
    """Runs the callouts of all bundles."""

    def __init__(self) -> None:
        self._sidecars: set[Sidecar] = set()
        self._current: Sidecar | None = None
        self._starting: asyncio.Task[Sidecar] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.bundles: weakref.WeakValueDictionary[int, object] = weakref.WeakValueDictionary()

    async def run(self, program: JavaProgram, ctx: MessageContext) -> None:
        """Run a callout. Raises CalloutThrew, CalloutAborted, CalloutTimedOut, SidecarLost or JavaMissing.

        When `api.timeout` is used up first it returns, for then the transaction ends anyway.
        """
        sidecar = self._current
        if sidecar is None or sidecar.retired:
            sidecar = await self._ready()
        seconds = program.seconds
        if ctx.deadline:
            seconds = min(seconds, max(0.0, ctx.deadline - ctx.world.monotonic()))
        number, run = sidecar.begin(program, ctx)
        timer = asyncio.get_running_loop().call_later(seconds, _time_out, run)
        try:
            await run.done
        except CalloutTimedOut:
            sidecar.interrupt(number)
            if seconds < program.seconds:
                return
            raise
        except asyncio.CancelledError:
            sidecar.interrupt(number)
            raise
        finally:
            timer.cancel()

    async def _ready(self) -> Sidecar:
        """The sidecar that takes work, started if there is none."""
        while self._current is None or self._current.retired:
            if self._starting is None:
                self._starting = asyncio.get_running_loop().create_task(self._start())
            # shielded, since whoever else waits for it must not be cancelled with this one
            await asyncio.shield(self._starting)
        return self._current

    async def _start(self) -> Sidecar:
        try:
            sidecar = Sidecar(self._sidecars.discard)
            self._sidecars.add(sidecar)
            try:
                await sidecar.start()
            except BaseException:
                self._sidecars.discard(sidecar)
                raise
            self._current = sidecar
            return sidecar
        finally:
            self._starting = None

    def keep(self, content: bytes) -> Path:
        """Write a jar where JVMs can read it as long as this runtime lives."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="apiproxy-java-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / f"{hashlib.sha256(content).hexdigest()}.jar"
        if not path.exists():
            path.write_bytes(content)
        return path

    def forget(self, kind: str, number: int) -> None:
        """Let go of jars or a program in every sidecar."""
        for sidecar in self._sidecars:
            sidecar.forget(kind, number)

    async def close(self) -> None:
        """End the JVMs and remove the jars."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        await asyncio.gather(*(sidecar.process.close() for sidecar in list(self._sidecars)))
        if self._folder is not None:
            self._folder.cleanup()


def _time_out(run: Run) -> None:
    if not run.done.done():
        run.done.set_exception(CalloutTimedOut())
