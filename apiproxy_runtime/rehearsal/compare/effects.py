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
        if done == others:
            continue
        severity = Severity.major if kind in _GUARDS or kind.startswith("spike") else Severity.minor
        if len(done) == len(others):
            for one, other in zip(done, others, strict=True):
                if one != other:
                    yield Difference("effect", kind, name, "effect-value", shown(one), shown(other), severity)
            continue
        for what in (Counter(done) - Counter(others)).elements():
            yield Difference("effect", kind, name, "effect-missing", shown(what), "", severity)
        for what in (Counter(others) - Counter(done)).elements():
            yield Difference("effect", kind, name, "effect-extra", "", shown(what), severity)
    for (kind, name), done in new.items():
        if (kind, name) not in old:
            severity = Severity.major if kind in ("fault", "oauth") else Severity.minor
            for what in done:
                yield Difference("effect", kind, name, "effect-extra", "", shown(what), severity)


def _grouped(effects: Sequence[Effect]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for effect in effects:
        found.setdefault((effect.kind, effect.name), []).append(effect.what)
    return found
