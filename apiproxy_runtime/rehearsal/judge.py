"""From two outcomes to a verdict: differences, made expected or not by aliases, noise, rule packs and accepted rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.kong.path import escape, normalise
from apiproxy_runtime.rehearsal.acceptance import NEVER, Facts, Pack, Rule
from apiproxy_runtime.rehearsal.aliases import Aliases
from apiproxy_runtime.rehearsal.cause import cause_of, is_of_address, is_step, raised
from apiproxy_runtime.rehearsal.compare.outcomes import compare_outcomes
from apiproxy_runtime.rehearsal.difference import Difference, Severity
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.noise import Noise
from apiproxy_runtime.rehearsal.outcome import Outcome

Verdict = Literal["identical", "expected", "different", "critical"]
VERDICTS: tuple[Verdict, ...] = ("identical", "expected", "different", "critical")


class Judgement(Struct, frozen=True):
    """What became of one case."""

    verdict: Verdict
    differences: tuple[Difference, ...] = ()


IDENTICAL = Judgement("identical")


class Judge:
    """Compares outcomes and applies the layers of what is expected. Rules that have expired cover nothing.

    elsewhere  one of the sides does not run in this process
    """

    def __init__(
        self, packs: Sequence[Pack], accepted: Sequence[Rule], today: date, *, elsewhere: bool = False
    ) -> None:
        self.noise = Noise(elsewhere)
        self.aliases = Aliases()
        self.expired = [rule for rule in accepted if rule.expired(today)]
        self._rules = [("accepted", rule) for rule in accepted if not rule.expired(today)]
        self._rules += [(pack.id, rule) for pack in packs for rule in pack.rules]
        self._known = [(pack.id, rule) for pack in packs for rule in pack.known]
        self.packs = packs
        self.accepted = accepted

    def judge(
        self,
        case: Exchange,
        before: Outcome,
        after: Outcome,
        twin: Outcome | None,
        *,
        calls: bool,
        effects: bool,
    ) -> Judgement:
        """The verdict on a case; `twin` is the old side's second run."""
        if twin is not None:
            unlike = compare_outcomes(before, twin, calls=True, effects=effects)
            if unlike:
                self.noise.learn(unlike)
        found = compare_outcomes(before, after, calls=calls, effects=effects)
        if before.response is not after.response:
            self.aliases.learn(before.response, after.response)
        if not found:
            return IDENTICAL
        asked = case.request
        request = f"{asked.method} {asked.path}"
        facts = Facts(request, _when(before, after), asked.headers, is_rewritten(asked.path))
        judged = _carried([self._judged(difference, facts, before, after) for difference in found])
        if self._known:
            judged = [replace(difference, known=self._why(difference, facts)) for difference in judged]
        worst = max((d.severity for d in judged if not d.rule), default=Severity.info)
        if worst is Severity.critical:
            return Judgement("critical", tuple(judged))
        return Judgement("different" if worst else "expected", tuple(judged))

    def _why(self, difference: Difference, facts: Facts) -> str:
        """The rule that tells why a difference is there; empty for none, and for one that is expected."""
        for pack, rule in self._known if not difference.rule else ():
            if rule.covers(difference, facts):
                return f"{pack}:{rule.id}"
        return ""

    def _judged(self, difference: Difference, facts: Facts, before: Outcome, after: Outcome) -> Difference:
        rule = "" if difference.kind in NEVER else self._rule(difference, facts)
        severity = Severity.info if rule else difference.severity
        if difference.face == "effect":
            return replace(difference, rule=rule, severity=severity)
        old = cause_of(difference, before.trace, difference.call)
        new = cause_of(difference, after.trace, difference.call_after)
        if difference.face == "upstream" and not (old or new):
            # what no step puts into a call comes with the target
            old, new = (side.trace.route if side.trace is not None else "" for side in (before, after))
        elif difference.path == "call":
            # a callout that one side alone makes is no matter of the other side's target
            old, new = (
                "" if is_step(new) and not is_step(old) and difference.call < 0 else old,
                "" if is_step(old) and not is_step(new) and difference.call_after < 0 else new,
            )
        return replace(
            difference,
            rule=rule,
            severity=severity,
            cause_before=old,
            raised=bool(old) and raised(old, before.trace),
            cause_after=new,
        )

    def _rule(self, difference: Difference, facts: Facts) -> str:
        if (
            self.aliases
            and difference.before
            and self.aliases.translate(difference.before) == difference.after
        ):
            return "noise:alias"
        noise = self.noise.covers(difference)
        if noise:
            return noise
        for pack, rule in self._rules:
            if rule.covers(difference, facts):
                rule.used += 1
                return f"{pack}:{rule.id}"
        return ""


def _carried(judged: list[Difference]) -> list[Difference]:
    """The differences; what no step made of an answer comes from the target, so that another call explains it."""
    moved = next((difference for difference in judged if _is_moved(difference)), None)
    if moved is None:
        return judged
    return [
        replace(d, cause_before=moved.cause_before, cause_after=moved.cause_after)
        if d.face == "answer" and not d.rule and not (is_step(d.cause_before) or is_step(d.cause_after))
        else d
        for d in judged
    ]


def _is_moved(difference: Difference) -> bool:
    """Whether a call went elsewhere; one that is missing is a target's only where no step made it."""
    if difference.face != "upstream" or difference.rule or not is_of_address(difference.path):
        return False
    by_step = is_step(difference.cause_before) or is_step(difference.cause_after)
    return difference.path != "call" or not by_step


def is_rewritten(path: str) -> bool:
    """Whether Kong makes another path of it before it looks for a route."""
    return escape(normalise(path)) != path


def _when(before: Outcome, after: Outcome) -> str:
    if before.response is None or after.response is None:
        return ""
    if before.response.status >= 400 and after.response.status >= 400:
        return "error"
    return "success" if before.response.status < 400 and after.response.status < 400 else ""
