"""Checkstyle's XML, which build servers read."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR


def render(report: Report, *, color: bool = False) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<checkstyle version="4.3">']
    for file in report.files:
        lines.append(f"  <file name={quoteattr(file.path)}>")
        for problem in file.problems:
            severity = "error" if problem.severity == ERROR else "warning"
            lines.append(
                f'    <error line="{problem.line}" column="{problem.column}" severity="{severity}" '
                f"message={quoteattr(f'{problem.text} ({problem.rule})')} source={quoteattr(f'apiproxy.rules.{problem.rule}')}/>"
            )
        lines.append("  </file>")
    return "\n".join([*lines, "</checkstyle>"]) + "\n"
