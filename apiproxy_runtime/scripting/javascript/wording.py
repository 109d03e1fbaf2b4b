"""Rhino's words for runtime errors, from the engine's.

Scripts test `e.message`, and the fault string carries it, so both show what Rhino would say. Sources: Apigee's
playbook "JavaScript policy runtime error troubleshooting", and Rhino 1.7.14 itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_FIXED = {
    "Date value is NaN": "Date is invalid.",
    "Unexpected end of JSON input": "Empty JSON string",
    "expecting hex digit": "Malformed URI sequence.",
    "malformed UTF-8": "Malformed URI sequence.",
    "invalid array length": "Inappropriate array length.",
    "empty array": "Reduce of empty array with no initial value",
    "invalid repeat count": "Invalid count value",
    "invalid 'instanceof' right operand": "Can't use 'instanceof' on a non-object.",
    "invalid 'in' operand": "Can't use 'in' on a non-object.",
    "Cannot convert undefined or null to object": "Cannot convert undefined to an object.",
    "circular reference": "Cyclic object value not allowed.",
}
_NOT_DEFINED = re.compile(r"'?([\w$]+)'? is not defined")
_READ = re.compile(r"cannot read property '(.*)' of (null|undefined)", re.DOTALL)
_SET = re.compile(r"cannot set property '(.*)' of (null|undefined)", re.DOTALL)
_TOKEN = re.compile(r"unexpected token: '(.*)'", re.DOTALL | re.IGNORECASE)
_PRECISION = re.compile(r"to(?:Fixed|Precision|Exponential)\s*\(\s*(-?\d+)\s*\)")
#: What is called at a place in a script: names, dots and indexes before the parenthesis.
_CALLEE = re.compile(r"(?:new\s+)?([\w$]+(?:\s*(?:\.\s*[\w$]+|\[[^\]]*\]))*)\s*(?:\(|$)")
#: A member that is given a plain value.
_ASSIGNED = re.compile(
    r"""(?:\.\s*([\w$]+)|\[\s*['"]([^'"]*)['"]\s*\])\s*=\s*"""
    r"""(?:(?:'(?=[^'\\]*')|"(?=[^"\\]*"))([^'"]*)['"]|(-?\d+|true|false|null|\{\}|\[\]))\s*(?:[;}]|$)"""
)
#: What stands before a member whose object has no name.
_UNNAMED = re.compile(r"(?:^|[)\]'\"])\s*\.\s*$")
_NAME = re.compile(r"[\w$]+")
_INDEX = re.compile(r"\[\s*(?:'[^']*'|\"[^\"]*\")\s*\]$")
_LAST = re.compile(r"(?:\.\s*([\w$]+)|\[\s*['\"]([^'\"]*)['\"]\s*\])\s*$")


def rhino_wording(
    kind: str,
    message: str,
    code: str,
    column: int,
    missing: Callable[[str], str | None] = lambda name: None,
    before: str = "",
) -> str | None:
    """Rhino's message for an error of the engine; None when there is nothing to change.

    code     the line of the script where the error arose
    column   the place in it, from 1
    missing  for a method's name, the text of the value on which it was last looked for in vain
    before   some lines of the script before that one
    """
    if kind == "ReferenceError":
        match = _NOT_DEFINED.fullmatch(message)
        return f'"{match[1]}" is not defined.' if match is not None else None
    if message in _FIXED:
        return _FIXED[message]
    match = _READ.fullmatch(message)
    if match is not None:
        name, value = match.groups()
        if _is_call(code, column, name):
            return f'Cannot call method "{name}" of {value}'
        return f'Cannot read property "{name}" from {value}'
    match = _SET.fullmatch(message)
    if match is not None:
        return f'Cannot set property "{match[1]}" of {match[2]}' + _given(code, column, match[1])
    match = _TOKEN.fullmatch(message)
    if match is not None:
        return f"Unexpected token: {match[1][:1]}"
    if message == "invalid number of digits":
        digits = _PRECISION.search(code, max(column - 20, 0))
        return f"Precision {digits[1]} out of range." if digits is not None else "Precision out of range."
    if kind == "TypeError" and message == "not a function":
        return _not_a_function(_callee(code, column, before), missing)
    return None


def _is_call(code: str, column: int, name: str) -> bool:
    """Whether the property that was read at the place is called there."""
    start = max(column - 2, 0)
    quoted = re.escape(name)
    return (
        re.compile(rf"[^;]*?(?:\.\s*{quoted}|\[\s*['\"]{quoted}['\"]\s*\])\s*\(").match(code, start)
        is not None
    )


def _given(code: str, column: int, name: str) -> str:
    """What was to be set, where the script writes it out; Rhino would tell other values too."""
    match = _ASSIGNED.search(code, max(column - 2, 0))
    if match is None or (match[1] or match[2]) != name:
        return ""
    value = match[3] if match[3] is not None else match[4]
    return f' to "{ {"{}": "[object Object]", "[]": ""}.get(value, value) }"'


def _not_a_function(callee: str | None, missing: Callable[[str], str | None]) -> str:
    if callee is None:
        return "not a function"
    member = _LAST.search(callee)
    if member is None:
        return f"{callee} is not a function, it is undefined."
    name = member[1] or member[2]
    owner = missing(name)
    return f"Cannot find function {name} in object {'[object Object]' if owner is None else owner}."


def _callee(code: str, column: int, before: str) -> str | None:
    """What is called at the place.

    The engine points at the last name, or at an argument if one is a function or a member.
    """
    at = column - 1
    if _UNNAMED.search(code, 0, at) is not None:
        name = _NAME.match(code, at)
        return f".{name[0]}" if name is not None else None
    is_argument = code[:at].rstrip()[-1:] in ("", "(", ",")
    if is_argument and (code.startswith("function", at) or _CALLEE.match(code, at) is None):
        head = f"{before}\n{code[:at]}"
        return _called(head[: _opening(head)])
    for match in _CALLEE.finditer(code):
        if match.start() < column <= match.end():
            return re.sub(r"\s+", "", match[1]) if not match[1].startswith("new ") else match[1]
    return None


def _called(head: str) -> str | None:
    """What a text ends with that stands before the parenthesis of a call."""
    text = head.rstrip()
    name = re.search(r"(\.?)\s*([\w$]+)$", text)
    if name is not None:
        return name[1] + name[2]
    index = _INDEX.search(text)
    return index[0] if index is not None else None


def _opening(head: str) -> int:
    """Where the parenthesis stands that is open at the end of a text; 0 if none is."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        if head[at] in ")]}":
            depth += 1
        elif head[at] in "([{":
            if depth == 0:
                return at
            depth -= 1
    return 0
