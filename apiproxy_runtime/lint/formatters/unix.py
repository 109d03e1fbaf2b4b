"""`file:line:column: text [Severity/rule]`, which editors and grep's users know."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.places import places, severity_of, total


def render(report: Report, *, color: bool = False) -> str:
    lines = [
        f"{file.path}:{problem.line}:{problem.column}: {problem.text} [{severity_of(problem)}/{problem.rule}]\n"
        for file, problem in places(report)
    ]
    return "".join(lines) + total(report)
