"""Differences of all cases, grouped by where they are and what made them; a few examples of each with their evidence."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.difference import Severity
from apiproxy_runtime.rehearsal.journal import Found
from apiproxy_runtime.rehearsal.judge import VERDICTS

#: Examples of one group, each with the whole evidence of its case.
EXAMPLES = 3
#: Groups that are told apart; what comes later is counted as one.
GROUPS = 2000
#: Cases whose evidence is kept over all groups.
VIEWS = 600


class GroupKey(NamedTuple):
    """What is one difference to a reader: the same place, kind and cause in however many cases."""

    face: str
    about: str
    place: str
    kind: str
    rule: str
    cause_before: str
    cause_after: str


class Example(NamedTuple):
    """A difference in one case."""

    case: int
    id: str
    path: str
    before: str
    after: str


class Group(Struct):
    key: GroupKey
    severity: Severity
    number: int
    times: int = 0
    cases: int = 0
    last_case: int = -1
    examples: list[Example] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    raised: int = 0

    @property
    def explained_by(self) -> str:
        """The rule that tells why all of them differ; empty where none does, or not for each."""
        return next((rule for rule, times in self.known.items() if times == self.times), "")

    @property
    def unexpected(self) -> bool:
        return not self.key.rule


class Tally(Struct):
    """The sums of a run. `verdicts` counts cases, `rules` the differences that each rule covered."""

    verdicts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    views: dict[int, dict[str, Any]] = field(default_factory=dict)
    failures: int = 0

    @property
    def cases(self) -> int:
        return sum(self.verdicts.values())

    @property
    def unexpected(self) -> int:
        """Cases with a difference that nothing makes expected."""
        return self.verdicts["different"] + self.verdicts["critical"]

    @property
    def unexpected_groups(self) -> int:
        return sum(1 for group in self.groups.values() if group.unexpected)

    def add(self, number: int, id: str, verdict: str, found: list[Found]) -> bool:
        """Take in one case; whether its evidence is worth keeping as an example."""
        self.verdicts[verdict] += 1
        wanted = False
        for each in found:
            key = key_of(each)
            group = self.groups.get(key)
            if group is None:
                if len(self.groups) >= GROUPS:
                    key = GroupKey(each.face, "", "(further places)", each.kind, each.rule, "", "")
                    group = self.groups.get(key)
                if group is None:
                    group = self.groups[key] = Group(key, Severity(each.severity), len(self.groups))
            group.times += 1
            group.raised += each.raised
            if each.known:
                group.known[each.known] = group.known.get(each.known, 0) + 1
            if group.last_case != number:
                group.cases += 1
                group.last_case = number
                if len(group.examples) < EXAMPLES:
                    group.examples.append(Example(number, id, each.path, each.before, each.after))
                    wanted = wanted or group.unexpected
            if each.rule:
                self.rules[each.rule] = self.rules.get(each.rule, 0) + 1
        return wanted and len(self.views) < VIEWS

    def missed(self, misses: tuple[str, ...]) -> None:
        """Take in what no stub answered."""
        for miss in misses:
            if miss in self.misses or len(self.misses) < 200:
                self.misses[miss] = self.misses.get(miss, 0) + 1

    def ordered(self) -> list[Group]:
        """Groups, the gravest first, then those of most cases; expected ones last."""
        return sorted(
            self.groups.values(), key=lambda group: (bool(group.key.rule), -group.severity, -group.cases)
        )


def key_of(found: Found) -> GroupKey:
    """The group that a difference belongs to."""
    return GroupKey(
        found.face,
        found.about,
        found.place,
        found.kind,
        found.rule,
        found.cause_before,
        found.cause_after,
    )
