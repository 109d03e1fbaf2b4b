"""Each output format: what it is for can read it, and every problem is in it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from apiproxy_runtime.bundle.archive import FolderSource
from apiproxy_runtime.lint.formatters.registry import find_formatter, formatter_names
from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, WARNING, FileResult, Fix, Problem, TrailStep
from apiproxy_runtime.lint.rules.bn005_unattached_policy import UnattachedPolicy

SOURCE = "<A>\n  <B name='x'>1 &lt; 2</B>\n</A>\n"
TEXT = 'a "quoted" <thing>, 100%: é'


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Two problems in one file, none in another, and one of a file as a whole that is not there."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.xml").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "p/clean.xml").write_text("<A/>")
    source = FolderSource(tmp_path, str(tmp_path))
    trail = (TrailStep("p/a.xml", 1, 1, "here it begins"), TrailStep("p/a.xml", 2, 3, "there it ends"))
    problems = (
        Problem("BN005", WARNING, TEXT, "Mend it.", 2, 3, "Policy", Fix(6, 8, "-"), trail=trail),
        Problem("deploy/URLMissing", ERROR, "URLMissing: no <URL>", "", 3, 1, "Deploy"),
    )
    return Report(
        (
            FileResult("p/a.xml", "p/a.xml", source, problems),
            FileResult("p/clean.xml", "p/clean.xml", source, ()),
            FileResult(
                "p/gone.xml", "p/gone.xml", source, (Problem("X1", WARNING, "gone", "", 0, 1, "File"),)
            ),
        ),
        (UnattachedPolicy,),
    )


def shown(name: str, report: Report) -> str:
    formatter = find_formatter(name)
    assert formatter is not None
    text = formatter(report)
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", sorted({*formatter_names()} - {"pdf"}))
def test_every_problem_is_told(name: str, report: Report) -> None:
    text = shown(name, report)
    for word in ("BN005", "URLMissing", "X1"):
        assert word in text, word
    assert shown(f"{name}.js", report) == text


def test_apigeelint_s_formats_are_all_there() -> None:
    theirs = "checkstyle codeclimate codeframe compact html jslint-xml json junit stylish table tap unix visualstudio pdf"
    assert set(theirs.split()) | {"sarif", "github", "gitlab", "markdown"} <= set(formatter_names())


def test_compact(report: Report) -> None:
    first = shown("compact", report).splitlines()[0]
    assert first == f"p/a.xml: line 2, col 3, Warning - {TEXT}. Mend it. (BN005)"


def test_unix(report: Report) -> None:
    assert "p/a.xml:3:1: URLMissing: no <URL> [Error/deploy/URLMissing]\n" in shown("unix", report)
    assert shown("unix", report).endswith("\n3 problems\n")


def test_visualstudio(report: Report) -> None:
    assert "p/a.xml(3,1): error deploy/URLMissing : URLMissing: no <URL>\n" in shown("visualstudio", report)


def test_github_escapes_what_would_end_a_command(report: Report) -> None:
    first = shown("github", report).splitlines()[0]
    assert first == '::warning file=p/a.xml,line=2,col=3,title=BN005::a "quoted" <thing>, 100%25: é. Mend it.'


def test_checkstyle_and_jslint_are_xml(report: Report) -> None:
    root = ElementTree.fromstring(shown("checkstyle", report).encode())
    error = root.find("file/error")
    assert error is not None
    assert (error.get("line"), error.get("column"), error.get("severity")) == ("2", "3", "warning")
    assert error.get("message") == f"{TEXT}. Mend it. (BN005)"
    issue = ElementTree.fromstring(shown("jslint-xml", report).encode()).find("file/issue")
    assert issue is not None
    assert issue.get("evidence") == "<B name='x'>1 &lt; 2</B>"


def test_junit_counts_failures_for_each_file(report: Report) -> None:
    suites = ElementTree.fromstring(shown("junit", report).encode()).findall("testsuite")
    assert [(suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("2", "2"),
        ("1", "0"),
        ("1", "1"),
    ]
    assert suites[1].find("testcase/failure") is None


def test_tap_is_a_plan_and_yaml(report: Report) -> None:
    lines = shown("tap", report).splitlines()
    assert lines[:3] == ["TAP version 13", "1..3", "not ok 1 - p/a.xml"]
    start, end = lines.index("  ---"), lines.index("  ...")
    block = yaml.safe_load("\n".join(line[2:] for line in lines[start + 1 : end]))
    assert block["data"] == {"line": 2, "column": 3, "ruleId": "BN005"}
    assert block["messages"][0]["severity"] == "error"
    assert "ok 2 - p/clean.xml" in lines
    assert "ok 3 - p/gone.xml" in lines


def test_codeframe_marks_the_place(report: Report) -> None:
    assert "> 2 |   <B name='x'>1 &lt; 2</B>\n    |   ^\n" in shown("codeframe", report)


def test_markdown_escapes_what_would_be_markup(report: Report) -> None:
    assert "\\<thing\\>" in shown("markdown", report)


def test_table_has_its_totals(report: Report) -> None:
    assert "| 1 error    |" in shown("table", report)


def test_html_needs_nothing_else_and_escapes(report: Report) -> None:
    page = shown("html", report)
    assert "&lt;thing&gt;" in page
    assert "<thing>" not in page
    assert "src=" not in page
    assert "href=" not in page


def test_gitlab_tells_problems_apart_and_keeps_fingerprints_when_lines_move(
    report: Report, tmp_path: Path
) -> None:
    issues = json.loads(shown("gitlab", report))
    assert len({issue["fingerprint"] for issue in issues}) == 3
    assert issues[0]["location"] == {"path": "p/a.xml", "lines": {"begin": 2}}
    (tmp_path / "p/a.xml").write_text("<!-- new -->\n" + SOURCE)
    moved = tuple(
        FileResult(
            file.path,
            file.file,
            file.source,
            tuple(
                Problem(p.rule, p.severity, p.message, p.cure, p.line + (p.line > 0), p.column, p.node_type)
                for p in file.problems
            ),
        )
        for file in report.files
    )
    again = json.loads(shown("gitlab", Report(moved, report.rules)))
    assert [issue["fingerprint"] for issue in again] == [issue["fingerprint"] for issue in issues]


def test_sarif_holds_rules_fixes_and_the_way_to_a_problem(report: Report) -> None:
    (run,) = json.loads(shown("sarif", report))["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    first, second, third = run["results"]
    assert [ids[result["ruleIndex"]] for result in run["results"]] == ["BN005", "deploy/URLMissing", "X1"]
    assert (first["level"], second["level"]) == ("warning", "error")
    flow = first["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in flow] == ["here it begins", "there it ends"]
    region = first["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"]
    assert region == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 5}
    assert "region" not in third["locations"][0]["physicalLocation"]


def test_pdf_is_one_and_holds_text(report: Report) -> None:
    formatter = find_formatter("pdf")
    assert formatter is not None
    pages = formatter(report)
    assert isinstance(pages, bytes)
    assert pages.startswith(b"%PDF-")
    assert pages.rstrip().endswith(b"%%EOF")
    assert len(pages) > 1000
