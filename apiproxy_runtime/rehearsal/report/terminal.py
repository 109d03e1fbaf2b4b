"""The report for people at a terminal."""

from __future__ import annotations

from typing import TextIO

from apiproxy_runtime.rehearsal.report.words import (
    branch_words,
    by_cause,
    cases,
    face_words,
    headline,
    rule_words,
    sides,
    totals,
    unreached,
    verdict,
)
from apiproxy_runtime.rehearsal.run import Rehearsal
from apiproxy_runtime.rehearsal.side import Branch

#: Groups, and lines of a list, that are printed.
MOST = 20
#: Groups of one cause that are printed.
WITHIN = 6
_LINE = 100
_REASON = 200


def write(run: Rehearsal, out: TextIO) -> None:
    """Print the summary."""
    tally = run.tally
    for which, title, about, _ in sides(run):
        out.write(f"{which.capitalize():<7} {title}  ({about})\n")
    speed = f", {tally.cases / run.seconds:,.0f} a second" if run.seconds > 0 and tally.cases else ""
    out.write(f"\n{cases(tally.cases)}: {totals(run)}  (compared: {face_words(run)}{speed})\n")
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
    printed = 0
    for cause in by_cause(run):
        if printed >= MOST:
            break
        out.write(f"\n{cause.severity.upper():<9} {cause.title or 'made by no step of either side'}\n")
        if cause.reason:
            out.write(f"  {_short(cause.reason, _REASON)}\n")
        elif run.explains:
            out.write("  not explained\n")
        for group in cause.groups[:WITHIN]:
            printed += 1
            example = group.examples[0]
            out.write(
                f"  {headline(group)}, in {cases(group.cases)} ({', '.join(e.id for e in group.examples)})\n"
            )
            if example.before or example.after:
                out.write(f"    before: {_short(example.before)}\n    after:  {_short(example.after)}\n")
        if len(cause.groups) > WITHIN:
            printed += len(cause.groups) - WITHIN
            out.write(f"  … and {len(cause.groups) - WITHIN} more of the same cause\n")
    left = sum(1 for group in run.tally.groups.values() if group.unexpected) - printed
    if left > 0:
        out.write(f"\n… and {left} more; --format html -o report.html shows all.\n")


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
    told: list[Branch] | None = None
    for which, _, _, reached in sides(run):
        if reached is None:
            continue
        got, of = reached.share()
        missing = unreached(reached)
        out.write(f"\nReached {which}: {got} of {of} flows, policies, routes and sides of conditions")
        if missing == told:
            out.write("; the same are unproven\n" if missing else "\n")
            continue
        told = missing
        out.write("; unproven are:\n" if missing else "\n")
        for branch in missing[:8]:
            out.write(f"  {branch_words(branch)}\n")
        if len(missing) > 8:
            out.write(f"  … and {len(missing) - 8} more\n")


def _short(text: str, most: int = _LINE) -> str:
    line = " ".join(text.split()) or "(nothing)"
    return line if len(line) <= most else f"{line[: most - 1]}…"
