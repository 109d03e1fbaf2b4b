"""Generates cases for bundles: solves the conditions on the way to each branch, runs the request to see, keeps what helps.

Everything runs in this process with stubbed upstreams, a standing clock and seeded ids, so that the same bundle gives
the same cases. A case is kept when it reaches a branch that no case before it reached, or shows how something is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, ProxyEndpoint
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.generate.build import furnish, scenes
from apiproxy_runtime.rehearsal.generate.conclusion import Generated, absent_flows, conclude
from apiproxy_runtime.rehearsal.generate.credentials import credentials_of
from apiproxy_runtime.rehearsal.generate.goals import Goal, Key, choices, goals_of
from apiproxy_runtime.rehearsal.generate.granted import Granted
from apiproxy_runtime.rehearsal.generate.grants import issuers_of
from apiproxy_runtime.rehearsal.generate.origins import origins_of
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.generate.scout import Kept, Scout, key_of
from apiproxy_runtime.rehearsal.generate.tokens import token_troubles
from apiproxy_runtime.rehearsal.generate.trouble import (
    body_troubles,
    callers_of,
    key_troubles,
    missing_parts,
    paths,
    threats,
    upstream_troubles,
)
from apiproxy_runtime.rehearsal.mocks import answering
from apiproxy_runtime.rehearsal.side import Branch
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.standins.keypair import key_set
from apiproxy_runtime.rehearsal.stubs import Policy

#: Seconds between two cases: more than a spike arrest or a quota of a minute remembers.
GAP = 61.0
#: Seconds between two cases where tokens must not expire.
TOKEN_GAP = 7.0
#: Scenes that are tried for one goal.
TRIES = 24
#: Seconds in which to look for cases; what is found by then is what there is.
SECONDS = 60.0
#: A quota up to this size is used up.
QUOTA = 50


async def generate(
    bundles: Sequence[Bundle],
    environment: Environment,
    test_data: TestData,
    *,
    limit: int = 5000,
    seconds: float = SECONDS,
    progress: Callable[[str], None] | None = None,
    key_sets: Collection[str] = (),
) -> Generated:
    """Cases for bundles; `limit` bounds the requests that are tried, `seconds` the time. Raises DeployError.

    `key_sets` are addresses of public keys, which answer with the stand-in ones.
    """
    explorer = _Explorer(
        list(bundles), environment, test_data, limit, seconds, progress or (lambda text: None), key_sets
    )
    return await explorer.run()


class _Explorer:
    def __init__(
        self,
        bundles: list[Bundle],
        environment: Environment,
        test_data: TestData,
        limit: int,
        seconds: float,
        progress: Callable[[str], None],
        key_sets: Collection[str],
    ) -> None:
        self.bundles, self.environment, self.test_data = bundles, environment, test_data
        self.progress = progress
        mocks = [answering(address, key_set(), "the stand-in keys") for address in key_sets]
        self.policy = Policy(mocks, on_miss="default")
        self.origins = origins_of(bundles, environment, test_data, key_sets)
        self.credentials = credentials_of(bundles, environment, test_data, self.origins)
        self.gap = TOKEN_GAP if self.credentials.tokens else GAP
        self.callers = callers_of(bundles, self.origins)
        self.scout = Scout(self._side("scout"), limit, seconds)
        self.granted = Granted(self.scout, self.credentials, issuers_of(bundles, self.origins), self.gap)
        self.bases: dict[str, Scene] = {}
        self.reasons: dict[Key, list[str]] = {}

    def _side(self, title: str) -> BundleSide:
        return BundleSide(title, self.bundles, self.environment, self.test_data, Findings(), self.policy)

    async def run(self) -> Generated:
        scout = self.scout
        await scout.side.open()
        try:
            self.branches = scout.reached()
            self.progress("flows")
            for name, scene in self._flow_scenes():
                passed = await self._try(name, scene)
                if passed is not None:
                    self.bases[name] = scene
                    self.granted.passed(name, scene, passed)
            await self.granted.find()
            goals = list(goals_of(self.bundles))
            for number, goal in enumerate(goals):
                if number % 20 == 0:
                    self.progress(f"goal {number} of {len(goals)}, {len(scout.kept)} cases")
                if goal.key not in scout.covered and not scout.spent():
                    await self._pursue(goal)
            await self._troubles()
            await self._refusals()
            await self._bursts()
            spent = scout.spent()
        finally:
            await scout.side.close()
        made = await conclude(self._side("final"), scout.kept, self._why)
        made.tries = scout.tries
        made.remarks = (*absent_flows(self.bundles), *self.credentials.missing)
        if spent:
            made.remarks += (f"{spent} was used up: there may be more to find",)
        return made

    async def _try(self, name: str, scene: Scene, *, always: bool = False) -> tuple[Branch, ...] | None:
        """Have the scout run a scene, with credentials unless it is about them."""
        await self.granted.renew()
        if not always:
            scene = self._presented(scene)
        return await self.scout.attempt(name, scene, self.gap, always=always)

    def _base(self, endpoint: ProxyEndpoint) -> Scene:
        return Scene(endpoint.base_path, suffix="")

    def _flow_scenes(self) -> Iterator[tuple[str, Scene]]:
        """A scene that goes well for each flow of each endpoint."""
        for bundle in self.bundles:
            for endpoint in bundle.proxies:
                for flow, needs in choices(endpoint.flows):
                    name = (
                        f"{bundle.name}/{endpoint.name} {flow.name if flow is not None else 'without a flow'}"
                    )
                    for scene in islice(scenes(self._base(endpoint), needs, self.origins, []), 1):
                        furnish(scene, self.origins)
                        yield name, scene

    async def _pursue(self, goal: Goal) -> None:
        reasons = self.reasons.setdefault(goal.key, [])
        if goal.blocked:
            text = f"{goal.blocked} raises a fault for every request before it"
            if text not in reasons:
                reasons.append(text)
            return
        endpoints = (
            [goal.endpoint]
            if goal.endpoint is not None
            else [endpoint for bundle in self.bundles for endpoint in bundle.proxies]
        )
        for endpoint in endpoints:
            for scene in islice(scenes(self._base(endpoint), goal.needs, self.origins, reasons), TRIES):
                furnished = scene.copy()
                furnish(furnished, self.origins)
                for made in self._with_answers(furnished, scene):
                    await self._try(_title(goal.key), made)
                    if goal.key in self.scout.covered:
                        return
                for hope in scene.hopes:
                    if hope not in reasons:
                        reasons.append(hope)

    def _with_answers(self, furnished: Scene, scene: Scene) -> Iterator[Scene]:
        """The scene as solved, then with every part that policies look for filled in around what was solved."""
        merged = furnished.copy()
        merged.document = _over(furnished.document, scene.document)
        for caller, answer in scene.answers.items():
            merged.answer(caller).status = answer.status
            merged.answer(caller).headers |= answer.headers
            merged.answer(caller).text = answer.text
            merged.answer(caller).document = _over(merged.answer(caller).document, answer.document)
        yield merged
        if merged != scene:
            yield scene

    async def _troubles(self) -> None:
        """What is still open may be what happens when something goes wrong."""
        for name, base in list(self.bases.items()):
            if {key_of(branch) for branch in self.branches} <= self.scout.covered:
                return
            self.progress(f"troubles of {name}, {len(self.scout.kept)} cases")
            for told in (
                upstream_troubles(base, self.callers),
                body_troubles(base),
                missing_parts(self._presented(base)),
                key_troubles(self._presented(base), self.credentials.keys),
                threats(base, self.bundles),
            ):
                for trouble, scene in told:
                    await self._try(f"{name}: {trouble}", scene)

    def _presented(self, scene: Scene) -> Scene:
        presented = scene.copy()
        self.credentials.present(presented, self.granted.token)
        return presented

    async def _refusals(self) -> None:
        """Cases that are kept whatever they reach: wrong keys, limits, paths written in other ways."""
        seen = set[str]()
        for name, base in self.bases.items():
            scene = self._presented(base)
            for trouble, changed in key_troubles(scene, self.credentials.keys):
                await self._try(f"{name}: {trouble}", changed, always=True)
            for trouble, changed in token_troubles(scene, self.credentials.signed):
                await self._try(f"{name}: {trouble}", changed, always=True)
            if base.base_path not in seen:
                seen.add(base.base_path)
                self.progress(f"refusals below {base.base_path}, {len(self.scout.kept)} cases")
                for trouble, changed in (*paths(scene), *threats(scene, self.bundles)):
                    await self._try(f"{name}: {trouble}", changed, always=True)

    async def _bursts(self) -> None:
        """The same request until a quota or a spike arrest refuses it, where that reaches something new."""
        limits = [product.quota.limit for product in self.test_data.products if product.quota is not None]
        allowed = [
            limit
            for bundle in self.bundles
            for policy in bundle.policies.values()
            if policy.element == "Quota"
            for node in policy.node.all("Allow")
            for limit in (
                *(int(text) for text in [node.attributes.get("count", "")] if text.isdigit()),
                *(limits if node.attributes.get("countRef", "").endswith("quota.limit") else ()),
            )
            if limit <= QUOTA
        ]
        arrests = any(
            policy.element == "SpikeArrest" for bundle in self.bundles for policy in bundle.policies.values()
        )
        if not allowed and not arrests:
            return
        for name, base in list(self.bases.items())[:4]:
            scene = self._presented(base)
            burst: list[Kept] = []
            fresh: list[Branch] = []
            for number in range(max([*allowed, 1]) + 1):
                if self.scout.spent():
                    break
                gap = 0.001 if number else 100_000.0
                exchange, outcome, passed = await self.scout.outcome(scene, gap)
                new = self.scout.first(passed)
                fresh += new
                burst.append(
                    Kept(f"{name}: request {number + 1} of a burst", exchange, new, gap, outcome.response)
                )
                if outcome.response is not None and outcome.response.status == 429:
                    break
            last = burst[-1:] and burst[-1]
            if fresh or (last and name == next(iter(self.bases))):
                self.scout.kept += burst

    def _why(self, branch: Branch) -> str:
        key = key_of(branch)
        if key in self.scout.covered:
            return "it was reached once, but not in the order in which the cases are replayed (state of the cases before)"
        reasons = self.reasons.get(key)
        if reasons:
            return "; ".join(reasons[:2])
        spent = self.scout.spent()
        if spent:
            return f"{spent} was used up before its turn"
        if branch.kind == "fault rule":
            return "no generated request or upstream trouble raises a fault that it waits for"
        if key not in self.reasons:
            return "no flow leads to it"
        return "requests that fulfil its conditions are answered before they come to it"


def _title(key: Key) -> str:
    kind, name, way = key
    return f"{kind} {name}" + ("" if way == "run" else f" is {way}")


def _over(under: object, over: object) -> object:
    """The members of both documents; those of `over` win."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{name: _over(under.get(name), value) for name, value in over.items()}}
    return under if over is None else over
