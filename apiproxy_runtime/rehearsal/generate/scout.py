"""Runs scenes in this process and keeps those that reach something new."""

from __future__ import annotations

import time

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.rehearsal.exchange import Exchange, Response, UpstreamCall
from apiproxy_runtime.rehearsal.generate.goals import Key
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Branch
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.virtual import START

#: Runs of one scene until all its calls have answers; servers of a load balancer take turns.
ROUNDS = 5


class Kept(Struct):
    """A case: what it is for, what it reached first, the seconds before it, and what the scout was answered."""

    name: str
    exchange: Exchange
    new: tuple[Branch, ...]
    gap: float
    response: Response | None


class Scout:
    """Goes ahead of the cases. `limit` bounds the requests that are tried, `seconds` the time to do so."""

    def __init__(self, side: BundleSide, limit: int, seconds: float) -> None:
        self.side = side
        self.limit, self.seconds = limit, seconds
        self.until = time.monotonic() + seconds
        self.now = START
        self.tries = 0
        self.covered: set[Key] = set()
        self.kept: list[Kept] = []
        self.requests: set[tuple[object, ...]] = set()

    def spent(self) -> str:
        """What is used up; empty while there is some of both."""
        if self.tries >= self.limit:
            return f"the limit of {self.limit} requests"
        if time.monotonic() >= self.until:
            return f"the time of {self.seconds:g} seconds"
        return ""

    def reached(self) -> dict[Branch, int]:
        reached = self.side.reached()
        return dict(reached.branches) if reached is not None else {}

    async def outcome(self, scene: Scene, gap: float) -> tuple[Exchange, Outcome, tuple[Branch, ...]]:
        """Run a scene until each call it makes has the scene's answer: an answer may lead to calls that are new."""
        known: dict[tuple[str, str], UpstreamCall] = {}
        request = scene.request()
        for turn in range(ROUNDS):
            self.tries += 1
            self.now += gap
            before = self.reached()
            exchange = Exchange(str(self.tries), request, calls=tuple(known.values()), calls_recorded=True)
            outcome = await self.side.answer(self.tries, self.now, exchange)
            answered = _answered(outcome, scene)
            fresh = [call for call in answered if (call.request.method, call.request.url) not in known]
            if not fresh or turn == ROUNDS - 1 or not scene.answers:
                break
            known |= {(call.request.method, call.request.url): call for call in fresh}
        after = self.reached()
        passed = tuple(branch for branch, times in after.items() if times > before.get(branch, 0))
        return exchange, outcome, passed

    async def attempt(
        self, name: str, scene: Scene, gap: float, *, always: bool = False
    ) -> tuple[Branch, ...] | None:
        """Run a scene, keep it when it reaches something new; what it passed, None when it was not run.

        `always` keeps it as long as no case is the same.
        """
        if self.spent():
            return None
        exchange, outcome, passed = await self.outcome(scene, gap)
        if outcome.response is None:
            return passed
        request = exchange.request
        identity = (request.method, request.url, request.headers, request.body, _plans(exchange.calls), gap)
        new = self.first(passed)
        if new or (always and identity not in self.requests):
            self.requests.add(identity)
            self.kept.append(Kept(name, exchange, new, gap, outcome.response))
        return passed

    def first(self, passed: tuple[Branch, ...]) -> tuple[Branch, ...]:
        """Those that nothing passed before; from now on they are covered."""
        new = tuple(branch for branch in passed if key_of(branch) not in self.covered)
        self.covered.update(map(key_of, new))
        return new


def key_of(branch: Branch) -> Key:
    return branch.kind, branch.name, branch.way


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
