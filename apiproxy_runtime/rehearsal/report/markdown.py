"""The report for a pull request: Markdown, short enough for a comment."""

from __future__ import annotations

from typing import TextIO

from apiproxy_runtime.rehearsal.report.words import (
    branch_words,
    by_cause,
    cases,
    causes,
    explained_words,
    headline,
    reason,
    rule_words,
    severity_name,
    sides,
    unreached,
    verdict,
)
from apiproxy_runtime.rehearsal.run import Rehearsal

MOST = 30


def write(run: Rehearsal, out: TextIO) -> None:
    """Write the page."""
    tally = run.tally
    out.write(f"## Rehearsal: {_text(verdict(run))}\n\n")
    for which, title, about, _ in sides(run):
        out.write(f"- {which}: **{_text(title)}** ({_text(about)})\n")
    out.write("\n| cases | identical | expected | different | critical |\n|--:|--:|--:|--:|--:|\n")
    out.write(f"| {tally.cases:,} | {' | '.join(f'{count:,}' for count in tally.verdicts.values())} |\n")
    explained = explained_words(run)
    if explained:
        out.write(f"\n{_text(explained[:1].upper() + explained[1:])}.\n")
    groups = [group for cause in by_cause(run) for group in cause.groups]
    if groups:
        out.write(
            "\n### Unexpected differences\n\n| | where and what | before | after | cases |\n|---|---|---|---|--:|\n"
        )
    for group in groups[:MOST]:
        example = group.examples[0]
        why = reason(run, group) or ("not explained" if run.explains else "")
        cause = ": ".join(filter(None, (causes(group), why)))
        out.write(
            f"| {severity_name(group)} | {_text(headline(group))}{f'<br>{_text(cause)}' if cause else ''} "
            f"| {_code(example.before)} | {_code(example.after)} | {group.cases:,} |\n"
        )
    if len(groups) > MOST:
        out.write(f"\n… and {len(groups) - MOST} more.\n")
    if tally.rules:
        out.write(
            "\n<details><summary>Expected differences</summary>\n\n| times | rule | why |\n|--:|---|---|\n"
        )
        for rule, times in sorted(tally.rules.items(), key=lambda item: -item[1]):
            out.write(f"| {times:,} | {_code(rule)} | {_text(rule_words(run, rule))} |\n")
        out.write("\n</details>\n")
    for rule_left in run.judge.expired:
        out.write(f"\n**Expired:** {_code(rule_left.id)} ran out on {rule_left.expires}.\n")
    for which, _, _, reached in sides(run):
        if reached is not None:
            got, of = reached.share()
            out.write(f"\n<details><summary>Reached {which}: {got} of {of}</summary>\n\n")
            for branch in unreached(reached)[:100]:
                out.write(f"- {_text(branch_words(branch))}\n")
            out.write("\n</details>\n")
    out.write(f"\n{cases(tally.cases)} in {run.seconds:.1f} s.\n")


def _text(text: str) -> str:
    out = " ".join(text.split())
    for sign in ("\\", "|", "<", "*", "_", "`", "["):
        out = out.replace(sign, "&lt;" if sign == "<" else f"\\{sign}")
    return out


def _code(text: str) -> str:
    line = " ".join(text.split())[:80].replace("|", "\\|").replace("`", "'")
    return f"`{line}`" if line else ""
