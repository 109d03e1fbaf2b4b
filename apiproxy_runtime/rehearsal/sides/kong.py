"""A kong.yml as a side."""

from __future__ import annotations

from collections.abc import Mapping

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.gateway import render_refusal
from apiproxy_runtime.kong.model import KONG_VERSION, Configuration
from apiproxy_runtime.kong.runtime import KongRuntime
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Branch, Kind, Reached
from apiproxy_runtime.rehearsal.sides.local import Replay
from apiproxy_runtime.rehearsal.stubs import Policy


class KongSide:
    """Deploys a declarative configuration and answers cases with it."""

    kind: Kind = "kong"
    calls_seen = True
    effects_seen = True

    def __init__(
        self,
        title: str,
        configuration: Configuration,
        findings: Findings,
        policy: Policy,
        connect_to: Mapping[str, str] | None = None,
        seed: int = 0,
        *,
        explains: bool = True,
    ) -> None:
        self.title = title
        self._configuration = configuration
        self._findings = findings
        self._policy = policy
        self._connect_to = connect_to
        self._replay = Replay(seed, self.kind, explains=explains)
        self._runtime: KongRuntime | None = None

    async def open(self) -> None:
        replay = self._replay

        runtime = self._runtime = KongRuntime(
            replay.store,
            connect_to=self._connect_to,
            world=replay.world,
            records=replay.records,
            outgoing=replay.stubbing(self._policy),
        )
        runtime.deploy(self._configuration, self._findings)
        runtime.checks.stop()
        runtime.watch(replay.watch)

    async def answer(self, number: int, now: float, case: Exchange) -> Outcome:
        assert self._runtime is not None
        # by the case's number, so that both sides ask the same server whatever they did in the cases before
        self._runtime.turn(number)
        return await self._replay.answer(self._runtime.gateway, render_refusal, number, now, case)

    def reached(self) -> Reached | None:
        passed = self._replay.watch.passed
        reached = Reached()
        for route in self._configuration.routes:
            times = sum(
                count
                for (kind, what, _), count in passed.items()
                if kind == "route" and _names(what, route.title)
            )
            reached.branches[Branch("route", route.title, "run", str(route.place))] = times
        for instance in self._configuration.plugins:
            if instance.enabled:
                branch = Branch("plugin", instance.title, "run", str(instance.place))
                reached.branches[branch] = passed.get(("policy", instance.title, "run"), 0)
        return reached

    def about(self) -> Mapping[str, str]:
        configuration = self._configuration
        return {
            "kind": f"kong.yml, as Kong Gateway {KONG_VERSION}",
            "routes": str(len(configuration.routes)),
            "plugins": str(len(configuration.plugins)),
        }

    async def close(self) -> None:
        if self._runtime is not None:
            await self._runtime.close(0)


def _names(what: object, title: str) -> bool:
    return isinstance(what, tuple) and what[-1] == title
