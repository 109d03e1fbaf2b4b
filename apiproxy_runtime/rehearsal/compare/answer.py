"""The first face: the answer to the client."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.compare.body import compare_bodies
from apiproxy_runtime.rehearsal.compare.headers import compare_headers
from apiproxy_runtime.rehearsal.difference import Difference, Mismatch, Severity, shown
from apiproxy_runtime.rehearsal.outcome import Outcome

#: Statuses that refuse a caller.
_REFUSALS = frozenset((401, 403, 407, 429))
#: What the faults of policies (and plugins of Kong) begin with whose business it is to keep requests out.
_GUARDS = (
    "accesscontrol.",
    "keymanagement.",
    "oauth.",
    "plugins.",
    "policies.concurrentratelimit.",
    "policies.ratelimit.",
    "steps.accesscontrol.",
    "steps.assertcondition.",
    "steps.basicauthentication.",
    "steps.graphql.",
    "steps.hmac.",
    "steps.jsonthreatprotection.",
    "steps.jws.",
    "steps.jwt.",
    "steps.ldap.",
    "steps.messagevalidation.",
    "steps.oasvalidation.",
    "steps.oauth.",
    "steps.raisefault.",
    "steps.regexprotection.",
    "steps.saml.",
    "steps.sanitize.",
    "steps.verifyiam.",
    "steps.xmlthreatprotection.",
)
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

    A side refuses with 401, 403, 407 or 429, with any 4xx that it gives without asking a target, and with a 5xx when a
    policy that guards, or RaiseFault, gave it (Edge answered exceeded quotas with 500). The new side allows when it
    answers below 400, and also when it hands the request to a target that the old side kept it from.
    """
    old, new = before.response, after.response
    assert old is not None
    assert new is not None
    if old.status < 400:
        return ""
    kept_back = before.calls_known and not _asked_target(before)
    if old.status in _REFUSALS:
        refused = True
    else:
        refused = kept_back and (old.status < 500 or _guarded(before))
    if refused and (new.status < 400 or (kept_back and after.calls_known and _asked_target(after))):
        return _told(before)
    return ""


def _guarded(side: Outcome) -> bool:
    return any(effect.kind == "fault" and effect.name.startswith(_GUARDS) for effect in side.effects)


def _told(side: Outcome) -> str:
    assert side.response is not None
    return f"{side.response.status}{', the request went to the target' if _asked_target(side) else ''}"


def _asked_target(side: Outcome) -> bool:
    return any(call.purpose == "target" for call in side.calls)


def _status(old: int, new: int) -> tuple[str, Severity]:
    if (old < 500) != (new < 500):
        return "failed", Severity.critical
    if old < 400 <= new:
        return "refused", Severity.critical
    if new < 400 <= old:
        return "status", Severity.critical
    return "status", Severity.major
