"""Parameters of forms and query strings: a multiset for each name."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from apiproxy_runtime.rehearsal.difference import Mismatch


def compare_form(before: str, after: str) -> Iterator[Mismatch]:
    """Differences of two `a=1&b=2` texts, by name."""
    if before == after:
        return
    old_pairs = parse_qsl(before, keep_blank_values=True)
    new_pairs = parse_qsl(after, keep_blank_values=True)
    old, new = _grouped(old_pairs), _grouped(new_pairs)
    differs = False
    for name, values in old.items():
        others = new.get(name)
        if others is None:
            differs = True
            yield Mismatch(name, "missing", ", ".join(values), "")
        elif values != others:
            differs = True
            kind = "order" if sorted(values) == sorted(others) else "value"
            yield Mismatch(name, kind, ", ".join(values), ", ".join(others))
    for name, values in new.items():
        if name not in old:
            differs = True
            yield Mismatch(name, "extra", "", ", ".join(values))
    if not differs:
        yield Mismatch("", "layout", before, after)


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
