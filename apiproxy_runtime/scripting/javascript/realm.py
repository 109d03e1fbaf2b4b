"""A realm: one engine context with the prelude's parts, the host behind them, and the scripts it runs."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from importlib.resources import files
from typing import Any

from apiproxy_runtime.scripting.javascript.engine import Engine, Primitive, Value
from apiproxy_runtime.scripting.javascript.host import Host, thrown
from apiproxy_runtime.scripting.javascript.http import Exchanges, Send, suspend
from apiproxy_runtime.scripting.javascript.source import SLOW, Sources
from apiproxy_runtime.scripting.javascript.values import GIVEN_UP, text_from_script
from apiproxy_runtime.scripting.javascript.wording import rhino_wording

#: seconds that a script gets to go on after a wait, even if it has used up its time
_LEAST = 0.001


@lru_cache(16)
def prelude(part: str) -> str:
    """A part of the prelude on one line, without its comments."""
    text = files(__package__).joinpath("prelude", f"{part}.js").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("//"))


class Realm:
    """A place for scripts to run in.

    shared   whether it serves many requests
    session  whether it belongs to a transaction, for its later scripts
    defined  whether it runs a function that was compiled once
    """

    def __init__(self, send: Send | None) -> None:
        self.engine = Engine()
        self.host = Host(Exchanges(send), self._wording, self._load)
        #: seconds of CPU that are left of the run, as of the moment `_since`
        self._budget = self._since = 0.0
        self.shared = False
        self.session = False
        self.defined = False
        self._sources = Sources(())
        self._loaded: set[str] = set()
        engine, host = self.engine, self.host
        for name, function in (
            ("$get", host.get),
            ("$set", host.set),
            ("$remove", host.remove),
            ("$print", host.print),
            ("$call", host.call),
            ("$wait", self._wait),
        ):
            engine.add(name, function)
        self._prelude = engine.function(prelude("core"))
        self._run: Value | None = None

    def close(self) -> None:
        """Free the context now; host functions and context hold each other."""
        del self.engine, self._prelude, self._run

    def load(self, sources: Sources, properties: dict[str, str], *, frozen_world: bool = False) -> None:
        """Get ready for scripts: the parts of the prelude they use, their files and their properties."""
        self._sources = sources
        for part in sources.parts:
            self._part(part)
        if frozen_world:
            self._part("world")
        self._do("record", "files", sources.files)
        if "properties" in sources.words:
            self._do("record", "properties", json.dumps(properties))

    def _part(self, part: str) -> None:
        if part not in self._loaded:
            self._loaded.add(part)
            self._do("part", self.engine.function(prelude(part)))

    def _bound(self, names: str) -> None:
        """Have built-ins that may work long on one call make themselves heard by the time limit."""
        if names:
            self._part("bounded")
            self._do("bound", names)

    def _load(self, part: str) -> Primitive:
        """Host function: the prelude needs another of its parts."""
        try:
            self._part(part)
        except Exception as error:
            return thrown(error)
        return None

    def _do(self, action: str, *arguments: object) -> Any:
        return self.engine.call(self._prelude, action, *arguments)

    def open_session(self) -> None:
        """Give scripts a `context.session` that lasts as long as the realm."""
        self.session = True
        if not self.shared:
            self._part("shared")
            self._part("rhino")
            self._bound(",".join(SLOW))
        self._do("openSession")

    def lock_down(self) -> None:
        """Freeze the built-ins: the realm will serve many requests."""
        self.shared = True
        self._bound(",".join(SLOW))
        for part in ("rhino", "dates", "json", "shared", "values", "errors", "message", "lockdown"):
            self._part(part)

    def define(self, sources: Sources) -> None:
        """Compile the scripts as one function."""
        self._do("prepare", self.engine.function(sources.as_function()), ",".join(sources.names))
        self._run = self._do("get", "run")
        self.defined = True

    def expose(self, sources: Sources) -> None:
        """Make the runtime's names globals, for scripts that are evaluated as such."""
        self._bound(sources.slow)
        if sources.names:
            self._do("record", "names", json.dumps(sources.names))
            self._do("expose", self._do("get", "names"))

    def settle(self) -> None:
        """Remember the globals as they are."""
        self._do("settle")

    def is_clean(self) -> bool:
        """Whether the globals are as they were, or could be made so again."""
        return self._do("clean") is True

    # ---- running

    def run(self, seconds: float) -> None:
        """Run the compiled function. Raises like `Engine.eval`."""
        assert self._run is not None
        self._begin(seconds)
        self.engine.call_limited(self._run, seconds)
        self._end()

    def evaluate(self, sources: Sources, seconds: float) -> None:
        """Evaluate the scripts one after the other. Raises like `Engine.eval`."""
        self._begin(seconds)
        self.engine.arm(seconds)
        for index in range(len(sources.scripts)):
            self.engine.eval(sources.standing(index))
        self._end()

    def complete(self, number: int) -> None:
        """Call the callback of a call that has ended. Raises like `Engine.eval`."""
        left = max(self._budget, _LEAST)
        self._begin(left)
        self.engine.call_limited(self._do("get", "completed"), left, number)
        self._end()

    def flush(self) -> None:
        """Write back what scripts changed in views of a body; after a failure too."""
        if not self.defined and "message" in self._loaded:
            self._do("finish")

    def _begin(self, seconds: float) -> None:
        self._budget, self._since = seconds, time.process_time()

    def _end(self) -> None:
        self.engine.run_jobs()
        self._budget -= time.process_time() - self._since

    def _wait(self, number: int, milliseconds: float) -> Primitive:
        """Host function: wait for a call. What the process does meanwhile is not the script's."""
        self._budget -= time.process_time() - self._since
        try:
            suspend(self.host.exchanges.wait(number, milliseconds))
        except BaseException:
            # cancelled: the prelude turns idly until the limit, which is over, interrupts the script
            self.engine.arm(0.0)
            return GIVEN_UP
        self._since = time.process_time()
        self.engine.arm(max(self._budget, _LEAST))
        return None

    def _wording(self, kind: str, message: str, line: int, column: int) -> str | None:
        place = self._sources.place(line)
        if place is None:
            return None
        script, within = place
        lines = script.text.split("\n")
        before = "\n".join(lines[max(within - 8, 0) : within - 1])
        return rhino_wording(kind, message, lines[within - 1], column, self._lacking, before)

    def _lacking(self, name: str) -> str | None:
        """The text of the number, text or boolean that was last asked for this method in vain."""
        found = self._do("lacking", name)
        return text_from_script(found) if isinstance(found, str) else None
