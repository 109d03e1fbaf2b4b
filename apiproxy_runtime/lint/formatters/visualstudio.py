"""`file(line,column): severity rule : text`, which Visual Studio and MSBuild turn into links."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.places import places, severity_of, total


def render(report: Report, *, color: bool = False) -> str:
    lines = [
        f"{file.path}({problem.line},{problem.column}): {severity_of(problem).lower()} {problem.rule} : {problem.text}\n"
        for file, problem in places(report)
    ]
    return "".join(lines) + (total(report) or "no problems\n")
