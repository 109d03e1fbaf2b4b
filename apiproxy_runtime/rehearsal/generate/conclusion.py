"""What was generated: the cases as they will be replayed, what they reach, and what they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.rehearsal.aliases import Aliases
from apiproxy_runtime.rehearsal.exchange import Exchange, Expectation, ExpectationKind
from apiproxy_runtime.rehearsal.generate.scout import Kept
from apiproxy_runtime.rehearsal.side import Branch
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.virtual import START

_KINDS: dict[str, ExpectationKind] = {
    "flow": "flow", "route": "route", "fault rule": "fault-rule", "policy": "step", "condition": "condition",
    "flow condition": "condition",
}  # fmt: skip


class Unreached(Struct, frozen=True):
    """A branch that no case reaches, and why."""

    branch: Branch
    why: str


class Generated(Struct):
    """The cases in order, and what they reach when they are run one after the other."""

    exchanges: list[Exchange] = field(default_factory=list)
    reached: int = 0
    branches: int = 0
    unreached: list[Unreached] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    tries: int = 0


async def conclude(side: BundleSide, kept: Sequence[Kept], why: Callable[[Branch], str]) -> Generated:
    """Run what was kept in one go: answers, calls and coverage are those of the recording as it will be replayed.

    `side` is opened and closed here; `why` tells of a branch that no case reaches.
    """
    result = Generated()
    now = START
    # tokens are others than those that the scout was given: requests carry the ones that are issued here
    aliases = Aliases()
    await side.open()
    try:
        for number, case in enumerate(kept):
            now = round(now + case.gap, 3)
            exchange = replace(case.exchange, request=aliases.request(case.exchange.request))
            outcome = await side.answer(number, now, exchange)
            aliases.learn(case.response, outcome.response)
            expected = tuple(
                Expectation(_KINDS[branch.kind], _told(branch))
                for branch in case.new
                if branch.kind in _KINDS
            )
            status = (
                (Expectation("status", str(outcome.response.status)),) if outcome.response is not None else ()
            )
            result.exchanges.append(
                replace(
                    exchange,
                    id=str(number + 1),
                    response=outcome.response,
                    calls=outcome.calls,
                    at=now,
                    name=case.name,
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
    result.unreached = [Unreached(branch, why(branch)) for branch, times in branches.items() if not times]
    return result


def absent_flows(bundles: Sequence[Bundle]) -> Iterator[str]:
    """The shared flows that are called and are not there, for people."""
    there = {bundle.name for bundle in bundles if bundle.kind == "sharedflowbundle"}
    called = {
        policy.node.child_text("SharedFlowBundle", "")
        for bundle in bundles
        for policy in bundle.policies.values()
        if policy.element == "FlowCallout" and policy.enabled
    }
    absent = sorted(called - there - {""})
    if absent:
        yield f"shared flows are not among the bundles, so what calls them fails: {', '.join(absent)}. Name their bundles too"


def _told(branch: Branch) -> str:
    return branch.name if branch.way == "run" else f"{branch.name} = {branch.way}"
