"""Columns with borders for each file, and the totals."""

from __future__ import annotations

from textwrap import wrap

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR

_HEAD = ("Line", "Column", "Type", "Message", "Rule")
_WIDEST = 70


def render(report: Report, *, color: bool = False) -> str:
    lines: list[str] = []
    for file in report.files:
        if file.problems:
            rows: list[tuple[str, ...]] = [
                (
                    str(problem.line),
                    str(problem.column),
                    "error" if problem.severity == ERROR else "warning",
                    problem.text,
                    problem.rule,
                )
                for problem in file.problems
            ]
            lines += [file.path, *_table(rows), ""]
    errors, warnings = report.errors, report.warnings
    lines += _table(
        [(f"{errors} error{'s' * (errors != 1)}",), (f"{warnings} warning{'s' * (warnings != 1)}",)], ()
    )
    return "\n".join(lines) + "\n"


def _table(rows: list[tuple[str, ...]], head: tuple[str, ...] = _HEAD) -> list[str]:
    cells = [[wrap(cell, _WIDEST) or [""] for cell in row] for row in ([head] if head else []) + rows]
    widths = [max(len(line) for row in cells for line in row[column]) for column in range(len(cells[0]))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [rule]
    for row in cells:
        for number in range(max(map(len, row))):
            texts = [cell[number] if number < len(cell) else "" for cell in row]
            lines.append(
                "|"
                + "|".join(f" {text.ljust(width)} " for text, width in zip(texts, widths, strict=True))
                + "|"
            )
        lines.append(rule)
    return lines
