"""The host of Python scripts: a few worker processes that run one script at a time each.

Scripts of all bundles share the workers. A worker is started when a script finds none free, up to a limit; beyond
it scripts wait for their turn. A script that uses up its time limit takes its worker along, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import marshal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.scripting.detour import detours_of
from apiproxy_runtime.scripting.process import ChildProcess, time_left

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.python.program import PythonProgram

logger = logging.getLogger("apiproxy.python")

#: Isolated: no packages, no settings from the environment, no files written; of the runtime only what it imports here.
_WORKER = (
    *(sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c"),
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from apiproxy_runtime.scripting.python.worker import lead, main; lead(*sys.argv[2:]); del sys.path[0]; main()",
    str(Path(__file__).parents[3]),
)
MOST_WORKERS = 4
#: Names that are messages where there are any at the moment.
_MESSAGES = ("request", "response", "message", "error")
_PLAIN = (str, int, float, bool, bytes, type(None))


class ScriptFailed(Exception):
    """A script raised something it did not catch.

    kind  name of the exception's class
    text  what is put into the fault string: `NameError: name 'x' is not defined (main.py:3)`
    """

    def __init__(self, kind: str, text: str, file: str, line: int) -> None:
        place = f" ({file}:{line})" if file else ""
        super().__init__((f"{kind}: {text}" if text else kind) + place)
        self.kind = kind
        self.file = file
        self.line = line


class ScriptTimedOut(Exception):
    """A script used up its time limit."""


class WorkerLost(Exception):
    """The worker ended under a script."""


class Worker:
    """One worker process and the script it is running."""

    def __init__(self, gone: Any) -> None:
        self.process = ChildProcess(self._receive, self._exited, logger)
        self.loaded: set[int] = set()
        self.alive = True
        self._gone = gone
        self._ctx: MessageContext | None = None
        self._program: PythonProgram | None = None
        self._running: asyncio.Future[None] | None = None

    @property
    def idle(self) -> bool:
        return self._running is None

    def run(self, program: PythonProgram, ctx: MessageContext) -> asyncio.Future[None]:
        """Begin a run; the future is done when the script is."""
        self._ctx, self._program = ctx, program
        self._running = running = asyncio.get_running_loop().create_future()
        # whoever watches wants to see each read when it happens
        known = program.known(ctx) if ctx.observer is None else {}
        known = {name: to_worker(value) for name, value in known.items()}
        found = [name for name in _MESSAGES if variables.read(ctx, name) is not None]
        frame = marshal.dumps(("run", program.number, known, found, program.seconds))
        if program.number in self.loaded:
            self.process.send(frame)
        else:
            self.loaded.add(program.number)
            self.process.send(program.code, frame)
        return running

    def _receive(self, data: bytes) -> None:
        running, ctx, program = self._running, self._ctx, self._program
        if running is None or ctx is None or program is None:
            return
        try:
            kind, writes, printed, *rest = marshal.loads(data)
            self._write(ctx, writes)
            if printed:
                self._print(ctx, printed)
            if kind == "get":
                (name,) = rest
                value = variables.read(ctx, name)
                if ctx.observer is not None:
                    ctx.observer.variable_read(name, value)
                program.learn(name)
                self.process.send(marshal.dumps(("value", to_worker(value))))
                return
            error: Exception | None = ScriptFailed(*rest) if kind == "failed" else None
        except Exception as damaged:
            # the script has written to the pipe, or a variable took something badly
            self.process.kill()
            logger.error("a Python worker answered what makes no sense, and is ended", exc_info=damaged)
            error = WorkerLost("the worker answered what makes no sense")
        self._running = self._ctx = self._program = None
        if not running.done():
            if error is None:
                running.set_result(None)
            else:
                running.set_exception(error)

    def _write(self, ctx: MessageContext, writes: list[tuple[Any, ...]]) -> None:
        for name, *values in writes:
            if not values:
                variables.remove(ctx, name)
                continue
            value = values[0]
            if value.__class__ is tuple:
                value = variables.read(ctx, value[1])
            done = variables.write(ctx, name, value)
            if ctx.observer is not None:
                ctx.observer.variable_written(name, value, done)

    def _print(self, ctx: MessageContext, printed: str) -> None:
        for line in printed.splitlines():
            if ctx.observer is not None:
                ctx.observer.printed(ctx, line)
            logger.debug("%s", line)

    def _exited(self, code: int) -> None:
        self.alive = False
        running, self._running = self._running, None
        self._ctx = self._program = None
        if running is not None and not running.done():
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            running.set_exception(WorkerLost(f"the Python process ended ({how})"))
        self._gone(self)


class PythonHost:
    """Runs the scripts of all bundles. Connections that they open by themselves take the detours of `connect_to`."""

    def __init__(self, connect_to: Mapping[str, str] | None = None) -> None:
        detours = detours_of(connect_to or {})
        led = {name: (each.address, each.port, each.secure) for name, each in detours.items()}
        self._command = (*_WORKER, json.dumps(led)) if led else _WORKER
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._starting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, program: PythonProgram, ctx: MessageContext) -> None:
        """Run a program. Raises ScriptFailed, ScriptTimedOut or WorkerLost; OSError when no worker can be started.

        When `api.timeout` is used up first it returns, for then the transaction ends anyway.
        """
        worker = self._idle.pop() if self._idle else await self._free()
        seconds = time_left(program.seconds, ctx)
        if seconds <= 0:
            self._release(worker)
            return
        running = worker.run(program, ctx)
        timer = asyncio.get_running_loop().call_later(seconds, self._time_out, worker, running)
        try:
            await running
        except ScriptTimedOut:
            if seconds < program.seconds:
                return
            raise
        finally:
            timer.cancel()
            self._release(worker)

    def _time_out(self, worker: Worker, running: asyncio.Future[None]) -> None:
        worker.process.kill()
        if not running.done():
            running.set_exception(ScriptTimedOut())

    async def _free(self) -> Worker:
        while not self._idle:
            if len(self._workers) + self._starting < MOST_WORKERS:
                return await self._start()
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # whoever gave the turn must not have given it in vain
                self._next()
                raise
        return self._idle.pop()

    async def _start(self) -> Worker:
        self._starting += 1
        try:
            worker = Worker(self._lost)
            await worker.process.start(self._command)
        finally:
            self._starting -= 1
            self._next()
        self._workers.add(worker)
        return worker

    def _release(self, worker: Worker) -> None:
        if worker.alive and worker.idle:
            self._idle.append(worker)
            self._next()
        else:
            # it timed out, or nobody waits for the script any more; its place is free once it is gone
            worker.process.kill()

    def _lost(self, worker: Worker) -> None:
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._next()

    def _next(self) -> None:
        """Wake whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def forget(self, number: int) -> None:
        """Drop a program that nobody runs any more."""
        for worker in self._workers:
            if number in worker.loaded:
                worker.loaded.discard(number)
                worker.process.send(marshal.dumps(("forget", number)))

    async def close(self) -> None:
        """End the workers."""
        workers, self._idle = list(self._workers), []
        await asyncio.gather(*(worker.process.close(0.5) for worker in workers))


def to_worker(value: Any) -> Any:
    """A flow variable's value as it crosses: plain values and lists and dictionaries of them, messages by name."""
    kind = value.__class__
    if kind in _PLAIN:
        return value
    if kind is Message:
        return ("message",)
    if kind is list or kind is tuple:
        return [to_worker(item) for item in value]
    if kind is dict:
        return {str(key): to_worker(item) for key, item in value.items()}
    return text_of(value)
