"""Which step of a side made the value that differs."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.difference import Difference
from apiproxy_runtime.rehearsal.outcome import Touch, Trace


def cause_of(difference: Difference, trace: Trace | None, call: int) -> str:
    """The step that last touched what a difference of answers or calls is about; empty when none did.

    `call` is the number of the upstream call on that side, -1 for none.
    """
    if trace is None:
        return ""
    touches = trace.touches
    if difference.face == "upstream":
        if call < 0:
            return ""
        maker = next((touch for touch in touches if touch.what == "call" and touch.before_call == call), None)
        if maker is not None or difference.path == "call":
            return _named(maker)
    wanted = _wanted(difference)
    for touch in reversed(touches):
        if touch.what in wanted and (difference.face != "upstream" or touch.before_call <= call):
            return _named(touch)
    return ""


def _wanted(difference: Difference) -> tuple[str, ...]:
    path = difference.path
    if difference.face == "upstream":
        if path.startswith("header."):
            return (f"request.{path}",)
        return ("request.body",) if path.startswith("body") else ("request.start",)
    if path.startswith("header."):
        return (f"response.{path}", f"error.{path}", "response.*", "error.*", "fault")
    if path.startswith("body"):
        return ("response.body", "error.body", "response.*", "error.*", "fault")
    return ("response.start", "error.start", "response.*", "error.*", "fault")


def _named(touch: Touch | None) -> str:
    if touch is None:
        return ""
    return f"{touch.step} ({touch.place})" if touch.place else touch.step
