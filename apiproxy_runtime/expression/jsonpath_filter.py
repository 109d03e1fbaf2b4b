"""The filters of a JSONPath: `[?(@.price < 10 && @.kind in ['a', 'b'])]`.

Comparisons follow the JsonPath project's README, "Filter operators", and its evaluators: a number equals the text
that spells it, an absent value equals nothing, `=~` matches the whole value, `===` also compares kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from apiproxy_runtime.expression.boundedregex import BoundedRegex, compile_bounded
from apiproxy_runtime.expression.javaregex import JavaRegexError
from apiproxy_runtime.expression.jsonpath_literal import (
    MISSING,
    JsonPathSyntaxError,
    Query,
    Run,
    closing_bracket,
    json_literal,
    read_number,
    read_string,
    skip_blanks,
)
from apiproxy_runtime.message.text import double_text

Test = Callable[[Any, Run], bool]
Value = Callable[[Any, Run], Any]
#: compiles the path that stands at an offset
PathCompiler = Callable[[str, int], Query]

_MAX_NESTING = 40
_SYMBOL = re.compile(r"[<>=!~]+")
_WORD = re.compile(r"[A-Za-z]+(?=[\s\[\"'@$])")
_FLAGS = re.compile(r"[dixmsuU]*")


class _Inapplicable(Exception):
    """An operator met an operand it is not made for; the whole filter is then false."""


def parse_filter(text: str, at: int, base: int, compile_path: PathCompiler) -> tuple[Test, int]:
    """Read `(…)]` from `at`, which is just after the `?`. Returns the test and the position after the `]`."""
    reader = _FilterReader(text, at, base, compile_path)
    if reader.peek() != "(":
        raise reader.wrong("a filter is written [?(…)]")
    test = reader.any_of(0)
    if reader.peek() != "]":
        raise reader.wrong("expected an operator, or ')]' at the end of the filter")

    def accepts(item: Any, run: Run) -> bool:
        try:
            return test(item, run)
        except _Inapplicable:
            return False

    return accepts, reader.at + 1


class _FilterReader:
    def __init__(self, text: str, at: int, base: int, compile_path: PathCompiler) -> None:
        self.text, self.at, self.base, self.compile_path = text, at, base, compile_path

    def wrong(self, message: str) -> JsonPathSyntaxError:
        return JsonPathSyntaxError(message, max(self.base + self.at, 0))

    def peek(self) -> str:
        self.at = skip_blanks(self.text, self.at)
        return self.text[self.at : self.at + 1]

    def accept(self, mark: str) -> bool:
        self.peek()
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def any_of(self, depth: int) -> Test:
        tests = [self.all_of(depth)]
        while self.accept("||"):
            tests.append(self.all_of(depth))
        return tests[0] if len(tests) == 1 else lambda item, run: any(test(item, run) for test in tests)

    def all_of(self, depth: int) -> Test:
        tests = [self.operand(depth)]
        while self.accept("&&"):
            tests.append(self.operand(depth))
        return tests[0] if len(tests) == 1 else lambda item, run: all(test(item, run) for test in tests)

    def operand(self, depth: int) -> Test:
        if depth > _MAX_NESTING:
            raise self.wrong("the filter is nested too deeply")
        first = self.peek()
        if first == "!":
            self.at += 1
            if self.peek() in ("@", "$"):
                return self.comparison(negated=True)
            inner = self.operand(depth + 1)
            return lambda item, run: not inner(item, run)
        if first == "(":
            self.at += 1
            inner = self.any_of(depth + 1)
            if not self.accept(")"):
                raise self.wrong("expected an operator or ')'")
            return inner
        return self.comparison(negated=False)

    def comparison(self, negated: bool) -> Test:
        start = self.at
        left = self.value()
        self.peek()
        operator = _SYMBOL.match(self.text, self.at) or _WORD.match(self.text, self.at)
        if operator is None:
            if not isinstance(left, Query):
                self.at = start
                raise self.wrong("expected a path, or a comparison")
            return _exists(left, negated)
        if operator[0].lower() not in _OPERATORS:
            raise self.wrong(f"there is no operator {operator[0]}; known are {', '.join(_OPERATORS)}")
        self.at = operator.end()
        right = self.value()
        name = operator[0].lower()
        compare = _OPERATORS[name]
        get_left = _collection(left) if name in ("contains", "all") else _value(left)
        get_right = _collection(right) if name in _CHOOSING else _value(right)
        return lambda item, run: compare(get_left(item, run), get_right(item, run))

    def value(self) -> Any:
        """A Query, a compiled pattern, or a JSON value."""
        first = self.peek()
        if first in ("@", "$"):
            return self.path()
        if first == "/":
            return self.pattern()
        result: Any
        if first in ("'", '"'):
            result, self.at = read_string(self.text, self.at, self.base)
        elif first in ("[", "{"):
            result, self.at = json_literal(self.text, self.at, self.base)
        else:
            for word, constant in (("true", True), ("false", False), ("null", None)):
                if self.text.startswith(word, self.at):
                    self.at += len(word)
                    return constant
            if not first:
                raise self.wrong("the filter is not closed")
            result, self.at = read_number(self.text, self.at, self.base)
        return result

    def path(self) -> Query:
        text, start, at = self.text, self.at, self.at + 1
        while at < len(text):
            character = text[at]
            if character in "[(":
                closing = closing_bracket(text, at)
                if closing < 0:
                    self.at = at
                    raise self.wrong("the bracket is not closed")
                at = closing + 1
            elif character in " \t\r\n<>=~!)]," or text.startswith(("&&", "||"), at):
                break
            else:
                at += 1
        self.at = at
        return self.compile_path(text[start:at], start)

    def pattern(self) -> BoundedRegex:
        text, start, at = self.text, self.at, self.at + 1
        while at < len(text) and text[at] != "/":
            at += 2 if text[at] == "\\" else 1
        if at >= len(text):
            raise self.wrong("the regular expression is not closed with '/'")
        flags = _FLAGS.match(text, at + 1)
        assert flags is not None
        # In Java `u` asks for Unicode case folding, which Python's text patterns always do.
        inline = "".join(sorted(set(flags[0]) & set("ixms")))
        source = text[start + 1 : at]
        try:
            pattern = compile_bounded(f"(?{inline}){source}" if inline else source)
        except JavaRegexError as error:
            raise self.wrong(f"the regular expression /{source}/ is not valid: {error}") from None
        self.at = flags.end()
        return pattern


def _value(operand: Any) -> Value:
    if not isinstance(operand, Query):
        return lambda item, run: operand
    evaluate = operand.evaluate
    if operand.relative:
        return evaluate
    key = id(operand)

    def from_root(item: Any, run: Run) -> Any:
        # Once for each document, not once for each element that is tested.
        if key not in run.found:
            run.found[key] = evaluate(run.root, run)
        return run.found[key]

    return from_root


def _collection(operand: Any) -> Value:
    """The operand of an operator that looks for something in it, a list prepared for that where it pays."""
    if operand.__class__ is list:
        choices = Choices(operand)
        return lambda item, run: choices
    value = _value(operand)
    if not isinstance(operand, Query) or operand.relative:
        return value
    key = id(operand)

    def from_root(item: Any, run: Run) -> Any:
        if key not in run.choices:
            found = value(item, run)
            run.choices[key] = Choices(found) if found.__class__ is list else found
        return run.choices[key]

    return from_root


def _exists(query: Query, negated: bool) -> Test:
    value, needs_hit = _value(query), query.needs_hit

    def test(item: Any, run: Run) -> bool:
        result = value(item, run)
        there = result is not MISSING and not (needs_hit and not result)
        return there is not negated

    return test


# ---- operators


def _is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float


def _number_text(value: Any) -> str:
    return double_text(value) if value.__class__ is float else str(value)


def _equal(left: Any, right: Any) -> bool:
    left_kind, right_kind = left.__class__, right.__class__
    if left_kind is str:
        if right_kind is str:
            return bool(left == right)
        return _is_number(right) and bool(left == _number_text(right))
    if _is_number(left):
        if _is_number(right):
            return bool(left == right)
        if right_kind is not str:
            return False
        return _decimal(right) == Decimal(_number_text(left))
    if left is MISSING or left_kind is not right_kind:
        return False
    return _same_json(left, right)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _same_json(left: Any, right: Any) -> bool:
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if one.__class__ is not other.__class__:
            return False
        if one.__class__ is dict:
            if one.keys() != other.keys():
                return False
            waiting += [(one[key], other[key]) for key in one]
        elif one.__class__ is list:
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif one != other:
            return False
    return True


def _equal_in_kind(left: Any, right: Any) -> bool:
    both_numbers = _is_number(left) and _is_number(right)
    return (both_numbers or left.__class__ is right.__class__) and _equal(left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        if _is_number(left) and _is_number(right):
            return compare(left, right)
        return left.__class__ is str and right.__class__ is str and compare(left, right)

    return test


def _matches(left: Any, right: Any) -> bool:
    pattern, value = (left, right) if left.__class__ is BoundedRegex else (right, left)
    if pattern.__class__ is not BoundedRegex or value.__class__ is BoundedRegex:
        return False
    values = value if value.__class__ is list else [value]
    return any(pattern.fullmatch(_match_text(item)) is not None for item in values)


def _match_text(value: Any) -> str:
    if value.__class__ is str:
        return str(value)
    if _is_number(value):
        return _number_text(value)
    return ("true" if value else "false") if value.__class__ is bool else ""


class Choices:
    """A list in which many values are looked for, without comparing each with each."""

    __slots__ = ("decimals", "items", "numbers", "others", "prepared", "texts")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.prepared = False
        self.texts = set[str]()
        self.numbers = set[float]()
        self.decimals = set[Decimal]()
        self.others = list[Any]()

    def has(self, value: Any) -> bool:
        """Whether `value` on the left of `==` equals one of the items."""
        if len(self.items) < 16:
            return any(_equal(value, item) for item in self.items)
        if not self.prepared:
            self.prepare()
        if value.__class__ is str:
            return value in self.texts
        if _is_number(value):
            return value in self.numbers or Decimal(_number_text(value)) in self.decimals
        return any(_equal(value, item) for item in self.others)

    def prepare(self) -> None:
        self.prepared = True
        for item in self.items:
            if item.__class__ is str:
                self.texts.add(item)
                decimal = _decimal(item)
                if decimal is not None:
                    self.decimals.add(decimal)
            elif _is_number(item):
                self.numbers.add(item)
                self.texts.add(_number_text(item))
            elif item.__class__ in (dict, list) or not any(item is other for other in self.others):
                self.others.append(item)


def _choices(value: Any) -> Choices | None:
    """A list made ready, None for an object, which has no elements to compare; other values do not apply."""
    if isinstance(value, Choices):
        return value
    if value.__class__ is list:
        return Choices(value)
    if value.__class__ is dict:
        return None
    raise _Inapplicable


def _in(left: Any, right: Any) -> bool:
    choices = _choices(right)
    return choices is not None and choices.has(left)


def _contains(left: Any, right: Any) -> bool:
    if left.__class__ is str and right.__class__ is str:
        return right in left
    if left.__class__ is list:
        left = Choices(left)
    return isinstance(left, Choices) and left.has(right)


def _subset(left: Any, right: Any) -> bool:
    choices = _choices(right)
    items = None if choices is None else _choices(left)
    return choices is not None and items is not None and all(map(choices.has, items.items))


def _shares(left: Any, right: Any) -> bool | None:
    choices = _choices(right)
    items = None if choices is None else _choices(left)
    if choices is None or items is None:
        return None
    return any(map(choices.has, items.items))


def _has_all(left: Any, right: Any) -> bool:
    required = _choices(right)
    if left.__class__ is list:
        left = Choices(left)
    return isinstance(left, Choices) and required is not None and all(map(left.has, required.items))


def _size(left: Any, right: Any) -> bool:
    return _is_number(right) and left.__class__ in (str, list) and len(left) == right


def _empty(left: Any, right: Any) -> bool:
    if right.__class__ is not bool:
        raise _Inapplicable
    return left.__class__ in (str, list, dict) and (not left) == right


#: the operators that look for their left operand's values in the right one
_CHOOSING = frozenset({"in", "nin", "subsetof", "anyof", "noneof"})
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _equal_in_kind,
    "!==": lambda left, right: not _equal_in_kind(left, right),
    "<": _ordered(lambda left, right: bool(left < right)),
    "<=": _ordered(lambda left, right: bool(left <= right)),
    ">": _ordered(lambda left, right: bool(left > right)),
    ">=": _ordered(lambda left, right: bool(left >= right)),
    "=~": _matches,
    "in": _in,
    "nin": lambda left, right: not _in(left, right),
    "subsetof": _subset,
    "anyof": lambda left, right: _shares(left, right) is True,
    "noneof": lambda left, right: _shares(left, right) is False,
    "contains": _contains,
    "size": _size,
    "empty": _empty,
    "all": _has_all,
}
