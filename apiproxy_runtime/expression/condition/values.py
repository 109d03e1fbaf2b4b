"""Comparing any two values as conditions do: the null table and the type adaptation table.

Source: "Conditions reference", sections on null values and on operand types. Python types stand for Apigee's so:
bool Boolean, int Integer or Long, float Float or Double, str String; everything else (a message, a collection)
is an Object, with which nothing but null can be compared: the result is false.

The table speaks of types. Headers and parameters are documented as String, so `request.queryparam.n > 9` orders texts.
A variable of one's own has no documented type: in `mine > 100`, a text in it that is a number is ordered as one. The
data-api reference of apigee/devrel, whose tests run on the platform, needs that: its `<Value>5</Value>` is within 100.

The compiled condition settles the usual case (text against text) itself and calls these for the rest.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TypeGuard

from apiproxy_runtime.message.text import text_of

_Scalar = str | int | float
_LESS, _LESS_OR_EQUAL = operator.lt, operator.le
_GREATER, _GREATER_OR_EQUAL = operator.gt, operator.ge
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def is_scalar(value: object) -> TypeGuard[_Scalar]:
    return isinstance(value, str | int | float)


def equals(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    if not (is_scalar(left) and is_scalar(right)):
        return False
    if isinstance(left, str) or isinstance(right, str):
        return text_of(left) == text_of(right)
    return left == right


def not_equals(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is not right
    return is_scalar(left) and is_scalar(right) and not equals(left, right)


def equals_case_insensitive(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    if not (is_scalar(left) and is_scalar(right)):
        return False
    return text_of(left).lower() == text_of(right).lower()


def as_number(value: object) -> object:
    """The number that a text spells; any other value as it is."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _ordering(
    compare: Callable[[str | float, str | float], bool], left_null: bool, right_null: bool, both_null: bool
) -> Callable[[object, object], bool]:
    """An ordering with its row of the null table, which is as documented however odd it looks."""

    def ordered(left: object, right: object) -> bool:
        if left is None:
            return both_null if right is None else left_null
        if right is None:
            return right_null
        if not (is_scalar(left) and is_scalar(right)):
            return False
        if isinstance(left, str) or isinstance(right, str):
            return compare(text_of(left), text_of(right))
        return compare(left, right)

    return ordered


greater_than = _ordering(_GREATER, left_null=True, right_null=False, both_null=False)
greater_than_or_equals = _ordering(_GREATER_OR_EQUAL, left_null=False, right_null=True, both_null=True)
lesser_than = _ordering(_LESS, left_null=True, right_null=False, both_null=False)
lesser_than_or_equals = _ordering(_LESS_OR_EQUAL, left_null=True, right_null=False, both_null=True)


def starts_with(left: object, right: object) -> bool:
    return is_scalar(left) and is_scalar(right) and text_of(left).startswith(text_of(right))


def matches(match: Callable[[str], object], value: object) -> bool:
    """Whether a pattern matches a value; never for null and Objects."""
    return is_scalar(value) and bool(match(text_of(value)))


def not_matches(match: Callable[[str], object], value: object) -> bool:
    """`!~`: true for null, but false for Objects, which cannot be compared at all."""
    return value is None or (is_scalar(value) and not match(text_of(value)))


def truth(value: object) -> bool:
    """A variable standing alone: true for the boolean and for its text in any case, false for all else."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
