"""GitLab's code quality report, a part of Code Climate's format. Fingerprints stay when lines move."""

from __future__ import annotations

import json

from apiproxy_runtime.lint.fingerprint import fingerprints
from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR


def render(report: Report, *, color: bool = False) -> str:
    issues = [
        {
            "description": f"{problem.rule}: {problem.text}",
            "check_name": problem.rule,
            "fingerprint": fingerprint,
            "severity": "major" if problem.severity == ERROR else "minor",
            "location": {"path": file.path, "lines": {"begin": max(problem.line, 1)}},
        }
        for file, problem, fingerprint in fingerprints(report)
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"
