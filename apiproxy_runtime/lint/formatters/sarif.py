"""SARIF 2.1.0, which code scanning services read: rules with their texts, fingerprints, fixes and code flows.

Source: OASIS, "Static Analysis Results Interchange Format Version 2.1.0".
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from apiproxy_runtime import __version__
from apiproxy_runtime.lint.fingerprint import fingerprints
from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, FileResult, Problem
from apiproxy_runtime.lint.rule import Rule
from apiproxy_runtime.lint.sources import Sources

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Json = dict[str, Any]


def render(report: Report, *, color: bool = False) -> str:
    rules = [_rule(rule) for rule in report.rules]
    known = {rule["id"] for rule in rules}
    results, sources = [], Sources()
    for file, problem, fingerprint in fingerprints(report):
        if problem.rule not in known:
            known.add(problem.rule)
            rules.append({"id": problem.rule, "name": problem.rule.rpartition("/")[2]})
        results.append(_result(file, problem, fingerprint, sources))
    positions = {rule["id"]: position for position, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = positions[result["ruleId"]]
    driver = {
        "name": "apiproxy lint",
        "informationUri": "https://github.com/apiproxy-runtime/apiproxy-runtime",
        "version": __version__,
        "rules": rules,
    }
    run: Json = {
        "tool": {"driver": driver},
        # columns count characters, as Python does
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": not report.broken}],
        "results": results,
    }
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _rule(rule: type[Rule]) -> Json:
    description = " ".join(rule.description().split())
    found: Json = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split()),
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": description},
        "defaultConfiguration": {"level": rule.severity},
    }
    if rule.cure:
        found["help"] = {"text": rule.cure}
    if rule.docs:
        found["helpUri"] = rule.docs
    return found


def _result(file: FileResult, problem: Problem, fingerprint: str, sources: Sources) -> Json:
    found: Json = {
        "ruleId": problem.rule,
        "level": "error" if problem.severity == ERROR else "warning",
        "message": {"text": problem.text},
        "locations": [_location(file.path, problem.line, problem.column)],
        "partialFingerprints": {"apiproxyLint/v1": fingerprint},
    }
    if problem.trail:
        steps = [
            {"location": _location(step.path, step.line, step.column) | {"message": {"text": step.text}}}
            for step in problem.trail
        ]
        found["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if problem.fix is not None:
        found["fixes"] = [_fix(file, problem, sources)]
    return found


def _location(path: str, line: int, column: int) -> Json:
    place: Json = {"artifactLocation": {"uri": quote(PurePath(path).as_posix())}}
    if line:
        place["region"] = {"startLine": line, "startColumn": max(column, 1)}
    return {"physicalLocation": place}


def _fix(file: FileResult, problem: Problem, sources: Sources) -> Json:
    """An edit, from bytes to lines and columns."""
    fix = problem.fix
    assert fix is not None
    data = "\n".join(sources.lines(file)).encode()

    def position(offset: int) -> tuple[int, int]:
        before = data[:offset].decode("utf-8", "replace")
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    (line, column), (last, end) = position(fix.start), position(fix.end)
    region = {"startLine": line, "startColumn": column, "endLine": last, "endColumn": end}
    change = {
        "artifactLocation": {"uri": quote(PurePath(file.path).as_posix())},
        "replacements": [{"deletedRegion": region, "insertedContent": {"text": fix.text}}],
    }
    return {"description": {"text": problem.cure or problem.message}, "artifactChanges": [change]}
