"""Bundles, or a workspace, as a side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.gateway import render_refusal
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.rehearsal.coverage import reached_of
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Kind, Reached
from apiproxy_runtime.rehearsal.sides.local import Replay
from apiproxy_runtime.rehearsal.stubs import Policy


class BundleSide:
    """Deploys bundles with their environment's files and answers cases with them.

    `stand_ins` says that some of the test data was made up, for people.
    """

    kind: Kind = "bundle"
    calls_seen = True
    effects_seen = True

    def __init__(
        self,
        title: str,
        bundles: Sequence[Bundle],
        environment: Environment,
        test_data: TestData,
        findings: Findings,
        policy: Policy,
        connect_to: Mapping[str, str] | None = None,
        seed: int = 0,
        *,
        explains: bool = True,
        folders: Mapping[str, str] | None = None,
        stand_ins: bool = False,
    ) -> None:
        self.title = title
        self._folders = folders
        self._stand_ins = stand_ins
        self._bundles = bundles
        self._environment = environment
        self._test_data = test_data
        self._findings = findings
        self._policy = policy
        self._connect_to = connect_to
        self._replay = Replay(seed, explains=explains)
        self._runtime: Runtime | None = None

    async def open(self) -> None:
        replay = self._replay

        runtime = Runtime(
            self._environment,
            self._test_data,
            replay.store,
            connect_to=self._connect_to,
            world=replay.world,
            records=replay.records,
            outgoing=replay.stubbing(self._policy),
        )
        self._runtime = runtime
        await runtime.load_test_data()
        runtime.deploy(self._bundles, self._findings, self._folders)
        runtime.health.stop()
        runtime.gateway.watch = replay.watch

    async def answer(self, number: int, now: float, case: Exchange) -> Outcome:
        assert self._runtime is not None
        # by the case's number, so that both sides ask the same server whatever they did in the cases before
        self._runtime.turn(number)
        return await self._replay.answer(self._runtime.gateway, render_refusal, number, now, case)

    def reached(self) -> Reached | None:
        if self._runtime is None:
            return None
        return reached_of(
            self._runtime.router.proxies.values(), self._runtime.shared_flows, self._replay.watch.passed
        )

    def about(self) -> Mapping[str, str]:
        told = {"kind": "bundle", "environment": self._environment.name}
        if self._stand_ins:
            told["environment"] += " with stand-in test data"
        for bundle in self._bundles:
            told[bundle.name] = f"{bundle.kind} revision {bundle.revision}, {len(bundle.policies)} policies"
        return told

    async def close(self) -> None:
        if self._runtime is not None:
            await self._runtime.close(0)
