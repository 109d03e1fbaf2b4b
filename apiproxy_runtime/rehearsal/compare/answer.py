"""The first face: the answer to the client."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.compare.body import compare_bodies
from apiproxy_runtime.rehearsal.compare.headers import compare_headers
from apiproxy_runtime.rehearsal.difference import Difference, Mismatch, Severity, shown
from apiproxy_runtime.rehearsal.outcome import Outcome

#: Statuses that refuse a caller.
_REFUSALS = frozenset((401, 403, 407, 429))
#: Headers whose change clients feel at once.
_GRAVE_HEADERS = frozenset(
    ("header.content-type", "header.location", "header.www-authenticate", "header.set-cookie")
)


def compare_answers(before: Outcome, after: Outcome) -> Iterator[Difference]:
    """Differences of two answers."""
    old, new = before.response, after.response
    if old is None or new is None:
        if old is not new:
            told = [f"{side.response.status}" if side.response else side.failure for side in (before, after)]
            yield Difference("answer", "", "status", "no-answer", told[0], told[1], Severity.critical)
        return
    door = _opened(before, after)
    if door:
        yield Difference("answer", "", "status", "open-door", door, _told(after), Severity.critical)
    elif old.status != new.status:
        kind, severity = _status(old.status, new.status)
        yield Difference("answer", "", "status", kind, str(old.status), str(new.status), severity)
    if old.reason and new.reason and old.reason != new.reason and old.status == new.status:
        yield Difference("answer", "", "reason", "reason", old.reason, new.reason, Severity.minor)
    for mismatch in compare_headers(old.headers, new.headers):
        severity = Severity.major if mismatch.path in _GRAVE_HEADERS else Severity.minor
        yield _difference(mismatch, severity)
    for mismatch in compare_bodies(old.headers, old.body, new.headers, new.body):
        yield _difference(mismatch, Severity.minor if mismatch.kind == "layout" else Severity.major)


def _difference(mismatch: Mismatch, severity: Severity) -> Difference:
    path, kind, before, after = mismatch
    return Difference("answer", "", path, kind, shown(before), shown(after), severity)


def _opened(before: Outcome, after: Outcome) -> str:
    """What the old side refused and the new one allows; empty when it does not.

    A side refuses with 401, 403, 407 or 429, or with any error that it gives without asking a target. The new side
    allows when it answers below 400, and also when it hands the request to a target that the old side kept from it.
    """
    old, new = before.response, after.response
    assert old is not None
    assert new is not None
    if old.status < 400 or (old.status >= 500 and _asked_target(before)):
        return ""
    kept_back = not _asked_target(before)
    refused = old.status in _REFUSALS or (old.status < 500 and kept_back and _tells_calls(before, after))
    if refused and (new.status < 400 or (kept_back and _tells_calls(before, after) and _asked_target(after))):
        return _told(before)
    return ""


def _told(side: Outcome) -> str:
    assert side.response is not None
    return f"{side.response.status}{', the request went to the target' if _asked_target(side) else ''}"


def _asked_target(side: Outcome) -> bool:
    return any(call.purpose == "target" for call in side.calls)


def _tells_calls(before: Outcome, after: Outcome) -> bool:
    """Whether both sides show what they sent upstream: both ran here."""
    return before.trace is not None and after.trace is not None


def _status(old: int, new: int) -> tuple[str, Severity]:
    if (old < 500) != (new < 500):
        return "failed", Severity.critical
    if old < 400 <= new:
        return "refused", Severity.critical
    if new < 400 <= old:
        return "status", Severity.critical
    return "status", Severity.major
