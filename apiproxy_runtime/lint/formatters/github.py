"""Workflow commands of GitHub Actions: each problem becomes an annotation in the pull request."""

from __future__ import annotations

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.places import places
from apiproxy_runtime.lint.result import ERROR


def render(report: Report, *, color: bool = False) -> str:
    """Escapes are those of the "workflow commands" page: `%`, line ends, and in properties `:` and `,`."""
    lines = []
    for file, problem in places(report):
        command = "error" if problem.severity == ERROR else "warning"
        properties = {
            "file": file.path,
            "line": str(max(problem.line, 1)),
            "col": str(problem.column),
            "title": problem.rule,
        }
        listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        lines.append(f"::{command} {listed}::{_data(problem.text)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
