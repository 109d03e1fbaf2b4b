"""The report as one page that needs nothing else: a verdict for who decides, the evidence for who mends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import TextIO

from apiproxy_runtime import __version__
from apiproxy_runtime.rehearsal.judge import VERDICTS
from apiproxy_runtime.rehearsal.report.sidebyside import body_pair, calls_pair, headers_pair, steps_pair
from apiproxy_runtime.rehearsal.report.words import (
    by_cause,
    cases,
    explained_words,
    face_words,
    headline,
    rule_words,
    severity_name,
    sides,
    verdict,
)
from apiproxy_runtime.rehearsal.run import Rehearsal
from apiproxy_runtime.rehearsal.side import Reached
from apiproxy_runtime.rehearsal.tally import Example, Group, GroupKey, key_of


def write(run: Rehearsal, out: TextIO) -> None:
    """Write the page; its cases are streamed."""
    page = (resources.files("apiproxy_runtime.rehearsal.report") / "page.html").read_text(encoding="utf-8")
    numbers = {key: group.number for key, group in run.tally.groups.items()}
    parts = {
        "title": escape(f"{run.before.title} to {run.after.title}"),
        "state": _state(run),
        "verdict": escape(verdict(run)),
        "sides": _sides(run),
        "sums": _sums(run),
        "groups": "".join(_groups(run)),
        "rules": _rules(run),
        "coverage": _coverage(run),
        "run": _run(run),
    }
    before, _, after = page.partition("{{data}}")
    before = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], before)
    out.write(before)
    _data(run, numbers, out)
    out.write(after)


def _data(run: Rehearsal, numbers: dict[GroupKey, int], out: TextIO) -> None:
    """The cases and the names of the groups, for the script of the page."""
    names = [""] * len(numbers)
    for group in run.tally.groups.values():
        names[group.number] = headline(group)
    out.write(f'{{"groups":{_json(names)},"cases":[')
    separator, names_of_verdicts = "", [str(name) for name in VERDICTS]
    for case in run.journal.cases() if run.journal is not None else ():
        groups = {numbers.get(key_of(each), -1) for each in case.found}
        line = [
            case.id,
            case.method,
            case.path[:160],
            case.name,
            case.before,
            case.after,
            names_of_verdicts.index(case.verdict),
            sorted(groups - {-1}),
        ]
        out.write(f"{separator}{_json(line)}")
        separator = ",\n"
    out.write("]}")


def _json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _state(run: Rehearsal) -> str:
    tally = run.tally
    if tally.verdicts["critical"]:
        return "critical"
    return "different" if tally.unexpected or run.judge.expired else "identical"


def _sides(run: Rehearsal) -> str:
    lines = [
        f"<li>{which}: <strong>{escape(title)}</strong> <span class=soft>({escape(about)})</span></li>"
        for which, title, about, _ in sides(run)
    ]
    return f"<ul>{''.join(lines)}</ul>"


def _sums(run: Rehearsal) -> str:
    tally = run.tally
    boxes = [f"<div><dt>cases</dt><dd>{tally.cases:,}</dd></div>"]
    boxes += [
        f'<div><dt>{name}</dt><dd class="{name}">{count:,}</dd></div>'
        for name, count in tally.verdicts.items()
    ]
    bar = "".join(
        f'<span class="{name}" style="flex:{count}"></span>'
        for name, count in tally.verdicts.items()
        if count
    )
    explained = explained_words(run)
    below = f"<p>{escape(explained[:1].upper() + explained[1:])}.</p>" if explained else ""
    return f'<dl class="sums">{"".join(boxes)}</dl><div class="bar" aria-hidden="true">{bar}</div>{below}'


def _groups(run: Rehearsal) -> Iterator[str]:
    found = by_cause(run)
    if not found:
        yield "<p>None.</p>"
    for position, cause in enumerate(found):
        yield f'<section><h3><span class="tag {cause.severity}">{cause.severity}</span> '
        yield f"Made by {escape(cause.title) or 'no step of either side'}</h3>"
        if cause.reason:
            yield f"<p class=soft>Why: {escape(cause.reason)}</p>"
        elif run.explains:
            yield "<p>Not explained.</p>"
        for number, group in enumerate(cause.groups):
            yield from _group(run, group, opened=position == number == 0)
        yield "</section>"


def _group(run: Rehearsal, group: Group, *, opened: bool) -> Iterator[str]:
    name = severity_name(group)
    yield (
        f'<details id="group-{group.number}"{" open" if opened else ""}>'
        f'<summary><span class="tag {name}">{name}</span> {escape(headline(group))} '
        f"<span class=soft>· {cases(group.cases)}</span></summary><div class=inside>"
    )
    if group.key.kind == "open-door":
        yield "<p><strong>No rule can accept this.</strong></p>"
    for number, example in enumerate(group.examples):
        yield from _example(run, group, example, number)
    yield "</div></details>"


def _example(run: Rehearsal, group: Group, example: Example, number: int) -> Iterator[str]:
    view = run.tally.views.get(example.case)
    if view is None:
        yield f"<h3>Case {escape(example.id)}</h3>{_values(example)}"
        return
    request = view["request"]
    yield f"<details{' open' if number == 0 else ''}><summary>Case {escape(example.id)}: "
    yield f"{escape(request['method'])} {escape(_cut(request['url']))}</summary><div class=inside>{_values(example)}"
    before, after = view["before"], view["after"]
    if group.key.face == "answer":
        yield headers_pair("Answer", before, after)
        yield body_pair("Body", before, after)
    else:
        yield calls_pair(before, after, group.key.about)
    yield steps_pair(before, after)
    name = f"curl-{group.number}-{number}"
    yield f'<h3>To repeat it</h3><pre id="{name}">{escape(view["curl"])}</pre>'
    yield f'<button type="button" data-copy="{name}">Copy</button></div></details>'


def _values(example: Example) -> str:
    before = escape(example.before) or "<span class=soft>nothing</span>"
    after = escape(example.after) or "<span class=soft>nothing</span>"
    return (
        f"<p><code>{escape(example.path)}</code></p><div class=pair><div><h3>Before</h3><pre>{before}</pre></div>"
        f"<div><h3>After</h3><pre>{after}</pre></div></div>"
    )


def _rules(run: Rehearsal) -> str:
    lines = [
        f"<tr><td class=number>{times:,}</td><td><code>{escape(rule)}</code></td><td>{escape(rule_words(run, rule))}</td></tr>"
        for rule, times in sorted(run.tally.rules.items(), key=lambda item: -item[1])
    ]
    text = "<p>None.</p>"
    if lines:
        head = "<thead><tr><th class=number>Times</th><th>Rule</th><th>Why</th></tr></thead>"
        text = f"<div class=wide><table>{head}<tbody>{''.join(lines)}</tbody></table></div>"
    for rule in run.judge.expired:
        text += f"<p class=critical>{escape(rule.id)} ran out on {rule.expires}: decide it anew.</p>"
    unused = [rule.id for rule in run.judge.accepted if not rule.used]
    if unused:
        text += f"<p class=soft>Accepted, but never met: {escape(', '.join(unused))}</p>"
    return text


def _coverage(run: Rehearsal) -> str:
    return (
        "".join(_reached(which, reached) for which, _, _, reached in sides(run) if reached is not None)
        or "<p>Neither side shows what it does.</p>"
    )


def _reached(which: str, reached: Reached) -> str:
    got, of = reached.share()
    share = round(got / of * 100) if of else 100
    kinds: dict[str, list[int]] = {}
    for branch, times in reached.branches.items():
        sums = kinds.setdefault(branch.kind, [0, 0])
        sums[0] += bool(times)
        sums[1] += 1
    told = ", ".join(f"{each[0]} of {each[1]} {_plural(kind)}" for kind, each in kinds.items())
    lines = [
        f"<tr><td>{escape(branch.kind)}</td><td>{escape(branch.name)}</td><td>{escape(branch.way)}</td>"
        f"<td class=number>{f'{times:,}' if times else '<mark>0</mark>'}</td><td><code>{escape(branch.place)}</code></td></tr>"
        for branch, times in sorted(reached.branches.items(), key=lambda item: bool(item[1]))
    ]
    head = "<thead><tr><th>What</th><th>Name</th><th>Way</th><th class=number>Times</th><th>File</th></tr></thead>"
    return (
        f"<details><summary>{which.capitalize()}: {got} of {of} reached, {share} % ({escape(told)})</summary>"
        f"<div class='inside wide'><table>{head}<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _plural(kind: str) -> str:
    return "policies" if kind == "policy" else "sides of conditions" if kind == "condition" else f"{kind}s"


def _run(run: Rehearsal) -> str:
    tally = run.tally
    rows: list[tuple[str, str]] = [
        ("Compared", face_words(run)),
        ("Time", f"{run.seconds:.1f} s"),
        ("Made", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by apiproxy-runtime {__version__}"),
        ("Rule packs", ", ".join(f"{pack.id} ({pack.title})" for pack in run.judge.packs) or "none"),
    ]
    if run.skipped:
        rows.append(("Not sent", f"{cases(run.skipped)} with unsafe methods"))
    text = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    text = f"<table>{text}</table>"
    if tally.misses:
        lines = "".join(
            f"<tr><td class=number>{times:,}</td><td>{escape(miss)}</td></tr>"
            for miss, times in tally.misses.items()
        )
        text += f"<details><summary>Upstream calls that nothing recorded or mocked answers: {len(tally.misses)}</summary>"
        text += f"<div class=inside><table>{lines}</table></div></details>"
    return text


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
