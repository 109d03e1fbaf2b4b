"""What the text of an element or attribute may be: a kind parses it, names it and bounds it.

`parse` gets the text without the blanks around it and raises ValueError when the text is not of the kind. The
same kinds judge literals when a bundle is deployed and resolved references when a request runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Kind(Struct, frozen=True):
    """`describe` completes the sentence "must be …"; `choices` lists the legal words where there are few."""

    name: str
    describe: str
    parse: Callable[[str], Any]
    choices: tuple[str, ...] = ()
    #: whether blanks around the text belong to it (payloads)
    keep_blanks: bool = False


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower not in ("true", "false"):
        raise ValueError(text)
    return lower == "true"


def _integer(text: str) -> int:
    if "_" in text:
        raise ValueError(text)
    return int(text, 10)


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    return float(text)


def at_least(minimum: int, describe: str) -> Kind:
    """An integer not below `minimum`."""

    def parse(text: str) -> int:
        number = _integer(text)
        if number < minimum:
            raise ValueError(text)
        return number

    return Kind("integer", describe, parse)


def one_of(*choices: str, ignore_case: bool = False) -> Kind:
    """One of a few words, given back as written in the declaration."""
    table = {(choice.lower() if ignore_case else choice): choice for choice in choices}

    def parse(text: str) -> str:
        try:
            return table[text.lower() if ignore_case else text]
        except KeyError:
            raise ValueError(text) from None

    return Kind("choice", "one of " + ", ".join(choices), parse, choices)


TEXT = Kind("string", "text", str)
PAYLOAD = Kind("string", "text", str, keep_blanks=True)
BOOLEAN = Kind("boolean", "true or false", _boolean, ("true", "false"))
INTEGER = Kind("integer", "an integer", _integer)
NUMBER = Kind("number", "a number", _number)
POSITIVE = at_least(1, "a positive integer")
NATURAL = at_least(0, "an integer not below zero")
MILLISECONDS = at_least(1, "a positive number of milliseconds")
SECONDS = INTEGER
#: the name of a flow variable, written without braces
VARIABLE = Kind("variable name", "the name of a flow variable, without braces", str)
