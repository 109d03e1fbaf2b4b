"""No rule, and no compiler, takes more than linear time over what bundles may hold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import lint
from apiproxy_runtime.lint.registry import find_rules
from tests.house import proxy, steps, target, write_bundle


def condition(terms: int) -> str:
    return " or ".join(f'(h{n} = "a" and request.header.x{n} != null)' for n in range(terms // 2))


def step(name: str, text: str) -> str:
    return f"<Step><Name>{name}</Name><Condition>{escape(text)}</Condition></Step>\n"


TERMS = escape(condition(30))
AM = {"policies/AM-1.xml": '<AssignMessage name="AM-1"><Set><Verb>GET</Verb></Set></AssignMessage>'}
FLOWS = "".join(
    f'<Flow name="f{n}"><Condition>request.verb = "GET" and a = "{n}"</Condition></Flow>\n'
    for n in range(2000)
)
HEADERS = "".join(f'<Header name="h{n}">{"x" * 60}</Header>\n' for n in range(120_000))

#: Files, and the seconds of CPU that they may take with all rules and a trial deploy (about ten times what they do).
CASES: dict[str, tuple[Mapping[str, str], float]] = {
    "a condition with 30 terms": (
        {**AM, "proxies/default.xml": proxy(request=step("AM-1", condition(30)))},
        3,
    ),
    "such conditions on flows": (
        {
            "proxies/default.xml": proxy(
                flows="".join(
                    f'<Flow name="f{n}"><Condition>{TERMS} or z = {n}</Condition></Flow>' for n in range(20)
                )
            )
        },
        6,
    ),
    "5,000 steps": (
        {**AM, "proxies/default.xml": proxy(request="".join(step("AM-1", f"a = {n}") for n in range(5000)))},
        20,
    ),
    "2,000 flows": ({"proxies/default.xml": proxy(flows=FLOWS)}, 20),
    "a policy of many megabytes": (
        {
            "policies/AM-1.xml": f'<AssignMessage name="AM-1"><Set><Headers>{HEADERS}</Headers></Set></AssignMessage>',
            "proxies/default.xml": proxy(request=steps("AM-1")),
        },
        40,
    ),
    "a script of a megabyte": (
        {"resources/jsc/a.js": 'context.setVariable("a" + b, "' + "x" * 1_000_000 + '");\n' * 3},
        10,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_large_bundle_is_linted_in_bounded_time(case: str, tmp_path: Path) -> None:
    files, seconds = CASES[case]
    write_bundle(tmp_path, "api", {"targets/default.xml": target(), "proxies/default.xml": proxy(), **files})
    started = time.process_time()
    run = gather([tmp_path])
    report = lint(run.bundles, find_rules(), Config(preview=True))
    assert not report.broken
    assert time.process_time() - started < seconds
