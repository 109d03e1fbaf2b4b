"""What Rhino says about a text that is no JSON.

A script that calls `JSON.parse` on what a client sent ends with this message in the fault string.
"""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\r\n]*")
_DIGITS = re.compile(r"[0-9]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_CODE = re.compile(r"[0-9a-fA-F]{4}")
_WORDS = {"t": "true", "f": "false", "n": "null"}


class _Fault(Exception):
    """The text is no JSON; the message says why."""


def json_fault(text: str) -> str | None:
    """Rhino's message for a text that is no JSON; None if it is, or is nested too deeply to tell."""
    try:
        end = _space(text, _value(text, 0))
    except _Fault as fault:
        return str(fault)
    except RecursionError:
        return None
    return f"Expected end of stream at char {end}" if end < len(text) else None


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _value(text: str, at: int) -> int:
    """Where the value ends that begins here."""
    at = _space(text, at)
    first = text[at : at + 1]
    if first == "":
        raise _Fault("Empty JSON string")
    if first == "{":
        return _object(text, at + 1)
    if first == "[":
        return _array(text, at + 1)
    if first == '"':
        return _string(text, at + 1)
    if first == "-" or first in "0123456789":
        return _number(text, at)
    word = _WORDS.get(first)
    if word is None or not text.startswith(word, at):
        raise _Fault(f"Unexpected token: {first}")
    return at + len(word)


def _object(text: str, at: int) -> int:
    at, member = _space(text, at), False
    if text.startswith("}", at):
        return at + 1
    while at < len(text):
        first = text[at]
        if first in ",}" and not member:
            raise _Fault("Unexpected comma in object literal")
        if first == "}":
            return at + 1
        if first == ",":
            at, member = at + 1, False
        elif first == '"':
            if member:
                raise _Fault("Missing comma in object literal")
            at, member = _value(text, _colon(text, _string(text, at + 1))), True
        else:
            raise _Fault("Unexpected token in object literal")
        at = _space(text, at)
    raise _Fault("Unterminated object literal")


def _colon(text: str, at: int) -> int:
    at = _space(text, at)
    if at == len(text):
        raise _Fault("Expected : but reached end of stream")
    if text[at] != ":":
        raise _Fault(f"Expected : found {text[at]}")
    return at + 1


def _array(text: str, at: int) -> int:
    at, item = _space(text, at), False
    if text.startswith("]", at):
        return at + 1
    while at < len(text):
        first = text[at]
        if first in ",]" and not item:
            raise _Fault("Unexpected comma in array literal")
        if first == "]":
            return at + 1
        if first == ",":
            at, item = at + 1, False
        elif item:
            raise _Fault("Missing comma in array literal")
        else:
            at, item = _value(text, at), True
        at = _space(text, at)
    raise _Fault("Unterminated array literal")


def _string(text: str, at: int) -> int:
    while True:
        match = _PLAIN.match(text, at)
        assert match is not None
        at = match.end() + 1
        if at > len(text):
            raise _Fault("Unterminated string literal")
        if text[at - 1] == '"':
            return at
        if text[at - 1] != "\\":
            raise _Fault("String contains control character")
        escaped = text[at : at + 1]
        if escaped == "":
            raise _Fault("Unterminated string literal")
        if escaped == "u":
            if len(text) - at - 1 < 5:
                raise _Fault(f"Invalid character code: \\u{text[at + 1 :]}")
            if _CODE.match(text, at + 1) is None:
                raise _Fault(f"Invalid character code: {text[at + 1 : at + 5]}")
            at += 4
        elif escaped not in '"\\/bfnrt':
            raise _Fault(f"Unexpected character in string: '\\{escaped}'")
        at += 1


def _number(text: str, at: int) -> int:
    start = at
    if text[at] == "-":
        at += 1
    at = at + 1 if text.startswith("0", at) else _digits(text, at, start)
    if text.startswith(".", at):
        at = _digits(text, at + 1, start)
    if text[at : at + 1] in ("e", "E"):
        at += 1
        if text[at : at + 1] in ("-", "+"):
            at += 1
        at = _digits(text, at, start)
    return at


def _digits(text: str, at: int, start: int) -> int:
    match = _DIGITS.match(text, at)
    assert match is not None
    if match.end() == at:
        raise _Fault(f"Unsupported number format: {text[start : at + 1]}")
    return match.end()
