"""Test Anything Protocol, version 13: one test for each file, its problems as YAML below."""

from __future__ import annotations

import json

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, Problem


def render(report: Report, *, color: bool = False) -> str:
    """A file with warnings only is ok, as in ESLint's format."""
    lines = ["TAP version 13", f"1..{len(report.files)}"]
    for number, file in enumerate(report.files, 1):
        lines.append(f"{'not ok' if file.errors else 'ok'} {number} - {file.path}")
        if file.problems:
            first, *others = file.problems
            lines += ["  ---", *_block(first, "  ")]
            if others:
                lines.append("  messages:")
                for problem in others:
                    head, *rest = _block(problem, "      ")
                    lines += [f"    - {head.strip()}", *rest]
            lines.append("  ...")
    return "\n".join(lines) + "\n"


def _block(problem: Problem, indent: str) -> list[str]:
    severity = "error" if problem.severity == ERROR else "warning"
    data = f"{indent}  "
    return [
        f"{indent}message: {json.dumps(problem.text, ensure_ascii=False)}",
        f"{indent}severity: {severity}",
        f"{indent}data:",
        f"{data}line: {problem.line}",
        f"{data}column: {problem.column}",
        f"{data}ruleId: {problem.rule}",
    ]
