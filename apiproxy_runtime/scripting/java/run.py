"""One run of a Java callout: what it asks of its transaction and does to it, and how it can end."""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import TYPE_CHECKING, Any

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fields import field
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.scripting.java import wire

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.java.program import JavaProgram
    from apiproxy_runtime.scripting.java.sidecar import Sidecar

logger = logging.getLogger("apiproxy.java")


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
