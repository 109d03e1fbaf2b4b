"""A rehearsal: each case of the traffic to both sides, one after the other, and a verdict on each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.rehearsal.aliases import Aliases
from apiproxy_runtime.rehearsal.evidence import view_of
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.journal import CaseLine, Found, Journal, found_of
from apiproxy_runtime.rehearsal.judge import Judge, Judgement
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.remarks import Remarks
from apiproxy_runtime.rehearsal.side import Reached, Side
from apiproxy_runtime.rehearsal.tally import Tally
from apiproxy_runtime.rehearsal.virtual import Clock

Progress = Callable[[int, Tally], None]
#: Takes secrets out of a text.
Hide = Callable[[str], str]


class Rehearsal(Struct):
    """What a run came to. `seconds` is real time; `remarks` are what the new side says of what it leaves out."""

    before: Side
    after: Side
    judge: Judge
    tally: Tally = field(default_factory=Tally)
    journal: Journal | None = None
    reached_before: Reached | None = None
    reached_after: Reached | None = None
    seconds: float = 0.0
    skipped: int = 0
    remarks: Remarks = field(default_factory=Remarks)

    @property
    def explains(self) -> bool:
        """Whether anything could tell why the sides differ."""
        return bool(self.remarks.above) or any(pack.known for pack in self.judge.packs)

    @property
    def passed(self) -> bool:
        """Nothing unexpected, and no acceptance that has run out."""
        return not self.tally.unexpected and not self.judge.expired


async def rehearse(
    traffic: Iterable[Exchange],
    before: Side,
    after: Side,
    twin: Side | None,
    judge: Judge,
    journal: Journal,
    *,
    clock: Clock | None = None,
    skip: Callable[[Exchange], bool] | None = None,
    progress: Progress | None = None,
    hide: Hide | None = None,
) -> Rehearsal:
    """Run the traffic through both sides, which are open. `twin` is the old side once more, to learn what is noise.

    Cases that the journal holds already are taken from it; sides that run here see their requests again, so that
    quotas, caches and tokens stand where they stood. `skip` tells cases that must not be sent; `hide` takes secrets out
    of what is kept for the report.
    """
    run = Rehearsal(before, after, judge, journal=journal)
    clock = clock or Clock()
    old_aliases, new_aliases, twin_aliases = Aliases(), Aliases(), Aliases()
    started = time.monotonic()
    done = journal.done
    for line in journal.cases() if done else ():
        run.tally.missed(line.misses)
        if run.tally.add(line.number, line.id, line.verdict, line.found) and line.views is not None:
            run.tally.views[line.number] = line.views
    for number, case in enumerate(traffic):
        now = clock.of(case.at)
        if skip is not None and skip(case):
            run.skipped += 1
            continue
        if number - run.skipped < done and not _runs_here(before) and not _runs_here(after):
            continue
        old = await _answer(before, number, now, case, old_aliases)
        second = await _answer(twin, number, now, case, twin_aliases) if twin is not None else None
        new = await _answer(after, number, now, case, new_aliases)
        if number - run.skipped < done:
            continue
        judgement = judge.judge(
            case,
            old,
            new,
            second,
            calls=before.calls_seen and after.calls_seen,
            effects=before.effects_seen and after.effects_seen and before.kind == after.kind,
        )
        line = _line(number, case, old, new, judgement, hide)
        if line.misses:
            run.tally.missed(line.misses)
        if run.tally.add(number, line.id, line.verdict, line.found):
            run.tally.views[number] = views = _views(case, old, new, hide)
            line = replace(line, views=views)
        journal.add(line)
        if progress is not None:
            progress(number + 1, run.tally)
    run.seconds = time.monotonic() - started
    run.reached_before, run.reached_after = before.reached(), after.reached()
    return run


def _runs_here(side: Side) -> bool:
    return side.kind in ("bundle", "kong")


async def _answer(side: Side, number: int, now: float, case: Exchange, aliases: Aliases) -> Outcome:
    """What the side makes of the case, sent as a client that knows the side's own tokens would send it."""
    if aliases:
        request = aliases.request(case.request)
        if request is not case.request:
            case = replace(case, request=request)
    outcome = await side.answer(number, now, case)
    if case.response is not None:
        aliases.learn(case.response, outcome.response)
    return outcome


def _line(
    number: int, case: Exchange, old: Outcome, new: Outcome, judgement: Judgement, hide: Hide | None
) -> CaseLine:
    """What became of a case, as it is kept."""
    request = case.request
    path, misses = request.target[:500], old.misses or new.misses
    found = [found_of(difference) for difference in judgement.differences]
    if hide is not None:
        path, misses = hide(path), tuple(map(hide, misses))
        found = [
            Found._make(hide(part) if isinstance(part, str) else part for part in each) for each in found
        ]
    return CaseLine(
        number,
        case.id,
        case.session,
        request.method,
        path,
        case.name,
        old.response.status if old.response is not None else 0,
        new.response.status if new.response is not None else 0,
        judgement.verdict,
        found,
        misses=misses,
    )


def _views(case: Exchange, old: Outcome, new: Outcome, hide: Hide | None) -> dict[str, Any]:
    """The evidence of a case."""
    views = view_of(case, old, new)
    if hide is not None:
        views = json.loads(hide(json.dumps(views, ensure_ascii=False)))
    return views
