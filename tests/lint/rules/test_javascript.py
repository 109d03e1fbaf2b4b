"""PO013 and PO025: the linters of others where a team has set them up, else the engine that runs the scripts.

ESLint and JSHint themselves are programs of Node.js, which the tests do not ask for: a program in their place prints
what they print, with the files it is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import lint
from apiproxy_runtime.lint.registry import find_rule
from apiproxy_runtime.lint.result import Problem
from tests.house import proxy, write_bundle

FILES = {
    "proxies/default.xml": proxy(routes='<RouteRule name="none"/>'),
    "resources/jsc/a.js": "var a = ;\n",
    "resources/jsc/b.js": "var b = 1;\n",
}
ESLINT = """
import json, sys
assert sys.argv[1:5] == ["--format", "json", "--config", sys.argv[4]]
message = {"ruleId": "semi", "severity": 1, "message": "Missing semicolon.", "line": 1, "column": 9}
broken = {"ruleId": None, "severity": 2, "message": "Parsing error: Unexpected token ;", "line": 1, "column": 9}
print(json.dumps([{"filePath": file, "messages": [broken if file.endswith("a.js") else message]} for file in sys.argv[5:]]))
sys.exit(1)
"""
JSHINT = """
import sys
for file in sys.argv[6:]:
    code = "E030" if file.endswith("a.js") else "W033"
    print(f"{file}:1:9: Something: is wrong. ({code})")
sys.exit(2)
"""


def problems(rule: str, folder: Path) -> list[Problem]:
    found = find_rule(rule)
    assert found is not None
    report = lint(gather([folder], compiled=False).bundles, [found], Config())
    return [problem for file in report.files for problem in file.problems]


def install(folder: Path, name: str, program: str) -> None:
    command = folder / "node_modules/.bin" / name
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{sys.executable}\n{program}")
    command.chmod(0o755)


def test_the_engine_judges_where_no_linter_is_set_up(tmp_path: Path) -> None:
    write_bundle(tmp_path, "scripts", FILES)
    (problem,) = problems("PO025", tmp_path)
    assert (problem.line, problem.severity) == (1, 2)
    assert "the engine of this runtime" in problem.message
    assert problems("PO013", tmp_path) == []


def test_a_script_that_a_policy_uses_is_left_to_the_trial_deploy(tmp_path: Path) -> None:
    policy = '<Javascript name="JS-A"><ResourceURL>jsc://a.js</ResourceURL></Javascript>'
    write_bundle(tmp_path, "scripts", {**FILES, "policies/JS-A.xml": policy})
    assert problems("PO025", tmp_path) == []


def test_eslint_judges_where_it_is_set_up(tmp_path: Path) -> None:
    write_bundle(tmp_path, "scripts", FILES)
    (tmp_path / "eslint.config.mjs").write_text("")
    install(tmp_path, "eslint", ESLINT)
    first, second = problems("PO025", tmp_path)
    assert (first.message, first.severity) == ("Parsing error: Unexpected token ; (syntax; ESLint)", 2)
    assert (second.message, second.severity, second.column) == ("Missing semicolon. (semi; ESLint)", 1, 9)


def test_jshint_judges_where_it_is_set_up(tmp_path: Path) -> None:
    write_bundle(tmp_path, "scripts", FILES)
    (tmp_path / ".jshintrc").write_text("{}")
    install(tmp_path, "jshint", JSHINT)
    first, second = problems("PO013", tmp_path)
    assert (first.message, first.severity) == ("Something: is wrong. (E030; JSHint)", 2)
    assert (second.message, second.severity) == ("Something: is wrong. (W033; JSHint)", 1)


@pytest.mark.parametrize(
    ("rule", "name", "config"),
    [("PO025", "eslint", "eslint.config.js"), ("PO013", "jshint", ".jshintrc")],
)
def test_a_linter_that_cannot_run_is_told(tmp_path: Path, rule: str, name: str, config: str) -> None:
    write_bundle(tmp_path, "scripts", FILES)
    (tmp_path / config).write_text("")
    install(tmp_path, name, "import sys\nprint('no such option', file=sys.stderr)\nsys.exit(2)")
    (problem,) = problems(rule, tmp_path)
    assert "could not run: no such option" in problem.message
