"""JUnit's XML: a suite for each file, a failed case for each problem; a file without any is one case that passed."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, FileResult, Problem


def render(report: Report, *, color: bool = False) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for file in report.files:
        lines += _suite(file)
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(file: FileResult) -> list[str]:
    count = len(file.problems)
    name = quoteattr(file.path)
    lines = [
        f'  <testsuite package="apiproxy" name={name} time="0" tests="{max(count, 1)}" errors="0" failures="{count}">'
    ]
    lines += [_case(file, problem) for problem in file.problems] or [
        f'    <testcase classname={name} name={name} time="0"/>'
    ]
    return [*lines, "  </testsuite>"]


def _case(file: FileResult, problem: Problem) -> str:
    severity = "Error" if problem.severity == ERROR else "Warning"
    where = f"{file.path}:{problem.line}:{problem.column}"
    body = escape(f"{severity} at {where}: {problem.text} ({problem.rule})")
    return (
        f"    <testcase classname={quoteattr(file.path)} name={quoteattr(f'{problem.rule} at line {problem.line}')} "
        f'time="0" file={quoteattr(file.path)} line="{problem.line}">'
        f'<failure type="{severity.lower()}" message={quoteattr(problem.text)}>{body}</failure></testcase>'
    )
