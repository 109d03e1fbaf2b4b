"""JSLint's XML, with the line that each problem stands on as evidence."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.sources import Sources


def render(report: Report, *, color: bool = False) -> str:
    sources = Sources()
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<jslint>"]
    for file in report.files:
        lines.append(f"  <file name={quoteattr(file.path)}>")
        for problem in file.problems:
            evidence = sources.line(file, problem.line).strip()
            lines.append(
                f'    <issue line="{problem.line}" char="{problem.column}" evidence={quoteattr(evidence)} '
                f"reason={quoteattr(f'{problem.text} ({problem.rule})')}/>"
            )
        lines.append("  </file>")
    return "\n".join([*lines, "</jslint>"]) + "\n"
