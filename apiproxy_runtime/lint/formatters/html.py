"""One page that needs nothing else: totals, a filter, and the problems of each file with the lines they stand on."""

from __future__ import annotations

from collections import Counter
from html import escape
from importlib.resources import files

from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import ERROR, FileResult, Problem
from apiproxy_runtime.lint.sources import Sources


def render(report: Report, *, color: bool = False) -> str:
    folder = files("apiproxy_runtime.lint") / "page"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    sources = Sources()
    shown = [file for file in report.files if file.problems]
    body = "".join(_file(file, sources) for file in shown) or "<p class=clean>Nothing to mend.</p>"
    errors, warnings = report.errors, report.warnings
    counts = Counter(problem.rule for file in shown for problem in file.problems)
    rules = "".join(
        f"<option value={_attribute(rule)}>{escape(rule)} ({count})</option>"
        for rule, count in counts.most_common()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{errors} errors, {warnings} warnings – apiproxy lint</title><style>{style}</style></head>
<body><header><h1>apiproxy lint</h1>
<p><span class="count error">{errors} error{"s" * (errors != 1)}</span>
<span class="count warning">{warnings} warning{"s" * (warnings != 1)}</span>
<span class="count">{len(report.files)} file{"s" * (len(report.files) != 1)}</span></p>
<form><label>Rule <select id="rule"><option value="">all</option>{rules}</select></label>
<label>Severity <select id="severity"><option value="">all</option><option value="error">errors</option>
<option value="warning">warnings</option></select></label>
<label>Text <input id="text" type="search" placeholder="file or words"></label></form></header>
<main>{body}</main><script>{script}</script></body></html>
"""


def _file(file: FileResult, sources: Sources) -> str:
    rows = "".join(_problem(file, problem, sources) for problem in file.problems)
    return f"<section><h2>{escape(file.path)}</h2><ol>{rows}</ol></section>"


def _problem(file: FileResult, problem: Problem, sources: Sources) -> str:
    severity = "error" if problem.severity == ERROR else "warning"
    line = sources.line(file, problem.line).strip()
    code = f"<pre><code>{escape(line)}</code></pre>" if line else ""
    cure = f"<p class=cure>{escape(problem.cure)}</p>" if problem.cure else ""
    place = f"{problem.line}:{problem.column}" if problem.line else "file"
    return (
        f"<li class={severity} data-rule={_attribute(problem.rule)}><span class=place>{place}</span>"
        f"<div><p><b>{severity}</b> {escape(problem.message)} <a class=rule>{escape(problem.rule)}</a></p>{cure}{code}</div></li>"
    )


def _attribute(text: str) -> str:
    return f'"{escape(text, quote=True)}"'
