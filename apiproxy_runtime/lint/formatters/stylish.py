"""For people at a terminal: problems below the name of their file, and the totals."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR

_RED, _YELLOW, _DIM, _UNDERLINE, _BOLD, _END = (
    "\x1b[31m",
    "\x1b[33m",
    "\x1b[2m",
    "\x1b[4m",
    "\x1b[1m",
    "\x1b[0m",
)


def render(report: Report, *, color: bool = False) -> str:
    """Columns: line:column, severity, text, rule."""

    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_END}" if color else text

    lines: list[str] = []
    for file in report.files:
        if not file.problems:
            continue
        lines.append(paint(_UNDERLINE, file.path))
        places = [f"{problem.line}:{problem.column}" for problem in file.problems]
        width = max(map(len, places))
        for place, problem in zip(places, file.problems, strict=True):
            severity = paint(_RED, "error  ") if problem.severity == ERROR else paint(_YELLOW, "warning")
            lines.append(
                f"  {paint(_DIM, place.rjust(width))}  {severity}  {problem.text}  {paint(_DIM, problem.rule)}"
            )
        lines.append("")
    errors, warnings = report.errors, report.warnings
    total = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    lines.append(paint(_BOLD, total))
    return "\n".join(lines) + "\n"
