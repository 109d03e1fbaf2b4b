"""Which of two rules an unreadable condition belongs to."""

from __future__ import annotations

import re

from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError

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
