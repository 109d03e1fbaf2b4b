"""Who is recorded: trace sessions and open pages, over all runtimes of a host. Without either nothing is watched.

Workers record for themselves. They are asked for what they have several times a second while somebody looks, and once
more before anybody is told what there is.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.control.replica import ReplicaGone
from apiproxy_runtime.control.trace.live import BEAT, Live
from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.news import TRACE, News, Place, Wanted, Worker
from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.session import COUNT, TIMEOUT, Session
from apiproxy_runtime.control.trace.transaction import CONTENT_LIMIT, Transaction
from apiproxy_runtime.gateway.gateway import unidentified
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import Client, Deployment, MessageContext
from apiproxy_runtime.message.message import Message

logger = logging.getLogger("apiproxy")

#: Sessions that are kept at once; a new one takes the place of the oldest.
MOST_SESSIONS = 40
#: Seconds that workers get to answer before what is known without them is told.
PATIENCE = 3.0


class Trace:
    """The recordings of a host.

    `runtimes` lists the runtimes of the moment, one for each environment; `workers` the processes that serve beside it.
    """

    def __init__(
        self, runtimes: Callable[[], list[Runtime]], workers: Callable[[], Sequence[Worker]] = tuple
    ) -> None:
        self.runtimes = runtimes
        self.workers = workers
        self.live = Live(self.arrange)
        self.sessions: dict[str, Session] = {}
        self._expiry: dict[str, asyncio.TimerHandle] = {}
        self._sights: dict[Runtime, Sight] = {}
        self._following: dict[Worker, asyncio.Task[None]] = {}

    # ---- sessions

    def open(self, runtime: Runtime, proxy: str, count: int = COUNT, timeout: int = TIMEOUT) -> Session:
        """Begin a session for a deployed proxy. Raises KeyError when the runtime does not have it.

        Workers know of it once `gather` is done.
        """
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
        for sight in self._sights.values():
            sight.close()
        self._sights.clear()
        for following in self._following.values():
            following.cancel()

    # ---- watching

    def arrange(self) -> None:
        """Watch the runtimes in which somebody is interested, and no other. Call it when runtimes came or went."""
        runtimes = self.runtimes()
        for runtime in [known for known in self._sights if known not in runtimes]:
            self._sights.pop(runtime).close()
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
                sight.watch(strays=self.live.wanted)
            elif runtime in self._sights:
                self._sights.pop(runtime).close()
        if not self._wanted().nothing:
            for worker in self.workers():
                if worker not in self._following:
                    following = asyncio.get_running_loop().create_task(self._follow(worker))
                    self._following[worker] = following

    def keep(self, transaction: Transaction, sessions: tuple[Session, ...], live: bool) -> None:
        """Hand a transaction that is over to all who wanted it."""
        for session in sessions:
            session.end(transaction)
        if live:
            self.live.end(transaction)
        if any(session.full for session in sessions):
            self.arrange()

    # ---- workers

    def _wanted(self, whole: bool = False) -> Wanted:
        places = tuple(
            Place(session.id, session.environment, session.proxy, session.room)
            for session in self.sessions.values()
            if session.room
        )
        return Wanted(self.live.wanted, places, whole)

    async def gather(self) -> None:
        """Have workers watch what is wanted now, and take over what they have, what is under way too."""
        wanted = self._wanted(whole=True)
        asked = [asyncio.ensure_future(self._ask(worker, wanted)) for worker in self.workers()]
        if asked:
            await asyncio.wait(asked, timeout=PATIENCE)

    async def _follow(self, worker: Worker) -> None:
        """Take over what a worker has again and again, until nothing is wanted and it knows."""
        try:
            wanted = self._wanted()
            while await self._ask(worker, wanted):
                told, wanted = wanted, self._wanted()
                # it may have become of interest again while it was told that it is not
                if told.nothing and wanted.nothing:
                    return
                if not told.nothing:
                    await asyncio.sleep(BEAT)
                    wanted = self._wanted()
        finally:
            del self._following[worker]

    async def _ask(self, worker: Worker, wanted: Wanted) -> bool:
        """Take over what a worker has; False if there is nothing more to be had of it."""
        try:
            news: News = await worker.ask(TRACE, wanted)
        except ReplicaGone:
            self.live.forget_elsewhere()
            return False
        except Exception:
            logger.exception("A worker cannot tell of its transactions")
            return False
        for seen in news.seen:
            transaction = seen.transaction
            known = (self.sessions.get(key) for key in seen.sessions)
            sessions = tuple(item for item in known if item is not None and item.takes(transaction.id))
            live = seen.live and self.live.wanted
            if transaction.completed:
                self.keep(transaction, sessions, live)
                continue
            for session in sessions:
                session.begin(transaction)
            if live:
                self.live.begin(transaction)
        self.live.skipped += news.skipped
        return True


class Sight:
    """What is watched in one runtime: one recorder for a transaction, however many want it."""

    def __init__(self, trace: Trace, runtime: Runtime) -> None:
        self.trace = trace
        self.runtime = runtime
        self.sessions: tuple[Session, ...] = ()
        self._mask: DebugMask | None = None
        self._masks = Masks(DebugMask())

    def watch(self, strays: bool) -> None:
        """Be told of transactions, and with `strays` of requests that fit no base path."""
        self.runtime.watch(self)
        self._tell_strays(strays)

    def close(self) -> None:
        """Be told of nothing any more."""
        self.runtime.unwatch(self)
        self._tell_strays(False)

    def _tell_strays(self, told: bool) -> None:
        gateway = self.runtime.gateway
        others = tuple(other for other in gateway.strayed if other != self.strayed)
        gateway.strayed = (*others, self.strayed) if told else others

    def strayed(self, exchange: Exchange) -> None:
        """Show a request that fits no base path, as a transaction without a proxy."""
        live = self.trace.live
        if not live.takes():
            return
        path, _, query = exchange.target.partition("?")
        fault, answer = unidentified(exchange, path)
        request = Message(True, exchange.headers)
        request.verb, request.path, request.version = exchange.method, path, exchange.version
        request.query_string = query
        body = exchange.body_now() if exchange.size <= CONTENT_LIMIT else None
        if body is not None:
            request.body = body
        elif exchange.has_body:
            request.stream = exchange.body_chunks()
        environment = self.runtime.services.environment
        client = Client(*exchange.peer)
        client.request_uri, client.received_start = exchange.target, exchange.received
        ctx = MessageContext(request, Deployment(environment.organization, environment.name, "", ""), client)
        recorder = Recorder(ctx, self.masks(), uuid.uuid4().hex)
        recorder.began -= max(0.0, time.time() - exchange.received)
        recorder.fault_raised(ctx, fault)
        ctx.fault, ctx.error = fault, answer
        recorder.transaction_ends(ctx)
        live.end(recorder.transaction())

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
