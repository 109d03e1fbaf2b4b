"""The functions a JSONPath may end in: `.length()`, `.sum()` …

Each takes the value before it and its arguments (each a list: a path argument gives its hits, a literal itself)
and returns a JSON value. Table "Functions" of the JsonPath project's README.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.message.text import text_of

Function = Callable[[Any, list[list[Any]]], Any]


class FunctionFailed(Exception):
    """The function cannot be applied: the smallest of no numbers, the tenth of three."""


def _numbers(value: Any, arguments: list[list[Any]]) -> list[float]:
    lists = [value] if value.__class__ is list else []
    found = [float(n) for part in [*lists, *arguments] for n in part if n.__class__ in (int, float)]
    if not found:
        raise FunctionFailed
    return found


def _mean(value: Any, arguments: list[list[Any]]) -> float:
    numbers = _numbers(value, arguments)
    return sum(numbers) / len(numbers)


def _deviation(value: Any, arguments: list[list[Any]]) -> float:
    numbers = _numbers(value, arguments)
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    return float(variance**0.5)


def _length(value: Any, arguments: list[list[Any]]) -> int | None:
    if arguments:
        return len(arguments[0])
    return len(value) if value.__class__ in (list, dict) else None


def _keys(value: Any, arguments: list[list[Any]]) -> list[str] | None:
    return list(value) if value.__class__ is dict else None


def _concat(value: Any, arguments: list[list[Any]]) -> str:
    own = [item for item in value if item.__class__ is str] if value.__class__ is list else []
    return "".join(own + [text_of(item) for part in arguments for item in part if item is not None])


def _append(value: Any, arguments: list[list[Any]]) -> Any:
    if value.__class__ is not list:
        return value
    return value + [item for part in arguments for item in part]


def _item(value: Any, index: int) -> Any:
    if value.__class__ is not list or not -len(value) <= index < len(value):
        raise FunctionFailed
    return value[index]


def _index(value: Any, arguments: list[list[Any]]) -> Any:
    number = arguments[0][0] if arguments and arguments[0] else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise FunctionFailed
    return _item(value, number)


def descendants_count(hits: Any) -> int:
    """How many members the hits of `$..x` have together, which is what `$..x.length()` asks for."""
    if hits.__class__ is not list:
        raise FunctionFailed
    return sum(len(hit) for hit in hits if hit.__class__ in (list, dict))


FUNCTIONS: dict[str, Function] = {
    "min": lambda value, arguments: min(_numbers(value, arguments)),
    "max": lambda value, arguments: max(_numbers(value, arguments)),
    "avg": _mean,
    "stddev": _deviation,
    "sum": lambda value, arguments: sum(_numbers(value, arguments)),
    "length": _length,
    "size": _length,
    "keys": _keys,
    "concat": _concat,
    "append": _append,
    "first": lambda value, arguments: _item(value, 0),
    "last": lambda value, arguments: _item(value, -1),
    "index": _index,
}
