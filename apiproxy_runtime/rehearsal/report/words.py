"""What every form of the report says in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from apiproxy_runtime.rehearsal.difference import KINDS, Severity
from apiproxy_runtime.rehearsal.run import Rehearsal
from apiproxy_runtime.rehearsal.side import Branch, Reached
from apiproxy_runtime.rehearsal.tally import Group

NOISE = {
    "noise:alias": "a token or id that each side issues for itself",
    "noise:connection": "what tells of the connection, which was another where the side ran",
    "noise:layout": "the same content, written in other bytes",
    "noise:learnt": "a value that also differs between two runs of the old side",
    "noise:volatile-header": "a header that carries a time or an id of one request",
}


def verdict(run: Rehearsal) -> str:
    """The one sentence that a manager reads."""
    tally = run.tally
    if not tally.cases:
        return "Nothing was compared: the traffic holds no case."
    if tally.verdicts["critical"]:
        doors = sum(1 for group in tally.groups.values() if group.key.kind == "open-door")
        if doors:
            return "Do not move yet: the new side lets in what the old side refuses."
        return f"Do not move yet: {cases(tally.verdicts['critical'])} would break or change gravely."
    if tally.unexpected:
        return f"Not the same yet: {cases(tally.unexpected)} would be answered or passed on differently."
    if run.judge.expired:
        return "The same, but an accepted difference has run out and must be decided anew."
    if tally.verdicts["expected"]:
        return f"Ready: all {cases(tally.cases)} are the same but for differences that are expected."
    return f"Ready: all {cases(tally.cases)} are the same."


def cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"


def headline(group: Group) -> str:
    """What a group of differences is, in one line."""
    key = group.key
    where = {"answer": "answer", "upstream": f"request to {key.about}", "effect": f"{key.about} effect"}[
        key.face
    ]
    return f"{where}: {key.place}: {KINDS[key.kind]}"


def causes(group: Group) -> str:
    """Which steps made the two values; empty when neither side shows it."""
    return cause_words(group.key.cause_before, group.key.cause_after)


def cause_words(old: str, new: str) -> str:
    if not old and not new:
        return ""
    return f"{old} on both sides" if old == new else f"{old or 'no step'} before, {new or 'no step'} after"


def reason(run: Rehearsal, group: Group) -> str:
    """Why the new side differs there, as a rule pack knows or its file says; empty when neither does."""
    key = group.key
    if group.explained_by:
        return rule_words(run, group.explained_by)
    told = run.remarks.reason(
        key.place, key.kind, key.cause_before, key.cause_after, raised=group.raised == group.times
    )
    return f"the new side says: {told}" if told else ""


def unexplained(run: Rehearsal) -> list[Group]:
    """The unexpected differences that nothing tells the reason of, the gravest first."""
    return [group for group in run.tally.ordered() if group.unexpected and not reason(run, group)]


def explained_words(run: Rehearsal) -> str:
    """How many of the unexpected differences have a reason; empty where nothing could tell any, or none is unexpected."""
    count = run.tally.unexpected_groups
    if not run.explains or not count:
        return ""
    left = len(unexplained(run))
    if not left:
        return (
            f"{'all' if count > 1 else 'the'} {_differences(count)} {'are' if count > 1 else 'is'} explained"
        )
    return f"{left:,} of {_differences(count)} {'are' if left > 1 else 'is'} not explained"


def totals(run: Rehearsal) -> str:
    """How many cases got which verdict, and how many differences are explained."""
    told = ", ".join(f"{count:,} {name}" for name, count in run.tally.verdicts.items())
    return "; ".join(filter(None, (told, explained_words(run))))


def _differences(count: int) -> str:
    return f"{count:,} difference{'' if count == 1 else 's'}"


class Cause(Struct, frozen=True):
    """What was made by the same steps; `title` is empty for what no step shows, `reason` where nothing tells why."""

    title: str
    reason: str
    groups: tuple[Group, ...]

    @property
    def severity(self) -> str:
        return severity_name(self.groups[0])


def by_cause(run: Rehearsal) -> list[Cause]:
    """The unexpected differences, together with those of the same steps and reason.

    Those without a reason come first where reasons are known at all, then the gravest.
    """
    found: dict[tuple[str, str], list[Group]] = {}
    for group in run.tally.ordered():
        if group.unexpected:
            found.setdefault((causes(group), reason(run, group)), []).append(group)
    all_causes = [Cause(title, why, tuple(groups)) for (title, why), groups in found.items()]
    return sorted(all_causes, key=lambda cause: run.explains and bool(cause.reason))


def rule_words(run: Rehearsal, rule: str) -> str:
    """Why a rule makes differences expected."""
    if rule in NOISE:
        return NOISE[rule]
    pack, _, name = rule.partition(":")
    if pack == "accepted":
        for accepted in run.judge.accepted:
            if accepted.id == name:
                until = f", until {accepted.expires}" if accepted.expires else ""
                return (
                    f"{accepted.reason} (accepted{f' by {accepted.owner}' if accepted.owner else ''}{until})"
                )
    for known in run.judge.packs:
        if known.id == pack:
            for each in (*known.rules, *known.known):
                if each.id == name:
                    return f"{each.reason} (source: {each.source})"
    return ""


def severity_name(group: Group) -> str:
    return "expected" if group.key.rule else Severity(group.severity).name


def sides(run: Rehearsal) -> Iterator[tuple[str, str, str, Reached | None]]:
    """(which, title, what it is, what the traffic reached) of both sides."""
    yield "before", run.before.title, _about(run.before.about()), run.reached_before
    yield "after", run.after.title, _about(run.after.about()), run.reached_after


def _about(told: Mapping[str, str]) -> str:
    return "; ".join(value if name == "kind" else f"{name}: {value}" for name, value in told.items())


def unreached(reached: Reached) -> list[Branch]:
    """What no case came to."""
    return [branch for branch, times in reached.branches.items() if not times]


def branch_words(branch: Branch) -> str:
    way = f" is {branch.way}" if branch.way in ("true", "false") else ""
    return f"{branch.kind} {branch.name}{way}"


def face_words(run: Rehearsal) -> str:
    """What could be compared, given what the sides show."""
    faces = ["answers"]
    if run.before.calls_seen and run.after.calls_seen:
        faces.append("upstream requests")
    if run.before.effects_seen and run.after.effects_seen and run.before.kind == run.after.kind:
        faces.append("side effects")
    return ", ".join(faces)
