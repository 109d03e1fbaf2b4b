"""How values cross between flow variables and scripts.

The engine hands over text, numbers, booleans and null. Everything else, and text that the engine would damage, goes as
text behind a mark: `\\x01` and a letter (S text, L list, J JSON, M message, O object of this
run, E error, X end of the script).
"""

from __future__ import annotations

import json
from typing import Any

from apiproxy_runtime.message.text import text_of

MARK = "\x01"
#: What a wait that was given up gives: the script shall not go on.
GIVEN_UP = MARK + "X"


class ScriptValue:
    """An object that a script put into a flow variable.

    It prints as JavaScript prints it. The run that made it gets the object itself again: `owner` stands for that run,
    `number` is the object's place in it. Other scripts get a copy made from its JSON (`json` None for functions
    and the like, which are only text to others).
    """

    __slots__ = ("json", "number", "owner", "text")

    def __init__(self, json: str | None, text: str, owner: object = None, number: int = 0) -> None:
        self.json = json
        self.text = text
        self.owner = owner
        self.number = number

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScriptValue) and (other.json, other.text) == (self.json, self.text)

    def __hash__(self) -> int:
        return hash((self.json, self.text))


def to_script(value: Any) -> str | int | float | bool | None:
    """A flow variable's value for the engine; messages are the caller's business."""
    kind = value.__class__
    if kind is str:
        return text_to_script(value)
    if value is None or isinstance(value, bool | float):
        return value
    if kind is int:
        # the engine cuts integers to 32 bits
        return value if -0x80000000 <= value <= 0x7FFFFFFF else float(value)
    if kind is list or kind is tuple:
        return MARK + "L" + json.dumps([text_of(item) for item in value])
    if kind is dict:
        return MARK + "J" + json.dumps(value, default=text_of)
    if kind is ScriptValue and value.json is not None:
        return MARK + "J" + str(value.json)
    return text_to_script(text_of(value))


def text_to_script(text: str) -> str:
    """Text for the engine: well-formed, and marked when it happens to begin with the mark."""
    if not text.isascii():
        text = _well_formed(text)
    return MARK + "S" + text if text[:1] == MARK else text


def text_from_script(text: str) -> str:
    """Text that a script gave through the prelude's `safe`."""
    if text[:1] != MARK:
        return text
    decoded: str = json.loads(text[2:])
    return _well_formed(decoded)


def from_script(value: Any) -> Any:
    """A primitive that a script gave: whole numbers are integers, as flow variables print them.

    Rhino hands every number over as a java.lang.Double where the script computed it and as an Integer where it stands
    in the script; bundles expect `1`, not `1.0`, in templates, so whole numbers up to 2^53 are integers here.
    """
    kind = value.__class__
    if kind is str:
        return text_from_script(value)
    if kind is float and value.is_integer() and -(2**53) < value < 2**53:
        return int(value)
    return value


def _well_formed(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
