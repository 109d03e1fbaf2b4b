"""What tells a problem from all others, and stays when lines are added above it or messages are worded anew."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import FileResult, Problem
from apiproxy_runtime.lint.sources import Sources


def fingerprints(report: Report) -> Iterator[tuple[FileResult, Problem, str]]:
    """Every problem with its file and 32 hexadecimal digits.

    Made of the rule, the file's path and the text of the line; a number tells problems apart that share all three.
    Where there is no line to read, the message stands for it.
    """
    sources, seen = Sources(), Counter[tuple[str, str, str]]()
    for file in report.files:
        for problem in file.problems:
            text = " ".join(sources.line(file, problem.line).split()) or problem.message
            key = (problem.rule, file.path, text)
            number = seen[key]
            seen[key] += 1
            yield file, problem, hashlib.sha256("\0".join((*key, str(number))).encode()).hexdigest()[:32]
