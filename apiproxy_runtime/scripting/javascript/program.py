"""A compiled script: checked once when a bundle is deployed, run for each request.

Scripts that leave the built-ins alone run in a context that serves one request after another, as a function that was
compiled once; its built-ins are frozen and its globals compared after each run, so that nothing passes from one
request to the next. All others get a context of their own for each run, where they are evaluated file by file.
Scripts that share objects through `context.session` run in a context that belongs to the transaction; so do those that
run after a script has put functions into a flow variable.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence

import greenlet

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.scripting.javascript.dialect import relax, rewrite
from apiproxy_runtime.scripting.javascript.engine import (
    Engine,
    Interrupted,
    JavaScriptError,
    OutOfMemory,
    probe,
)
from apiproxy_runtime.scripting.javascript.http import Send, Spawn, drive, finish, suspend
from apiproxy_runtime.scripting.javascript.realm import Realm
from apiproxy_runtime.scripting.javascript.source import Script, ScriptError, Sources
from apiproxy_runtime.world import World

__all__ = ["JavaScriptProgram", "Script", "ScriptError", "ScriptFailed", "ScriptTimedOut", "compile_script"]

#: What a script may use that says timeLimit="0"; it would hold up everything else.
UNLIMITED_MS = 5000
#: Contexts that wait for the next request, of one program.
_IDLE = 4
#: Where transactions keep the context of scripts that share objects.
_SESSION = "javascript"
#: Put before a script that shall be read but not run.
_READ_ONLY = "throw '$read';"
_PLACE = re.compile(r"<input>:(\d+):(\d+)")
_FRAME = re.compile(r"\tat (.+?):(\d+)(?: \(|$)", re.MULTILINE)


class ScriptFailed(Exception):
    """A script threw something it did not catch.

    text  what Apigee puts into the fault string: `TypeError: Cannot read property "a" from null. (main.js:3)`
    """

    def __init__(self, text: str, file: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.file = file
        self.line = line


class ScriptTimedOut(Exception):
    """A script used up its time limit."""


class _Kept:
    """The context that belongs to a transaction, which takes it along when it is forgotten.

    A context and its host functions hold each other: left to the garbage collector, contexts would pile up.
    """

    __slots__ = ("realm",)

    def __init__(self, realm: Realm) -> None:
        self.realm = realm

    def __del__(self) -> None:
        self.realm.close()


class JavaScriptProgram:
    """Scripts ready to run. Made by `compile_script`."""

    def __init__(
        self,
        sources: Sources,
        *,
        properties: dict[str, str],
        time_limit_ms: int,
        policy: str,
        send: Send | None,
        spawn: Spawn | None,
    ) -> None:
        self.sources = sources
        self.properties = properties
        self.policy = policy
        self.seconds = (time_limit_ms or UNLIMITED_MS) / 1000
        self.shareable = sources.shareable and not sources.has_session
        self.waits = sources.waits
        self._send = send
        self._spawn = spawn
        self._idle: list[Realm] = []

    def run(self, ctx: MessageContext) -> Awaitable[None] | None:
        """Run the scripts; an awaitable when they wait for calls.

        Raises ScriptFailed or ScriptTimedOut, here or from the awaitable.
        """
        realm = self._realm(ctx)
        if not self.waits and not realm.session:
            self._complete(realm, ctx)
            return None
        script = greenlet.greenlet(self._complete)
        waiting = script.switch(realm, ctx)
        return None if script.dead else drive(script, waiting)

    # ---- contexts

    def _realm(self, ctx: MessageContext) -> Realm:
        """A context for a run, with everything the scripts need in it."""
        real = ctx.world.__class__ is World
        if self.sources.has_session or (
            self.shareable and ctx.session is not None and _SESSION in ctx.session
        ):
            return self._session_realm(ctx, real)
        if not self.shareable or not real:
            realm = self._new(ctx)
            realm.load(self.sources, self.properties, frozen_world=not real)
            realm.expose(self.sources)
            return realm
        if self._idle:
            realm = self._idle.pop()
            realm.host.ctx, realm.host.run = ctx, object()
            return realm
        realm = self._new(ctx)
        realm.load(self.sources, self.properties)
        realm.lock_down()
        realm.define(self.sources)
        realm.settle()
        return realm

    def _session_realm(self, ctx: MessageContext, real: bool) -> Realm:
        if ctx.session is None:
            ctx.session = {}
        kept: _Kept | None = ctx.session.get(_SESSION)
        if kept is None or (kept.realm.shared and not self.sources.shareable):
            kept = ctx.session[_SESSION] = _Kept(self._new(ctx))
            kept.realm.open_session()
        realm = kept.realm
        realm.host.ctx, realm.host.policy = ctx, self.policy
        realm.load(self.sources, self.properties, frozen_world=not real)
        realm.define(self.sources)
        realm.settle()
        return realm

    def _new(self, ctx: MessageContext) -> Realm:
        realm = Realm(self._send)
        realm.host.ctx, realm.host.policy = ctx, self.policy
        return realm

    def _leave(self, realm: Realm, ctx: MessageContext) -> None:
        """The run went well: keep the context for the next if it is as it was."""
        realm.host.ctx = None
        if self.waits and self._spawn is not None:
            tasks = realm.host.exchanges.take_unfinished()
            if tasks:
                self._spawn(finish(tasks))
        if realm.session:
            realm.is_clean()
            return
        if realm.host.shares:
            self._keep(realm, ctx)
            return
        if realm.shared:
            realm.host.exchanges.clear()
            if len(self._idle) < _IDLE and realm.is_clean():
                self._idle.append(realm)
                return
        realm.close()

    def _keep(self, realm: Realm, ctx: MessageContext) -> None:
        """Let later scripts of the transaction run in a context, for the functions that this one left."""
        if realm.shared:
            realm.is_clean()
        if ctx.session is None:
            ctx.session = {}
        ctx.session[_SESSION] = _Kept(realm)
        realm.open_session()

    def _abandon(self, realm: Realm, ctx: MessageContext, usable: bool) -> None:
        """The run failed: what it left in the context is not worth finding out, unless the transaction needs it."""
        realm.host.ctx = None
        if not realm.session:
            realm.close()
        elif not usable and ctx.session is not None:
            ctx.session.pop(_SESSION, None)

    # ---- runs

    def _complete(self, realm: Realm, ctx: MessageContext) -> None:
        """Run the scripts, then the callbacks as their calls end; in a greenlet if they may wait."""
        usable = False
        try:
            try:
                if realm.defined:
                    realm.run(self.seconds)
                else:
                    realm.evaluate(self.sources, self.seconds)
                exchanges = realm.host.exchanges
                while exchanges.answered:
                    realm.complete(suspend(exchanges.next_answered()))
            finally:
                realm.flush()
        except JavaScriptError as error:
            usable = True
            raise self._failure(error) from None
        except Interrupted:
            raise ScriptTimedOut from None
        except OutOfMemory:
            raise ScriptFailed("InternalError: out of memory", "", 0) from None
        else:
            self._leave(realm, ctx)
        finally:
            if realm.host.ctx is not None:
                self._abandon(realm, ctx, usable)

    def _failure(self, error: JavaScriptError) -> ScriptFailed:
        file, line = "", 0
        frame = _FRAME.search(error.stack)
        if frame is not None:
            file, line = frame[1], int(frame[2])
        else:
            thrown = self.sources.thrown_at()
            if thrown is not None:
                file, line = thrown[0].name, thrown[1]
            elif self.sources.scripts:
                file = self.sources.scripts[-1].name
        # Apigee ends the description with a full stop, whether Rhino's message has one or not (playbook's examples)
        text = error.text if error.text.endswith(".") else error.text + "."
        place = f"{file}:{line}" if line else file
        return ScriptFailed(f"{text} ({place})", file, line)


def compile_script(
    sources: Sequence[Script],
    *,
    properties: dict[str, str],
    time_limit_ms: int,
    policy: str = "",
    send: Send | None = None,
    spawn: Spawn | None = None,
) -> JavaScriptProgram:
    """Check scripts and make them ready to run; they run in the order given, in one scope.

    time_limit_ms  CPU time of one run, time spent waiting for calls not counted; 0 for the most there is (5 s)
    send           sends what httpClient is asked to send
    spawn          keeps calls going that the scripts do not wait for
    Raises ScriptError for a script that is no JavaScript, nor Rhino's.
    """
    if not probe():
        raise RuntimeError(
            "the installed quickjs-ng cannot limit the time of scripts; install a version from 0.17 to below 0.18"
        )
    checked = tuple(_checked(script) for script in sources)
    return JavaScriptProgram(
        Sources(checked),
        properties=properties,
        time_limit_ms=time_limit_ms,
        policy=policy,
        send=send,
        spawn=spawn,
    )


def _checked(script: Script) -> Script:
    text = relax(script.text.removeprefix("\ufeff"))
    error = _syntax_error(script.name, text)
    if error is None:
        return Script(script.name, text)
    rewritten = rewrite(text)
    if rewritten == text or _syntax_error(script.name, rewritten) is not None:
        raise error
    return Script(script.name, rewritten)


def _syntax_error(name: str, text: str) -> ScriptError | None:
    """What is wrong with a script. It is evaluated behind a `throw`, so that it is read but does not run."""
    engine = Engine()
    try:
        engine.eval(_READ_ONLY + text)
    except JavaScriptError as error:
        if error.text == "$read":
            return None
        place = _PLACE.search(error.stack)
        line, column = (int(place[1]), int(place[2])) if place is not None else (1, 1)
        if line == 1:
            column = max(column - len(_READ_ONLY), 1)
        return ScriptError(name, line, column, error.text)
    except ValueError:
        line = text.count("\n", 0, text.index("\0")) + 1 if "\0" in text else 1
        return ScriptError(name, line, 1, "the script holds a character that no script may hold (NUL)")
    except (Interrupted, OutOfMemory):
        return ScriptError(name, 1, 1, "the script is too large")
    return None
