"""What a process reports of itself: event hooks, metrics, the access log, spans. One object in each process that serves.

It hears of runtimes as they are made, and hangs itself to what each has for listeners. The routes of `observe.routes` and
`events.routes` show what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
from collections.abc import Mapping
from typing import Protocol

from apiproxy_runtime.control.events.handlers.handler import Function, Tools
from apiproxy_runtime.control.events.hooks import Hooks
from apiproxy_runtime.control.events.marker import Marker
from apiproxy_runtime.control.events.transactions import TransactionEvents
from apiproxy_runtime.control.observe.accesslog import AccessLog
from apiproxy_runtime.control.observe.reported import Reported, of_bundles
from apiproxy_runtime.control.observe.tally import Tally, add
from apiproxy_runtime.control.replica import LocalReplica
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.gateway.ledger import Ledger
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.policy.events import EventKind, Events
from apiproxy_runtime.state.store import Store, StoreError

logger = logging.getLogger("apiproxy")

#: Seconds between two looks at the store for hooks that another process made.
PAUSE = 2.0

#: Seconds that events get to be delivered when the process stops.
GRACE = 2.0


class Spans(Protocol):
    """What makes spans of transactions (`opentelemetry.Tracing`, which is loaded only where it is configured)."""

    def attach(self, runtime: Runtime) -> None: ...

    async def close(self) -> None: ...


def open_spans(environ: Mapping[str, str] = os.environ) -> Spans | None:
    """Spans, where the environment variables of OpenTelemetry say whither; else None.

    A runtime without the extra `otel` serves without them, and says so: the variables may be meant for others.
    """
    exporter = environ.get("OTEL_TRACES_EXPORTER", "")
    somewhere = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )
    off = exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not (somewhere or exporter):
        return None
    try:
        # the SDK takes a third of a second to load
        module = importlib.import_module("apiproxy_runtime.control.observe.opentelemetry")
    except ImportError as error:
        logger.warning(
            "OpenTelemetry is configured and not installed (%s): pip install 'apiproxy-runtime[otel]'", error
        )
        return None
    spans: Spans = module.Tracing(environ)
    return spans


class Reporting:
    """Reports of one process. Make it before the first runtime; `start` when the loop runs, `close` before the store.

    metrics    whether requests are counted (they are where there is a control port to ask for it)
    spans      makes spans of transactions, where OpenTelemetry is configured
    functions  what hooks of the handler `lambda` may call, by name
    """

    def __init__(
        self,
        store: Store,
        *,
        connect_to: Mapping[str, str] | None = None,
        metrics: bool = True,
        access_log: AccessLog | None = None,
        spans: Spans | None = None,
        functions: Mapping[str, Function] | None = None,
    ) -> None:
        self.store = store
        self.tally = Tally()
        self._ledger = Ledger(self.tally)
        #: the traffic port, once it listens
        self.server: Server | None = None
        self._client = HttpClient()
        self._marker = Marker(store.world.now)
        tools = Tools(HttpEgress(self._client, connect_to), self._marker, functions or {})
        self.hooks = Hooks(store, tools)
        #: what is published and emitted outside of runtimes
        self.events = Events()
        self.hooks.attach(self.events)
        self._metrics = metrics
        self._access_log = access_log
        self._spans = spans
        self._polling: asyncio.Task[None] | None = None
        self._reported: list[Reported] = []

    def follow(self, replica: LocalReplica) -> None:
        """Report of all runtimes that a process makes for bundles."""
        replica.made.append(self._report_bundles)
        for runtime in replica.runtimes.values():
            self._report_bundles(runtime)

    def _report_bundles(self, runtime: Runtime) -> None:
        self.report(of_bundles(runtime))
        if self._access_log is not None:
            self._access_log.attach(runtime)
        if self._spans is not None:
            self._spans.attach(runtime)

    def report(self, runtime: Reported) -> None:
        """Count a runtime's requests, and have event hooks told of them."""
        self._reported.append(runtime)
        if self._metrics:
            runtime.gateway.count(self._ledger)
            runtime.events.listen(self.tally.exceeded, lambda kind: kind.source in ("quota", "spike-arrest"))
        transactions = TransactionEvents(runtime, self._marker)
        self.hooks.attach(runtime.events)
        self.hooks.changed.append(transactions.reconsider)
        transactions.reconsider()

    async def start(self) -> None:
        """Take up the hooks of the store, and look there for new ones from time to time."""
        try:
            await self._marker.share(self.store)
            await self.hooks.load()
        except StoreError as error:
            logger.error("Event hooks cannot be read: %s", error)
        if self.store.leaves_process:
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> None:
        reached = True
        while True:
            await asyncio.sleep(PAUSE)
            try:
                await self.hooks.load()
                reached = True
            except StoreError as error:
                if reached:
                    logger.warning("Event hooks cannot be read: %s", error)
                reached = False

    async def close(self, grace: float = GRACE) -> None:
        """Give events that wait `grace` seconds, and write what is left of the access log."""
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        await self.hooks.close(grace)
        self._client.close()
        if self._access_log is not None:
            self._access_log.close()
        if self._spans is not None:
            await self._spans.close()

    def kinds(self) -> list[EventKind]:
        """What is published in this process."""
        published = [self.events, *(runtime.events for runtime in self._reported)]
        kinds = {(kind.source, kind.name): kind for events in published for kind in events.kinds()}
        return list(kinds.values())

    def counted(self) -> Tally:
        """The tally with what is only looked up when somebody asks."""
        self._ledger.post()
        tally = self.tally
        tally.unmatched.clear()
        for runtime in self._reported:
            add(tally.unmatched, (runtime.environment,), runtime.gateway.unmatched)
        tally.hooks.clear()
        tally.waiting.clear()
        for hook_id, status in self.hooks.status().items():
            add(tally.waiting, (hook_id,), status["waiting"])
            for outcome in ("delivered", "retried", "dropped", "suppressed"):
                add(tally.hooks, (hook_id, outcome), status[outcome])
        if self.server is not None:
            tally.in_flight = sum(not connection.idle for connection in self.server.connections)
        return tally
