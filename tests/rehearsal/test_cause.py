"""Which step a difference is put down to."""

from __future__ import annotations

import pytest

from apiproxy_runtime.rehearsal.cause import cause_of
from apiproxy_runtime.rehearsal.difference import Difference, Severity
from apiproxy_runtime.rehearsal.outcome import Touch, Trace

CACHE = Touch("response.*", "RC-All", "apiproxy/policies/RC-All.xml:1", 0)
REFUSAL = Touch("fault", "VA-Key", "apiproxy/policies/VA-Key.xml:1", 0)
LATER_FAULT = Touch("fault", "JS-Format", "apiproxy/policies/JS-Format.xml:1", 0)
LATER_HEADER = Touch("response.header.x-a", "AM-Done", "apiproxy/policies/AM-Done.xml:1", 0)


@pytest.mark.parametrize(
    ("touches", "cause"),
    [
        ([CACHE, LATER_HEADER], "RC-All (apiproxy/policies/RC-All.xml:1)"),
        ([CACHE, LATER_FAULT], "RC-All (apiproxy/policies/RC-All.xml:1)"),
        ([REFUSAL, LATER_HEADER], "VA-Key (apiproxy/policies/VA-Key.xml:1)"),
        ([LATER_HEADER], "route rule default (apiproxy/proxies/default.xml:9)"),
    ],
)
def test_a_call_that_was_not_made_is_due_to_what_first_stood_in_its_place(
    touches: list[Touch], cause: str
) -> None:
    extra = Difference("upstream", "up.test", "call", "call-extra", "", "GET /", Severity.critical)
    trace = Trace([], touches, "route rule default (apiproxy/proxies/default.xml:9)")
    assert cause_of(extra, trace, -1) == cause
