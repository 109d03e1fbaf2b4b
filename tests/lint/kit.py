"""Tables of bad and good bundles for a rule:

    test_bad, test_good = table(
        "BN005",
        bad={"no step names it": Case({"policies/AM-Old.xml": '<AssignMessage name="AM-Old"/>'}, lines=[1])},
        good={"a step names it": Case({…})},
    )

A bundle that a case does not complete gets a plain proxy endpoint and target. A bare string is a condition or, where
it begins with `<`, a policy; of a condition's case the step that has it is in proxies/default.xml.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from apiproxy_runtime.lint.config import Config, Profile
from apiproxy_runtime.lint.fix import apply_fixes
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import Report, lint
from apiproxy_runtime.lint.registry import find_rule
from apiproxy_runtime.lint.result import Problem
from tests.house import proxy, target, write_bundle

_NAME = re.compile(r'^<[^>]*\bname="([^"]*)"')


@dataclass(frozen=True)
class Case:
    """One bundle, and how to lint it.

    files     path below apiproxy/ → text
    siblings  other bundles of the run: name → files (a shared flow bundle if one of them lies in sharedflows/)
    options   of the rule
    lines     of the bad: the lines of all problems, in order; None means anywhere
    says      of the bad: what the text of each problem holds
    severity  of the bad: 1 or 2, where it matters
    fixed     of the fixable: file → what it is after --fix
    """

    files: Mapping[str, str] = field(default_factory=dict)
    siblings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kind: str = "apiproxy"
    options: Mapping[str, object] = field(default_factory=dict)
    profile: Profile = "apigeex"
    lines: Sequence[int] | None = None
    says: str = ""
    severity: int | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)


def policy(xml: str, *, attached: bool = True, **case: Any) -> Case:
    """A bundle with one policy, which the proxy's PreFlow runs."""
    match = _NAME.match(xml.strip())
    name = match.group(1) if match and match.group(1) else "P-1"
    step = f"<Step><Name>{escape(name)}</Name></Step>" if attached else ""
    return Case({f"policies/{name}.xml": xml, "proxies/default.xml": proxy(request=step)}, **case)


def condition(text: str, **case: Any) -> Case:
    """A bundle with one step that has this condition (given as plain text, escaped here)."""
    step = f"<Step><Name>AM-1</Name><Condition>{escape(text)}</Condition></Step>"
    files = {
        "policies/AM-1.xml": '<AssignMessage name="AM-1"/>',
        "proxies/default.xml": proxy(request=step),
    }
    return Case(files, **case)


def endpoint(xml: str, **case: Any) -> Case:
    """A bundle whose proxy endpoint, target endpoint or shared flow this is."""
    text = xml.strip()
    if text.startswith("<SharedFlow"):
        return Case({"sharedflows/default.xml": xml}, kind="sharedflowbundle", **case)
    folder = "targets" if text.startswith("<TargetEndpoint") else "proxies"
    return Case({f"{folder}/default.xml": xml}, **case)


def report_of(rule_id: str, case: Case, folder: Path) -> Report:
    """Lint a case with one rule."""
    rule = find_rule(rule_id)
    assert rule is not None, f"no rule {rule_id}"
    main = folder / "main"
    _write(main, "api", case.files, case.kind)
    for name, files in case.siblings.items():
        shared = any(file.startswith("sharedflows/") for file in files)
        _write(folder / "siblings", name, files, "sharedflowbundle" if shared else "apiproxy")
    gathered = gather(
        [main, *([folder / "siblings"] if case.siblings else [])], profile=case.profile, compiled=False
    )
    options = {rule_id: case.options} if case.options else {}
    config = Config(profile=case.profile, options=options, preview=True, exclude=frozenset({"DEPLOY"}))
    return lint(gathered.bundles, [rule], config)


def problems_of(rule_id: str, case: Case, folder: Path) -> list[Problem]:
    """The problems that one rule finds in a case's own bundle."""
    report = report_of(rule_id, case, folder)
    return [problem for file in report.files if "/main/" in file.path for problem in file.problems]


def _write(folder: Path, name: str, files: Mapping[str, str], kind: str) -> None:
    complete = dict(files)
    if kind == "apiproxy":
        if not any(file.startswith("proxies/") for file in files):
            complete["proxies/default.xml"] = proxy()
        if not any(file.startswith("targets/") for file in files):
            complete["targets/default.xml"] = target()
    write_bundle(folder, name, complete, kind)


def table(
    rule_id: str, *, bad: Mapping[str, Case], good: Mapping[str, Case]
) -> tuple[Callable[[str], None], Callable[[str], None]]:
    """Two tests: every bad case is told at its lines and mended where it says so, every good one is let pass."""

    @pytest.mark.parametrize("name", bad)
    def test_bad(name: str) -> None:
        case = bad[name]
        with tempfile.TemporaryDirectory() as folder:
            report = report_of(rule_id, case, Path(folder))
            problems = [problem for file in report.files for problem in file.problems]
            assert problems, "nothing was found"
            assert not report.broken, problems
            if case.lines is not None:
                assert [problem.line for problem in problems] == list(case.lines)
            for problem in problems:
                assert problem.rule == rule_id
                assert problem.cure, "tell how to mend it"
                assert case.says in problem.text
                assert case.severity in (None, problem.severity)
            if case.fixed:
                apply_fixes(report)
                for file, text in case.fixed.items():
                    assert (Path(folder) / "main" / "api" / case.kind / file).read_text() == text

    @pytest.mark.parametrize("name", good)
    def test_good(name: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert problems_of(rule_id, good[name], Path(folder)) == []

    return test_bad, test_good
