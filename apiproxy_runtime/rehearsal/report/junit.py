"""The report for CI servers: JUnit XML, one test case for each case, a failure for each unexpected difference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from apiproxy_runtime.rehearsal.difference import KINDS
from apiproxy_runtime.rehearsal.journal import CaseLine
from apiproxy_runtime.rehearsal.report.words import cases, explained_words, reason
from apiproxy_runtime.rehearsal.run import Rehearsal
from apiproxy_runtime.rehearsal.tally import GroupKey, key_of

#: What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(run: Rehearsal, out: TextIO) -> None:
    """Write the test suite; an accepted difference that has run out is a failure of its own."""
    tally, expired = run.tally, run.judge.expired
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(
        f'<testsuites name="rehearsal" tests="{tally.cases + len(expired)}" failures="{tally.unexpected + len(expired)}" '
        f'time="{run.seconds:.3f}">\n'
    )
    out.write(
        f'<testsuite name={_attribute(f"{run.before.title} to {run.after.title}")} tests="{tally.cases + len(expired)}" '
        f'failures="{tally.unexpected + len(expired)}" errors="0" skipped="0" time="{run.seconds:.3f}">\n'
    )
    whys = _whys(run)
    for case in run.journal.cases() if run.journal is not None else ():
        _case(case, whys, out)
    for rule in expired:
        out.write(f'<testcase classname="accepted differences" name={_attribute(rule.id)}>')
        out.write(
            f'<failure type="expired" message={_attribute(f"ran out on {rule.expires}")}/></testcase>\n'
        )
    out.write(
        f"<system-out>{escape('; '.join(filter(None, (cases(tally.cases), explained_words(run)))))}</system-out>\n</testsuite>\n</testsuites>\n"
    )


def _case(case: CaseLine, whys: Mapping[GroupKey, str], out: TextIO) -> None:
    name = f"{case.id}: {case.name or f'{case.method} {case.path}'}"
    out.write(
        f"<testcase classname={_attribute(f'{case.method} {_folder(case.path)}')} name={_attribute(name)}"
    )
    found = [each for each in case.found if not each.rule]
    if not found:
        out.write("/>\n")
        return
    worst = max(each.severity for each in found)
    lines = [
        f"{each.face}{f' to {each.about}' if each.about else ''} {each.path}: {each.before!r} became {each.after!r} "
        f"({KINDS[each.kind]}){whys.get(key_of(each), '')}"
        for each in found
    ]
    severity = ("info", "minor", "major", "critical")[worst]
    out.write(f"><failure type={_attribute(severity)} message={_attribute(lines[0][:500])}>")
    out.write(f"{escape(_clean(chr(10).join(lines)))}</failure></testcase>\n")


def _whys(run: Rehearsal) -> dict[GroupKey, str]:
    """Why differences are there, as far as anything can tell, by their group."""
    groups = run.tally.groups if run.explains else {}
    return {key: f"; {reason(run, group) or 'not explained'}" for key, group in groups.items()}


def _folder(path: str) -> str:
    """The first parts of a path, by which CI servers group."""
    return "/".join(path.partition("?")[0].split("/")[:3]) or "/"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
