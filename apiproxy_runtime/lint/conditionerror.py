"""Conditions that cannot be read: which of two rules they belong to, and where to tell it."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.lint.parts import ConditionText
from apiproxy_runtime.lint.rule import Match

_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')


def is_left_open(text: str, error: ConditionSyntaxError) -> bool:
    """Whether the reason is a quote without its partner, or a parenthesis without its other half."""
    if text.startswith(('"', "'"), error.offset):
        return _QUOTED.match(text, error.offset) is None
    return text.startswith(("(", ")"), error.offset) and _unbalanced(_QUOTED.sub("", text))


def _unbalanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return True
    return depth != 0


def place_on_its_line(condition: ConditionText, offset: int) -> Placed:
    """Where a character of a condition stands, or the condition if that is another line.

    So a comment before the condition switches off what is told about it, however many lines it has.
    """
    place = condition.place(offset)
    return place if place.line == condition.node.line else condition.node


def unreadable(condition: ConditionText, error: ConditionSyntaxError) -> Match:
    """Tell an error of syntax."""
    place = place_on_its_line(condition, error.offset)
    reason = error.message if place is not condition.node else str(error)
    return Match(place, f"the condition cannot be read: {reason}")
