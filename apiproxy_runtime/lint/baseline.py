"""A file of problems that are known: a team that begins with the linter mends new ones first.

    {"version": 1, "problems": {"FINGERPRINT": {"rule": "BN005", "file": "apiproxy/policies/A.xml", "message": "…"}}}

Only the fingerprints count; rule, file and message are for whoever reads the file or a merge of two.
"""

from __future__ import annotations

import json
from pathlib import Path

from msgspec.structs import replace

from apiproxy_runtime.lint.fingerprint import fingerprints
from apiproxy_runtime.lint.linter import Report

VERSION = 1


class BaselineError(ValueError):
    """A baseline that cannot be read; the text names the file and what is wrong."""


def write_baseline(report: Report, file: Path) -> int:
    """Write down every problem but those of rules that failed; how many. Raises OSError."""
    problems = {
        fingerprint: {"rule": problem.rule, "file": result.path, "message": problem.message}
        for result, problem, fingerprint in fingerprints(report)
        if not problem.internal
    }
    known = {"version": VERSION, "problems": problems}
    file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(problems)


def read_baseline(file: Path) -> frozenset[str]:
    """The fingerprints. Raises BaselineError."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaselineError(f"{file}: {error}") from None
    problems = data.get("problems") if isinstance(data, dict) else None
    if not isinstance(problems, dict) or data.get("version") != VERSION:
        raise BaselineError(f"{file}: no baseline of version {VERSION}; write it anew with --write-baseline")
    return frozenset(problems)


def without_known(report: Report, known: frozenset[str]) -> Report:
    """The same without problems that the baseline knows."""
    old = {
        (result.path, problem)
        for result, problem, fingerprint in fingerprints(report)
        if fingerprint in known and not problem.internal
    }
    files = tuple(
        replace(file, problems=tuple(problem for problem in file.problems if (file.path, problem) not in old))
        for file in report.files
    )
    return replace(report, files=files)
