"""Generates cases for bundles: solves the conditions on the way to each branch, runs the request to see, keeps what helps.

Everything runs in this process with stubbed upstreams, a standing clock and seeded ids, so that the same bundle gives
the same cases. A case is kept when it reaches a branch that no case before it reached, or shows how something is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, ProxyEndpoint
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.exchange import Exchange, Expectation, ExpectationKind, UpstreamCall
from apiproxy_runtime.rehearsal.generate.build import furnish, scenes
from apiproxy_runtime.rehearsal.generate.credentials import credentials_of, token_requests
from apiproxy_runtime.rehearsal.generate.goals import Goal, Key, choices, goals_of
from apiproxy_runtime.rehearsal.generate.origins import origins_of
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.generate.trouble import (
    body_troubles,
    callers_of,
    key_troubles,
    missing_parts,
    paths,
    threats,
    upstream_troubles,
)
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Branch
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.stubs import Policy
from apiproxy_runtime.rehearsal.virtual import START

#: Seconds between two cases: more than a spike arrest or a quota of a minute remembers.
GAP = 61.0
#: Seconds between two cases where tokens must not expire.
TOKEN_GAP = 7.0
#: Scenes that are tried for one goal.
TRIES = 24
#: Runs of one scene until all its calls have answers; servers of a load balancer take turns.
ROUNDS = 5
#: A quota up to this size is used up.
QUOTA = 50

_KINDS: dict[str, ExpectationKind] = {
    "flow": "flow", "route": "route", "fault rule": "fault-rule", "policy": "step", "condition": "condition",
    "flow condition": "condition",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unreached:
    """A branch that no case reaches, and why."""

    branch: Branch
    why: str


@dataclass(slots=True)
class Generated:
    """The cases in order, and what they reach when they are run one after the other."""

    exchanges: list[Exchange] = field(default_factory=list)
    reached: int = 0
    branches: int = 0
    unreached: list[Unreached] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    tries: int = 0


@dataclass(slots=True)
class _Kept:
    name: str
    exchange: Exchange
    new: tuple[Branch, ...]
    gap: float


async def generate(
    bundles: Sequence[Bundle],
    environment: Environment,
    test_data: TestData,
    *,
    limit: int = 5000,
    progress: Callable[[str], None] | None = None,
) -> Generated:
    """Cases for bundles; `limit` bounds the requests that are tried. Raises DeployError."""
    explorer = _Explorer(list(bundles), environment, test_data, limit, progress or (lambda text: None))
    return await explorer.run()


class _Explorer:
    def __init__(
        self,
        bundles: list[Bundle],
        environment: Environment,
        test_data: TestData,
        limit: int,
        progress: Callable[[str], None],
    ) -> None:
        self.bundles, self.environment, self.test_data = bundles, environment, test_data
        self.limit, self.progress = limit, progress
        self.origins = origins_of(bundles, test_data)
        self.credentials = credentials_of(bundles, test_data, self.origins)
        self.gap = TOKEN_GAP if self.credentials.tokens else GAP
        self.callers = callers_of(bundles, self.origins)
        self.side = self._side("scout")
        self.now = START
        self.tries = 0
        self.covered: set[Key] = set()
        self.counts: dict[Branch, int] = {}
        self.kept: list[_Kept] = []
        self.requests: set[tuple[object, ...]] = set()
        self.bases: dict[str, Scene] = {}
        self.token = ""
        self.reasons: dict[Key, list[str]] = {}

    def _side(self, title: str) -> BundleSide:
        return BundleSide(
            title, self.bundles, self.environment, self.test_data, Findings(), Policy(on_miss="default")
        )

    async def run(self) -> Generated:
        await self.side.open()
        try:
            self.counts = self._reached()
            self.progress("flows")
            for name, scene in self._flow_scenes():
                if await self._try(name, scene) is not None:
                    self.bases[name] = scene
            await self._find_token()
            goals = list(goals_of(self.bundles))
            for number, goal in enumerate(goals):
                if number % 20 == 0:
                    self.progress(f"goal {number} of {len(goals)}, {len(self.kept)} cases")
                if goal.key not in self.covered:
                    await self._pursue(goal)
            await self._troubles(goals)
            await self._refusals()
            await self._bursts()
        finally:
            await self.side.close()
        return await self._conclude()

    # ---- running

    def _reached(self) -> dict[Branch, int]:
        reached = self.side.reached()
        return dict(reached.branches) if reached is not None else {}

    async def _outcome(self, scene: Scene, gap: float) -> tuple[Exchange, Outcome, tuple[Branch, ...]]:
        """Run a scene until each call it makes has the scene's answer: an answer may lead to calls that are new."""
        known: dict[tuple[str, str], UpstreamCall] = {}
        request = scene.request()
        for turn in range(ROUNDS):
            self.tries += 1
            self.now += gap
            before = self._reached()
            exchange = Exchange(str(self.tries), request, calls=tuple(known.values()), calls_recorded=True)
            outcome = await self.side.answer(self.tries, self.now, exchange)
            answered = _answered(outcome, scene)
            fresh = [call for call in answered if (call.request.method, call.request.url) not in known]
            if not fresh or turn == ROUNDS - 1 or not scene.answers:
                break
            known |= {(call.request.method, call.request.url): call for call in fresh}
        after = self._reached()
        passed = tuple(branch for branch, times in after.items() if times > before.get(branch, 0))
        return exchange, outcome, passed

    async def _try(
        self, name: str, scene: Scene, *, always: bool = False, gap: float | None = None
    ) -> tuple[Branch, ...] | None:
        """Run a scene, keep it when it reaches something new; what it passed, None when it was not run."""
        if self.tries >= self.limit:
            return None
        scene = scene.copy()
        self.credentials.present(scene, self.token) if not always else None
        exchange, outcome, passed = await self._outcome(scene, self.gap if gap is None else gap)
        if outcome.response is None:
            return passed
        new = tuple(branch for branch in passed if _key(branch) not in self.covered)
        request = exchange.request
        identity = (request.method, request.url, request.headers, request.body, _plans(exchange.calls), gap)
        if new or (always and identity not in self.requests):
            self.requests.add(identity)
            self.covered.update(_key(branch) for branch in new)
            self.kept.append(_Kept(name, exchange, new, self.gap if gap is None else gap))
        return passed

    # ---- what to try

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

    async def _find_token(self) -> None:
        """Ask every flow for an access token, the way clients do."""
        if not self.credentials.tokens:
            return
        for name, base in list(self.bases.items()):
            for scene in token_requests(base, self.credentials):
                exchange, outcome, passed = await self._outcome(scene, self.gap)
                token = _token_in(outcome)
                if token:
                    new = tuple(branch for branch in passed if _key(branch) not in self.covered)
                    self.covered.update(map(_key, new))
                    self.kept.append(_Kept(f"{name}: a token", exchange, new, self.gap))
                    self.token = token
                    return

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
                    if goal.key in self.covered:
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

    def _open(self, goals: Iterable[Goal]) -> set[Key]:
        return {_key(branch) for branch in self.counts} - self.covered

    async def _troubles(self, goals: list[Goal]) -> None:
        """What is still open may be what happens when something goes wrong."""
        for name, base in list(self.bases.items()):
            if not self._open(goals):
                return
            self.progress(f"troubles of {name}, {len(self.kept)} cases")
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
        self.credentials.present(presented, self.token)
        return presented

    async def _refusals(self) -> None:
        """Cases that are kept whatever they reach: wrong keys, limits, paths written in other ways."""
        seen = set[str]()
        for name, base in self.bases.items():
            scene = self._presented(base)
            for trouble, changed in key_troubles(scene, self.credentials.keys):
                await self._try(f"{name}: {trouble}", changed, always=True)
            if base.base_path not in seen:
                seen.add(base.base_path)
                self.progress(f"refusals below {base.base_path}, {len(self.kept)} cases")
                for trouble, changed in (*paths(scene), *threats(scene, self.bundles)):
                    await self._try(f"{name}: {trouble}", changed, always=True)

    async def _bursts(self) -> None:
        """The same request until a quota or a spike arrest refuses it, where that reaches something new."""
        allowed = [
            int(text)
            for bundle in self.bundles
            for policy in bundle.policies.values()
            if policy.element == "Quota"
            for node in policy.node.all("Allow")
            if (text := node.attributes.get("count", "")).isdigit() and int(text) <= QUOTA
        ]
        arrests = any(
            policy.element == "SpikeArrest" for bundle in self.bundles for policy in bundle.policies.values()
        )
        if not allowed and not arrests:
            return
        for name, base in list(self.bases.items())[:4]:
            scene = self._presented(base)
            burst: list[_Kept] = []
            fresh: list[Branch] = []
            for number in range(max([*allowed, 1]) + 1):
                if self.tries >= self.limit:
                    break
                gap = 0.001 if number else 100_000.0
                exchange, outcome, passed = await self._outcome(scene, gap)
                new = tuple(branch for branch in passed if _key(branch) not in self.covered)
                fresh += new
                self.covered.update(map(_key, new))
                burst.append(_Kept(f"{name}: request {number + 1} of a burst", exchange, new, gap))
                if outcome.response is not None and outcome.response.status == 429:
                    break
            last = burst[-1:] and burst[-1]
            if fresh or (last and name == next(iter(self.bases))):
                self.kept += burst

    # ---- the end

    async def _conclude(self) -> Generated:
        """Run what was kept in one go: answers, calls and coverage are those of the recording as it will be replayed."""
        side = self._side("final")
        await side.open()
        result = Generated(tries=self.tries, remarks=self.credentials.missing)
        now = START
        try:
            for number, kept in enumerate(self.kept):
                now = round(now + kept.gap, 3)
                outcome = await side.answer(number, now, kept.exchange)
                expected = tuple(
                    Expectation(_KINDS[branch.kind], _told(branch))
                    for branch in kept.new
                    if branch.kind in _KINDS
                )
                status = (
                    (Expectation("status", str(outcome.response.status)),)
                    if outcome.response is not None
                    else ()
                )
                result.exchanges.append(
                    replace(
                        kept.exchange,
                        id=str(number + 1),
                        response=outcome.response,
                        calls=outcome.calls,
                        at=now,
                        name=kept.name,
                        notes=("generated",),
                        expectations=(*status, *expected),
                    )
                )
            reached = side.reached()
            branches = reached.branches if reached is not None else {}
        finally:
            await side.close()
        result.branches = len(branches)
        result.reached = sum(1 for times in branches.values() if times)
        result.unreached = [
            Unreached(branch, self._why(branch)) for branch, times in branches.items() if not times
        ]
        return result

    def _why(self, branch: Branch) -> str:
        key = _key(branch)
        if key in self.covered:
            return "it was reached once, but not in the order in which the cases are replayed (state of the cases before)"
        reasons = self.reasons.get(key)
        if reasons:
            return "; ".join(reasons[:2])
        if self.tries >= self.limit:
            return f"the limit of {self.limit} requests was used up before its turn"
        if branch.kind == "fault rule":
            return "no generated request or upstream trouble raises a fault that it waits for"
        if key not in self.reasons:
            return "no flow leads to it"
        return "requests that fulfil its conditions are answered before they come to it"


def _key(branch: Branch) -> Key:
    return branch.kind, branch.name, branch.way


def _title(key: Key) -> str:
    kind, name, way = key
    return f"{kind} {name}" + ("" if way == "run" else f" is {way}")


def _told(branch: Branch) -> str:
    return branch.name if branch.way == "run" else f"{branch.name} = {branch.way}"


def _answered(outcome: Outcome, scene: Scene) -> tuple[UpstreamCall, ...]:
    """The calls that were made, with the scene's answers in place of the stubs' own."""
    by_number = {
        touch.before_call: touch.step
        for touch in (outcome.trace.touches if outcome.trace is not None else ())
        if touch.what == "call"
    }
    calls = []
    for number, call in enumerate(outcome.calls):
        caller = "target" if call.purpose == "target" else by_number.get(number, "")
        answer = scene.answers.get(caller)
        if answer is not None:
            call = replace(
                call,
                response=answer.response(),
                failure=answer.failure,
                failure_text="generated" if answer.failure else "",
            )
        calls.append(call)
    return tuple(calls)


def _plans(calls: tuple[UpstreamCall, ...]) -> tuple[object, ...]:
    return tuple((call.request.url, call.response, call.failure) for call in calls)


def _over(under: object, over: object) -> object:
    """The members of both documents; those of `over` win."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{name: _over(under.get(name), value) for name, value in over.items()}}
    return under if over is None else over


def _token_in(outcome: Outcome) -> str:
    if outcome.response is None or outcome.response.status != 200:
        return ""
    try:
        body = json.loads(outcome.response.body)
    except ValueError:
        return ""
    token = body.get("access_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else ""
