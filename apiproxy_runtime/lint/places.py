"""What the formats that print a line for each problem share."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, FileResult, Problem


def places(report: Report) -> Iterator[tuple[FileResult, Problem]]:
    """Every problem with its file, in order."""
    for file in report.files:
        for problem in file.problems:
            yield file, problem


def severity_of(problem: Problem) -> str:
    return "Error" if problem.severity == ERROR else "Warning"


def total(report: Report) -> str:
    """How many there are, after an empty line; nothing where there are none."""
    count = report.errors + report.warnings
    return f"\n{count} problem{'s' * (count != 1)}\n" if count else ""
