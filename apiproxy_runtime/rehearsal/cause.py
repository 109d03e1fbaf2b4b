"""Which step of a side made the value that differs, or which route led to it."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.difference import Difference
from apiproxy_runtime.rehearsal.outcome import Touch, Trace

#: What ends a request before its target is called.
_ANSWERS = ("fault", "response.*")


def cause_of(difference: Difference, trace: Trace | None, call: int) -> str:
    """The step that last touched what a difference of answers or calls is about; empty when none did.

    Where no step did, the route is what chose an upstream and its address. `call` is the number of the upstream call on
    that side; -1 for none, which is the work of the step that answered instead.
    """
    if trace is None:
        return ""
    touches = trace.touches
    if difference.face == "upstream" and call < 0:
        # the first of them: steps that come after it had no say any more
        return _last(touches[::-1], _ANSWERS) or trace.route
    if difference.face == "upstream":
        maker = next((touch for touch in touches if touch.what == "call" and touch.before_call == call), None)
        if maker is not None:
            return _named(maker)
        if is_of_address(difference.path):
            return _last(touches, ("target",)) or trace.route
        touches = [touch for touch in touches if touch.before_call <= call]
    cause = _last(touches, _wanted(difference))
    if cause or difference.face == "upstream" or trace.route:
        return cause
    # a bundle without target answers with the request
    return _last(touches, _of_request(difference.path))


def raised(cause: str, trace: Trace | None) -> bool:
    """Whether a step did its work by a fault."""
    return trace is not None and any(
        touch.what == "fault" and _named(touch) == cause for touch in trace.touches
    )


def is_step(cause: str) -> bool:
    """Whether a cause is a step with its place, and neither a route nor the code of a fault that no step raised."""
    return cause.endswith(")") and not cause.startswith(("route rule ", "service "))


def is_of_address(path: str) -> bool:
    """Whether a difference of calls is about where they go."""
    return path == "call" or path.startswith("url") or path == "header.host"


def _wanted(difference: Difference) -> tuple[str, ...]:
    path = difference.path
    if difference.face == "upstream":
        return _of_request(path)
    if path.startswith("header."):
        return (f"response.{path}", f"error.{path}", "response.*", "error.*", "fault")
    if path.startswith("body"):
        return ("response.body", "error.body", "response.*", "error.*", "fault")
    return ("response.start", "error.start", "response.*", "error.*", "fault")


def _of_request(path: str) -> tuple[str, ...]:
    if path.startswith("header."):
        return (f"request.{path}",)
    return ("request.body",) if path.startswith("body") else ("request.start",)


def _last(touches: list[Touch], wanted: tuple[str, ...]) -> str:
    return next((_named(touch) for touch in reversed(touches) if touch.what in wanted), "")


def _named(touch: Touch) -> str:
    return f"{touch.step} ({touch.place})" if touch.place else touch.step
