"""The third face: faults raised, log lines, and what was done to caches, counters, tokens and key value maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from apiproxy_runtime.rehearsal.difference import Difference, Severity, shown
from apiproxy_runtime.rehearsal.outcome import Effect

#: Effects that guard something: their loss is graver than another line in a log.
_GUARDS = frozenset(
    ("quota", "rolling-quota", "spike", "spike-arrest", "oauth", "fault", "kvm", "concurrent-ratelimit")
)


def compare_effects(before: Sequence[Effect], after: Sequence[Effect]) -> Iterator[Difference]:
    """Differences of the side effects of one case, kind by kind and name by name; order within a name counts."""
    if before == after:
        return
    old, new = _grouped(before), _grouped(after)
    for (kind, name), done in old.items():
        others = new.get((kind, name), [])
        if [each.what for each in done] == [each.what for each in others]:
            continue
        severity = Severity.major if kind in _GUARDS or kind.startswith("spike") else Severity.minor
        if len(done) == len(others):
            for one, other in zip(done, others, strict=True):
                if one.what != other.what:
                    yield _difference("effect-value", one, other, severity)
            continue
        for what in (Counter(each.what for each in done) - Counter(each.what for each in others)).elements():
            yield _difference("effect-missing", _first(done, what), None, severity)
        for what in (Counter(each.what for each in others) - Counter(each.what for each in done)).elements():
            yield _difference("effect-extra", None, _first(others, what), severity)
    for (kind, name), done in new.items():
        if (kind, name) not in old:
            severity = Severity.major if kind in ("fault", "oauth") else Severity.minor
            for each in done:
                yield _difference("effect-extra", None, each, severity)


def _difference(kind: str, one: Effect | None, other: Effect | None, severity: Severity) -> Difference:
    known = one or other
    assert known is not None
    return Difference(
        "effect",
        known.kind,
        known.name,
        kind,
        shown(one.what) if one is not None else "",
        shown(other.what) if other is not None else "",
        severity,
        cause_before=one.step if one is not None else "",
        cause_after=other.step if other is not None else "",
    )


def _first(effects: list[Effect], what: str) -> Effect:
    return next(effect for effect in effects if effect.what == what)


def _grouped(effects: Sequence[Effect]) -> dict[tuple[str, str], list[Effect]]:
    found: dict[tuple[str, str], list[Effect]] = {}
    for effect in effects:
        found.setdefault((effect.kind, effect.name), []).append(effect)
    return found
