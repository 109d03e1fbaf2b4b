"""Tables for a comment in a merge request, one for each file with problems."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR


def render(report: Report, *, color: bool = False) -> str:
    errors, warnings = report.errors, report.warnings
    lines = [f"**{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}**", ""]
    for file in report.files:
        if not file.problems:
            continue
        lines += [f"### {_cell(file.path)}", "", "| Line | | Rule | Problem |", "|--:|---|---|---|"]
        lines += [
            f"| {problem.line or ''} | {'error' if problem.severity == ERROR else 'warning'} | {problem.rule} "
            f"| {_cell(problem.text)} |"
            for problem in file.problems
        ]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _cell(text: str) -> str:
    """Text that Markdown leaves as it is."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
