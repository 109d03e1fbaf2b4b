"""Who is recorded: trace sessions and open pages, over all runtimes of a host. Without either nothing is watched."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.control.trace.live import Live
from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.session import COUNT, TIMEOUT, Session
from apiproxy_runtime.control.trace.transaction import Transaction
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import MessageContext

#: Sessions that are kept at once; a new one takes the place of the oldest.
MOST_SESSIONS = 20


class Trace:
    """The recordings of a host. `runtimes` lists the runtimes of the moment, one for each environment."""

    def __init__(self, runtimes: Callable[[], list[Runtime]]) -> None:
        self.runtimes = runtimes
        self.live = Live(self.arrange)
        self.sessions: dict[str, Session] = {}
        self._expiry: dict[str, asyncio.TimerHandle] = {}
        self._sights: dict[Runtime, Sight] = {}

    # ---- sessions

    def open(self, runtime: Runtime, proxy: str, count: int = COUNT, timeout: int = TIMEOUT) -> Session:
        """Begin a session for a deployed proxy. Raises KeyError when the runtime does not have it."""
        deployment = runtime.router.proxies[proxy].deployment
        while len(self.sessions) >= MOST_SESSIONS:
            self.close(next(iter(self.sessions)))
        session = Session(
            id=str(uuid.uuid4()),
            environment=deployment.environment,
            proxy=proxy,
            revision=deployment.revision,
            organization=deployment.organization,
            started=runtime.services.world.now(),
            count=count,
            timeout=timeout,
        )
        self.sessions[session.id] = session
        loop = asyncio.get_running_loop()
        self._expiry[session.id] = loop.call_later(timeout, self.close, session.id)
        self.arrange()
        return session

    def close(self, id: str) -> Session | None:
        """End a session and forget it."""
        session = self.sessions.pop(id, None)
        timer = self._expiry.pop(id, None)
        if timer is not None:
            timer.cancel()
        if session is not None:
            self.arrange()
        return session

    def stop(self) -> None:
        """Watch nothing any more."""
        for key in list(self.sessions):
            self.close(key)
        for runtime, sight in self._sights.items():
            runtime.unwatch(sight)
        self._sights.clear()

    # ---- watching

    def arrange(self) -> None:
        """Watch the runtimes in which somebody is interested, and no other. Call it when runtimes came or went."""
        runtimes = self.runtimes()
        for runtime in [known for known in self._sights if known not in runtimes]:
            runtime.unwatch(self._sights.pop(runtime))
        for runtime in runtimes:
            name = runtime.services.environment.name
            sessions = tuple(
                session
                for session in self.sessions.values()
                if session.environment == name and not session.full
            )
            if sessions or self.live.wanted:
                sight = self._sights.get(runtime)
                if sight is None:
                    sight = self._sights[runtime] = Sight(self, runtime)
                sight.sessions = sessions
                runtime.watch(sight)
            elif runtime in self._sights:
                runtime.unwatch(self._sights.pop(runtime))

    def keep(self, transaction: Transaction, sessions: tuple[Session, ...], live: bool) -> None:
        """Hand a transaction that is over to all who wanted it."""
        for session in sessions:
            session.end(transaction)
        if live:
            self.live.end(transaction)
        if any(session.full for session in sessions):
            self.arrange()


class Sight:
    """What is watched in one runtime: one recorder for a transaction, however many want it."""

    def __init__(self, trace: Trace, runtime: Runtime) -> None:
        self.trace = trace
        self.runtime = runtime
        self.sessions: tuple[Session, ...] = ()
        self._mask: DebugMask | None = None
        self._masks = Masks(DebugMask())

    def observer(self, ctx: MessageContext, exchange: Exchange) -> Recorder | None:
        """A recorder, for a transaction that a session or a page takes."""
        sessions = self.sessions
        if sessions:
            proxy = ctx.deployment.proxy
            sessions = tuple(session for session in sessions if session.proxy == proxy and not session.full)
        trace = self.trace
        live = trace.live.wanted and trace.live.takes()
        if not sessions and not live:
            return None

        def finished(recorder: Recorder) -> None:
            trace.keep(recorder.transaction(), sessions, live)

        recorder = Recorder(ctx, self.masks(), uuid.uuid4().hex, finished)
        for session in sessions:
            session.begin(recorder)
        if live:
            trace.live.begin(recorder)
        return recorder

    def masks(self) -> Masks:
        """The masks of the environment as it is now."""
        mask = self.runtime.services.environment.debug_mask
        if mask is not self._mask:
            self._mask, self._masks = mask, Masks(mask)
        return self._masks
