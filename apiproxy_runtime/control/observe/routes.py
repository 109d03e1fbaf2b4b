"""`/event-hooks`, `/metrics`, `/health` and `/ready` on the control port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from apiproxy_runtime import __version__
from apiproxy_runtime.control.answer import json_answer
from apiproxy_runtime.control.deployevent import DeployEvent
from apiproxy_runtime.control.events import routes as event_hooks
from apiproxy_runtime.control.events.deploys import DeployEvents
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.observe.reporting import Reporting
from apiproxy_runtime.control.observe.tally import Deploys, Tally, add, total
from apiproxy_runtime.control.replica import ReplicaGone
from apiproxy_runtime.control.workers import WorkerReplica
from apiproxy_runtime.state.store import StoreError, settled

#: Seconds that the store may take to answer.
PATIENCE = 2.0


def area(reporting: Reporting) -> Callable[[Host], list[web.RouteDef]]:
    """What a process reports, as an area of the control port."""

    def routes(host: Host) -> list[web.RouteDef]:
        DeployEvents(host, reporting.events)
        outcomes: dict[tuple[str, ...], int] = {}

        def told(event: DeployEvent) -> None:
            add(outcomes, (event.environment, event.what), 1)

        def deploys() -> Deploys:
            return Deploys(outcomes, _deployed(host))

        host.subscribe(told)
        return report_routes(reporting, deploys, host.others)

    return routes


def report_routes(
    reporting: Reporting, deploys: Callable[[], Deploys], others: Sequence[object] = ()
) -> list[web.RouteDef]:
    """The routes by themselves: `deploys` tells what is deployed, `others` are workers that count for themselves."""
    seen = _Seen(reporting, deploys, others)
    return [
        *event_hooks.routes(reporting.hooks, reporting.kinds),
        web.get("/metrics", seen.metrics),
        web.get("/health", seen.health),
        web.get("/ready", seen.ready),
    ]


def _deployed(host: Host) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for name in host.runtimes:
        found[name, "apiproxy"] = len(host.programs(name))
        found[name, "sharedflowbundle"] = len(host.shared_flows(name))
    return found


class _Seen:
    def __init__(
        self, reporting: Reporting, deploys: Callable[[], Deploys], others: Sequence[object]
    ) -> None:
        self.reporting = reporting
        self.deploys = deploys
        self.others = others

    async def metrics(self, request: web.Request) -> web.Response:
        # loaded when first asked for: it takes a tenth of a second
        from apiproxy_runtime.control.observe import prometheus

        text, content_type = prometheus.render(
            total(await self._tallies()), self.deploys(), request.headers.get("Accept", "")
        )
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _tallies(self) -> list[Tally]:
        """The tally of this process, and of the workers beside it."""
        workers = [other for other in self.others if isinstance(other, WorkerReplica)]
        answers = await asyncio.gather(*(worker.ask("tally") for worker in workers), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ReplicaGone):
                raise answer
        return [self.reporting.counted(), *(answer for answer in answers if isinstance(answer, Tally))]

    async def health(self, request: web.Request) -> web.Response:
        """The process lives, and its event loop turns."""
        return json_answer({"status": "up", "version": __version__})

    async def ready(self, request: web.Request) -> web.Response:
        """Traffic can be served: something is deployed, and the store answers. 503 until then."""
        found = self.deploys().deployed
        deployed = sum(count for (_, kind), count in found.items() if kind != "sharedflowbundle")
        checks: dict[str, Any] = {
            "deployed": {"ok": deployed > 0, "proxies": deployed},
            "store": await self._store(),
        }
        ready = all(check["ok"] for check in checks.values())
        status = "ready" if ready else "not ready"
        return json_answer({"status": status, "checks": checks}, 200 if ready else 503)

    async def _store(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(PATIENCE):
                await settled(self.reporting.store.get("health", "ready"))
        except (StoreError, TimeoutError) as error:
            return {"ok": False, "reason": str(error) or f"no answer within {PATIENCE} s"}
        return {"ok": True}
