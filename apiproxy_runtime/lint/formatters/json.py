"""The array that ESLint and apigeelint print: every file that was looked at, with its messages."""

from __future__ import annotations

import json

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import Problem


def render(report: Report, *, color: bool = False) -> str:
    files = [
        {
            "filePath": file.path,
            "errorCount": file.errors,
            "warningCount": file.warnings,
            "fixableErrorCount": file.fixable_errors,
            "fixableWarningCount": file.fixable_warnings,
            "messages": [_message(problem) for problem in file.problems],
        }
        for file in report.files
    ]
    return json.dumps(files, indent=2, ensure_ascii=False) + "\n"


def _message(problem: Problem) -> dict[str, object]:
    message: dict[str, object] = {
        "ruleId": problem.rule,
        "severity": problem.severity,
        "message": problem.text,
        "line": problem.line,
        "column": problem.column,
        "nodeType": problem.node_type,
    }
    if problem.fix is not None:
        message["fix"] = {"range": [problem.fix.start, problem.fix.end], "text": problem.fix.text}
    return message
