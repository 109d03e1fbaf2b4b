"""What an entity of the API may hold, and the words in which Kong refuses what it may not.

A body is checked against a table of fields. All that is wrong is told at once:
`{"code": 2, "name": "schema violation", "message": "schema violation (config.url: …)", "fields": {"config": {"url": …}}}`.
Source: Kong's Admin API reference (errors), and its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

JsonObject = dict[str, Any]
#: The value as it is kept. Raises ValueError with Kong's words.
Check = Callable[[Any], Any]


class SchemaViolation(Exception):
    """What is wrong, by field; the fields of a record are a mapping themselves."""

    def __init__(self, fields: JsonObject) -> None:
        self.fields = fields
        found = list(_flat(fields))
        words = "schema violation" if len(found) == 1 else f"{len(found)} schema violations"
        self.message = f"{words} ({'; '.join(found)})"
        super().__init__(self.message)

    def body(self) -> JsonObject:
        return {"code": 2, "name": "schema violation", "message": self.message, "fields": self.fields}


class Field(Struct, frozen=True):
    """One field: how it is checked, whether it must be there, and what it is when it is not."""

    check: Check
    required: bool = False
    default: Any = None


Fields = Mapping[str, Field]


def checked(fields: Fields, given: Any) -> JsonObject:
    """The whole entity with its defaults. Raises SchemaViolation."""
    if not isinstance(given, dict):
        raise SchemaViolation({"@entity": "expected a record"})
    wrong: JsonObject = {name: "unknown field" for name in given if name not in fields}
    found: JsonObject = {}
    for name, field in fields.items():
        value = given.get(name)
        if value is None:
            if field.required:
                wrong[name] = "required field missing"
            found[name] = field.default
            continue
        try:
            found[name] = field.check(value)
        except SchemaViolation as violation:
            wrong[name] = violation.fields
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise SchemaViolation(wrong)
    return found


def _flat(fields: JsonObject, prefix: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        else:
            lines.append(f"{prefix}{name}: {value}")
    return lines


# ---- kinds of values. Text of a form is taken for what the field wants.


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")
    if not value:
        raise ValueError("length must be at least 1")
    return value


def boolean(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise ValueError("expected a boolean")
    return value


def number(value: Any) -> float:
    """A number of seconds and the like."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("expected a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    return value


def integer(low: int, high: int) -> Check:
    """An integer of a range, both ends included."""

    def check(value: Any) -> int:
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("expected an integer")
        if not low <= value <= high:
            raise ValueError(f"value should be between {low} and {high}")
        return value

    return check


def one_of(*words: str) -> Check:
    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"expected one of: {', '.join(words)}")
        return str(value)

    return check


def url(value: Any) -> str:
    """An address of http or https."""
    text = string(value)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"could not parse url: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected a url that begins with http:// or https://")
    if not host or any(char.isspace() for char in text):
        raise ValueError("missing host in url")
    return text


def method(value: Any) -> str:
    text = string(value)
    if not text.isalpha() or not text.isascii():
        raise ValueError("expected the name of an HTTP method")
    return text.upper()


def array(value: Any) -> list[str]:
    """A list of texts, not empty."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        raise ValueError("expected an array")
    if not items:
        raise ValueError("length must be at least 1")
    return [string(item) for item in items]


def headers(value: Any) -> dict[str, str]:
    """Header names and values; what would break out of a header is refused here, before anything is sent."""
    if not isinstance(value, dict):
        raise ValueError("expected a map")
    found = {}
    for name, text in value.items():
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError(f"header {name}: expected a string")
        text = str(text)
        if not name or not name.isascii() or any(char in ' :()<>@,;\\"/[]?={}\t\r\n' for char in name):
            raise ValueError(f"{name!r} is no name of a header")
        if "\r" in text or "\n" in text or "\0" in text:
            raise ValueError(f"header {name}: a value has no line breaks")
        found[name] = text
    return found


def mapping(value: Any) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError("expected a map")
    return dict(value)


def record(fields: Fields) -> Check:
    """A nested record."""

    def check(value: Any) -> JsonObject:
        if not isinstance(value, dict):
            raise ValueError("expected a record")
        return checked(fields, value)

    return check


def from_form(pairs: list[tuple[str, str]]) -> JsonObject:
    """A form as Kong reads it: `config.url=…` nests, `functions[]=…` and `functions[1]=…` are lists."""
    document: JsonObject = {}
    for key, value in pairs:
        *path, last = key.split(".")
        place = document
        for name in path:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        name, bracket, _ = last.partition("[")
        if bracket:
            items = place.get(name)
            if not isinstance(items, list):
                items = place[name] = []
            items.append(value)
        else:
            place[last] = value
    return document
