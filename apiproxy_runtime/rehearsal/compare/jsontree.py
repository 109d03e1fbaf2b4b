"""JSON documents, by path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from apiproxy_runtime.rehearsal.difference import Mismatch

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def compare_json(before: Any, after: Any, path: str = "$") -> Iterator[Mismatch]:
    """Differences of two parsed documents. Members of objects have no order; numbers are equal when their values are."""
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            where = f"{path}.{name}" if name and _PLAIN.issuperset(name) else f"{path}[{json.dumps(name)}]"
            if name in after:
                yield from compare_json(value, after[name], where)
            else:
                yield Mismatch(where, "missing", _text(value), "")
        for name, value in after.items():
            if name not in before:
                where = (
                    f"{path}.{name}" if name and _PLAIN.issuperset(name) else f"{path}[{json.dumps(name)}]"
                )
                yield Mismatch(where, "extra", "", _text(value))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, path)
    elif _kind(before) != _kind(after):
        yield Mismatch(path, "type", _text(before), _text(after))
    elif before != after:
        yield Mismatch(path, "value", _text(before), _text(after))


def _lists(before: list[Any], after: list[Any], path: str) -> Iterator[Mismatch]:
    if before == after and not _differ_in_type(before, after):
        return
    if len(before) == len(after):
        old, new = sorted(map(_text, before)), sorted(map(_text, after))
        if old == new and list(map(_text, before)) != list(map(_text, after)):
            yield Mismatch(path, "order", _text(before), _text(after))
            return
    else:
        yield Mismatch(f"{path}.length", "length", str(len(before)), str(len(after)))
    for position, (one, other) in enumerate(zip(before, after, strict=False)):
        yield from compare_json(one, other, f"{path}[{position}]")


def _differ_in_type(before: list[Any], after: list[Any]) -> bool:
    """`True == 1` for Python; not for JSON."""
    return _text(before) != _text(after)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
