"""Two outcomes of one case, face by face."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.compare.answer import compare_answers
from apiproxy_runtime.rehearsal.compare.effects import compare_effects
from apiproxy_runtime.rehearsal.compare.upstream import compare_calls
from apiproxy_runtime.rehearsal.difference import Difference
from apiproxy_runtime.rehearsal.outcome import Outcome


def compare_outcomes(before: Outcome, after: Outcome, *, calls: bool, effects: bool) -> list[Difference]:
    """All differences; `calls` and `effects` say whether both sides show those faces."""
    found: list[Difference] = []
    if before.response != after.response:
        found += compare_answers(before, after)
    elif calls and before.response is not None and before.response.status >= 400:
        # an open door behind one and the same answer: the request reached a target that it did not reach before
        found += compare_answers(before, after)
    if calls and before.calls != after.calls:
        found += compare_calls(before.calls, after.calls)
    if effects and before.effects != after.effects:
        found += compare_effects(before.effects, after.effects)
    return found
