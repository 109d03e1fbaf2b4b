"""One line for each problem, as ESLint's format of that name."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.places import places, severity_of, total


def render(report: Report, *, color: bool = False) -> str:
    lines = [
        f"{file.path}: line {problem.line}, col {problem.column}, {severity_of(problem)} - {problem.text} ({problem.rule})\n"
        for file, problem in places(report)
    ]
    return "".join(lines) + total(report)
