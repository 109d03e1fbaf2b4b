"""The report for people at a terminal."""

from __future__ import annotations

from typing import TextIO

from apiproxy_runtime.rehearsal.report.words import (
    branch_words,
    cases,
    causes,
    face_words,
    headline,
    rule_words,
    severity_name,
    sides,
    unreached,
    verdict,
)
from apiproxy_runtime.rehearsal.run import Rehearsal

#: Groups, and lines of a list, that are printed.
MOST = 20
_LINE = 100


def write(run: Rehearsal, out: TextIO) -> None:
    """Print the summary."""
    tally = run.tally
    for which, title, about, _ in sides(run):
        out.write(f"{which.capitalize():<7} {title}  ({about})\n")
    speed = f", {tally.cases / run.seconds:,.0f} a second" if run.seconds > 0 and tally.cases else ""
    told = ", ".join(f"{count:,} {name}" for name, count in tally.verdicts.items())
    out.write(f"\n{cases(tally.cases)}: {told}  (compared: {face_words(run)}{speed})\n")
    if run.skipped:
        out.write(
            f"{cases(run.skipped)} not sent: unsafe methods go to a live side only with --allow-side-effects\n"
        )
    _groups(run, out)
    _rules(run, out)
    _misses(run, out)
    _coverage(run, out)
    for rule in run.judge.expired:
        out.write(
            f"\nExpired: the accepted difference {rule.id} ran out on {rule.expires}: decide it anew.\n"
        )
    out.write(f"\n{verdict(run)}\n")


def _groups(run: Rehearsal, out: TextIO) -> None:
    groups = [group for group in run.tally.ordered() if group.unexpected]
    for group in groups[:MOST]:
        out.write(f"\n{severity_name(group).upper():<9} {headline(group)}, in {cases(group.cases)}\n")
        cause = causes(group)
        if cause:
            out.write(f"          {cause}\n")
        example = group.examples[0]
        if example.before or example.after:
            out.write(
                f"          before: {_short(example.before)}\n          after:  {_short(example.after)}\n"
            )
        out.write(f"          case {', '.join(each.id for each in group.examples)}\n")
    if len(groups) > MOST:
        out.write(f"\n… and {len(groups) - MOST} more; --format html -o report.html shows all.\n")


def _rules(run: Rehearsal, out: TextIO) -> None:
    if not run.tally.rules:
        return
    out.write("\nExpected differences:\n")
    for rule, times in sorted(run.tally.rules.items(), key=lambda item: -item[1]):
        out.write(f"  {times:>7,}  {rule}  {rule_words(run, rule)}\n")


def _misses(run: Rehearsal, out: TextIO) -> None:
    misses = run.tally.misses
    if not misses:
        return
    out.write("\nUpstream calls that nothing recorded or mocked answers:\n")
    for miss, times in list(misses.items())[:5]:
        out.write(f"  {times:>7,}  {_short(miss)}\n")
    if len(misses) > 5:
        out.write(f"  … and {len(misses) - 5} more\n")


def _coverage(run: Rehearsal, out: TextIO) -> None:
    for which, _, _, reached in sides(run):
        if reached is None:
            continue
        got, of = reached.share()
        missing = unreached(reached)
        out.write(f"\nReached {which}: {got} of {of} flows, policies, routes and sides of conditions")
        out.write("; unproven are:\n" if missing else "\n")
        for branch in missing[:8]:
            out.write(f"  {branch_words(branch)}\n")
        if len(missing) > 8:
            out.write(f"  … and {len(missing) - 8} more\n")


def _short(text: str) -> str:
    line = " ".join(text.split()) or "(nothing)"
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
