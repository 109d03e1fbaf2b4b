"""From the parts of a JSONPath to the functions that follow it through a document.

The definite beginning of a path is a chain of steps from value to value; the rest is a row of stages from list to
list, none of them recursive, so that no document is too deep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from apiproxy_runtime.expression.jsonpath_filter import Test
from apiproxy_runtime.expression.jsonpath_functions import FUNCTIONS, FunctionFailed, descendants_count
from apiproxy_runtime.expression.jsonpath_literal import MISSING, Query, Run

Strict = Callable[[Any, Run], Any]
Stage = Callable[[list[Any], Run], list[Any]]


class Property(Struct, frozen=True):
    names: tuple[str, ...]


class Index(Struct, frozen=True):
    indexes: tuple[int, ...]


class Slice(Struct, frozen=True):
    start: int | None
    stop: int | None


class Wildcard(Struct, frozen=True):
    pass


class Scan(Struct, frozen=True):
    pass


class Filter(Struct, frozen=True):
    test: Test


class Call(Struct, frozen=True):
    name: str
    arguments: tuple[Query | list[Any], ...]


Token = Property | Index | Slice | Wildcard | Scan | Filter | Call


def build_query(tokens: list[Token], relative: bool) -> Query:
    first_call = next((i for i, token in enumerate(tokens) if isinstance(token, Call)), -1)
    if first_call > 0 and isinstance(tokens[0], Scan):
        # `$..x.sum()` means the sum of all that `$..x` finds, not one sum for each hit.
        call = tokens[first_call]
        assert isinstance(call, Call)
        strict = [_call_on_hits(call, build_query(tokens[:first_call], relative))]
        position = first_call + 1
    else:
        strict, position = [], 0
    keys = list[str | int]()
    while position < len(tokens):
        token = tokens[position]
        last = position == len(tokens) - 1
        if isinstance(token, Property) and len(token.names) == 1:
            keys.append(token.names[0])
        elif isinstance(token, Index) and len(token.indexes) == 1:
            keys.append(token.indexes[0])
        elif isinstance(token, Property) and last:
            strict += [*_keys_step(keys), _merge_step(token.names)]
            keys = []
        elif isinstance(token, Call):
            strict += [*_keys_step(keys), _call_step(token)]
            keys = []
        else:
            break
        position += 1
    rest = tokens[position:]
    if not rest and not strict:
        simple = key_reader(tuple(keys))
        member = keys[0] if keys and isinstance(keys[0], str) else None
        return Query(True, relative, lambda item, run: simple(item), simple, member=member)
    strict += _keys_step(keys)
    if not rest:
        return Query(True, relative, _chain(strict))
    stages = _stages(rest)
    first = rest[0]
    needs_list = isinstance(first, (Slice, Index))
    needs_object = isinstance(first, Property)
    needs_container = isinstance(first, Filter)
    begin = _chain(strict)
    prefix = keys if len(keys) == position else []

    def evaluate(item: Any, run: Run) -> Any:
        value = begin(item, run)
        kind = value.__class__
        if value is MISSING:
            return [] if _runs_out(prefix, item) else MISSING
        if (
            (needs_list and kind is not list)
            or (needs_object and kind is not dict)
            or (needs_container and kind is not dict and kind is not list)
        ):
            return MISSING
        hits = [value]
        try:
            for stage in stages:
                hits = stage(hits, run)
        except FunctionFailed:
            return MISSING
        return hits

    needs_hit = isinstance(tokens[-1], Property) and not any(isinstance(token, Scan) for token in tokens)
    plain = not any(isinstance(token, (Filter, Call)) for token in tokens)
    return Query(False, relative, evaluate, None, needs_hit, plain)


def _runs_out(keys: list[str | int], value: Any) -> bool:
    """Whether the keys fail at an index beyond its list: Jayway then finds nothing, but does not object."""
    for key in keys:
        found = key_reader((key,))(value)
        if found is MISSING:
            return isinstance(key, int) and value.__class__ is list
        value = found
    return False


def key_reader(keys: tuple[str | int, ...]) -> Callable[[Any], Any]:
    """A generated function that follows object keys and list indexes, and answers MISSING where one fails."""
    if not keys:
        return lambda value: value
    if len(keys) == 1:
        return _one_key_reader(keys[0])
    lines = ["def read(value):", "    try:"]
    for key in keys:
        if isinstance(key, int):
            # Text can be indexed in Python, but is no list in JSON.
            lines.append("        if value.__class__ is not list: return MISSING")
        lines.append(f"        value = value[{key!r}]")
    lines += [
        "        return value",
        "    except (KeyError, IndexError, TypeError):",
        "        return MISSING",
    ]
    scope: dict[str, Any] = {"MISSING": MISSING}
    exec(compile("\n".join(lines), "<jsonpath>", "exec"), scope)
    read: Callable[[Any], Any] = scope["read"]
    return read


def _one_key_reader(key: str | int) -> Callable[[Any], Any]:
    if isinstance(key, str):
        return lambda value: value.get(key, MISSING) if value.__class__ is dict else MISSING

    def read(value: Any) -> Any:
        return value[key] if value.__class__ is list and -len(value) <= key < len(value) else MISSING

    return read


def _keys_step(keys: list[str | int]) -> list[Strict]:
    if not keys:
        return []
    read = key_reader(tuple(keys))
    return [lambda value, run: read(value)]


def _chain(steps: list[Strict]) -> Strict:
    if not steps:
        return lambda value, run: value
    if len(steps) == 1:
        return steps[0]

    def follow(value: Any, run: Run) -> Any:
        for step in steps:
            value = step(value, run)
            if value is MISSING:
                break
        return value

    return follow


def _merge_step(names: tuple[str, ...]) -> Strict:
    def merge(value: Any, run: Run) -> Any:
        if value.__class__ is not dict:
            return MISSING
        return {name: value[name] for name in names if name in value}

    return merge


def _call_step(call: Call) -> Strict:
    function = FUNCTIONS[call.name]

    def apply(value: Any, run: Run) -> Any:
        try:
            return function(value, [_argument(argument, run) for argument in call.arguments])
        except FunctionFailed:
            return MISSING

    return apply


def _call_on_hits(call: Call, query: Query) -> Strict:
    function = FUNCTIONS[call.name]
    counts = call.name in ("length", "size")

    def apply(value: Any, run: Run) -> Any:
        hits = query.evaluate(value, run)
        try:
            return descendants_count(hits) if counts else function(hits, [])
        except FunctionFailed:
            return MISSING

    return apply


def _argument(argument: Query | list[Any], run: Run) -> list[Any]:
    if isinstance(argument, list):
        return argument
    value = argument.evaluate(run.root, run)
    if value is MISSING:
        raise FunctionFailed
    return value if value.__class__ is list else [value]


def _stages(tokens: list[Token]) -> list[Stage]:
    stages, scanned = list[Stage](), False
    for position, token in enumerate(tokens):
        last = position == len(tokens) - 1
        if isinstance(token, Scan):
            stages.append(_containers)
        elif isinstance(token, Property):
            stages.append(_property_stage(token.names, last, scanned))
        elif isinstance(token, Index):
            stages.append(_index_stage(token.indexes))
        elif isinstance(token, Slice):
            stages.append(_slice_stage(token))
        elif isinstance(token, Wildcard):
            stages.append(_children)
        elif isinstance(token, Filter):
            stages.append(_scan_filter_stage(token.test) if scanned else _filter_stage(token.test))
        else:
            stages.append(_call_stage(token))
        scanned = isinstance(token, Scan)
    return stages


def _containers(values: list[Any], run: Run) -> list[Any]:
    """Every object and list in the values and below, parents first, without recursion."""
    found, waiting = list[Any](), values[::-1]
    while waiting:
        value = waiting.pop()
        kind = value.__class__
        if kind is dict:
            children = reversed(value.values())
        elif kind is list:
            children = reversed(value)
        else:
            continue
        found.append(value)
        waiting += [child for child in children if child.__class__ is dict or child.__class__ is list]
    return found


def _children(values: list[Any], run: Run) -> list[Any]:
    found = list[Any]()
    for value in values:
        if value.__class__ is list:
            found += value
        elif value.__class__ is dict:
            found += value.values()
    return found


def _property_stage(names: tuple[str, ...], last: bool, scanned: bool) -> Stage:
    if len(names) == 1:
        name = names[0]
        return lambda values, run: [v[name] for v in values if v.__class__ is dict and name in v]
    if not last:
        return lambda values, run: [v[n] for v in values if v.__class__ is dict for n in names if n in v]

    def merge(values: list[Any], run: Run) -> list[Any]:
        objects = [v for v in values if v.__class__ is dict]
        if scanned:
            objects = [v for v in objects if all(n in v for n in names)]
        return [{n: v[n] for n in names if n in v} for v in objects]

    return merge


def _index_stage(indexes: tuple[int, ...]) -> Stage:
    return lambda values, run: [
        value[index]
        for value in values
        if value.__class__ is list
        for index in indexes
        if -len(value) <= index < len(value)
    ]


def _slice_stage(token: Slice) -> Stage:
    start, stop = token.start, token.stop
    if start is None or stop is None:
        part = slice(start, stop)
        return lambda values, run: [
            item for value in values if value.__class__ is list for item in value[part]
        ]
    # Closed on both sides, it counts up from one number to the other, each an index that may be negative.
    return lambda values, run: [
        value[index]
        for value in values
        if value.__class__ is list
        for index in range(max(start, -len(value)), min(stop, len(value)))
    ]


def _filter_stage(test: Test) -> Stage:
    def keep(values: list[Any], run: Run) -> list[Any]:
        found = list[Any]()
        for value in values:
            if value.__class__ is list:
                found += [item for item in value if test(item, run)]
            elif value.__class__ is dict and test(value, run):
                found.append(value)
        return found

    return keep


def _scan_filter_stage(test: Test) -> Stage:
    def keep(values: list[Any], run: Run) -> list[Any]:
        # A list that fails the test is not searched from above: its elements are visited themselves.
        found = list[Any]()
        for value in values:
            if test(value, run):
                found += [item for item in value if test(item, run)] if value.__class__ is list else [value]
        return found

    return keep


def _call_stage(call: Call) -> Stage:
    function = FUNCTIONS[call.name]

    def apply(values: list[Any], run: Run) -> list[Any]:
        arguments = [_argument(argument, run) for argument in call.arguments]
        return [function(value, arguments) for value in values]

    return apply
