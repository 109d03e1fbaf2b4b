"""The report for programs: one JSON object, cases streamed. `schema` rises when members change their meaning."""

from __future__ import annotations

import json
from typing import Any, TextIO

from msgspec.structs import asdict

from apiproxy_runtime import __version__
from apiproxy_runtime.rehearsal.report.words import (
    causes,
    face_words,
    headline,
    reason,
    rule_words,
    severity_name,
    sides,
    unexplained,
    verdict,
)
from apiproxy_runtime.rehearsal.run import Rehearsal

SCHEMA = 1


def write(run: Rehearsal, out: TextIO) -> None:
    """Write the object; the cases come last, one a line."""
    head = json.dumps(summary(run), ensure_ascii=False, indent=1)
    out.write(head[:-2] + ',\n "cases": [')
    separator = "\n"
    for case in run.journal.cases() if run.journal is not None else ():
        line = {
            "id": case.id,
            "method": case.method,
            "path": case.path,
            "before": case.before,
            "after": case.after,
            "verdict": case.verdict,
            "differences": [
                {
                    "face": each.face,
                    "about": each.about,
                    "path": each.path,
                    "kind": each.kind,
                    "before": each.before,
                    "after": each.after,
                    "severity": each.severity,
                    "rule": each.rule,
                    "causeBefore": each.cause_before,
                    "causeAfter": each.cause_after,
                    "known": each.known,
                }
                for each in case.found
            ],
        }
        if case.name:
            line["name"] = case.name
        out.write(f"{separator}  {json.dumps(line, ensure_ascii=False)}")
        separator = ",\n"
    out.write("\n ]\n}\n")


def summary(run: Rehearsal) -> dict[str, Any]:
    """Everything but the cases."""
    tally = run.tally
    left = len(unexplained(run))
    return {
        "schema": SCHEMA,
        "tool": f"apiproxy-runtime {__version__}",
        "verdict": verdict(run),
        "passed": run.passed,
        "compared": face_words(run),
        "sides": {which: {"title": title, "about": about} for which, title, about, _ in sides(run)},
        "explained": None
        if not run.explains
        else {"differences": tally.unexpected_groups, "unexplained": left},
        "totals": {"cases": tally.cases, **tally.verdicts, "skipped": run.skipped},
        "seconds": round(run.seconds, 3),
        "differences": [
            {
                "headline": headline(group),
                "severity": severity_name(group),
                **group.key._asdict(),
                "causes": causes(group),
                "reason": reason(run, group),
                "cases": group.cases,
                "times": group.times,
                "examples": [example._asdict() for example in group.examples],
            }
            for group in tally.ordered()
        ],
        "accepted": [
            {"rule": rule, "times": times, "reason": rule_words(run, rule)}
            for rule, times in tally.rules.items()
        ],
        "unusedRules": [rule.id for rule in run.judge.accepted if not rule.used],
        "expiredRules": [{"id": rule.id, "expired": str(rule.expires)} for rule in run.judge.expired],
        "misses": tally.misses,
        "coverage": {
            which: None
            if reached is None
            else [{**asdict(branch), "times": times} for branch, times in reached.branches.items()]
            for which, _, _, reached in sides(run)
        },
    }
