"""How a flow variable's value prints in templates, headers and logs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apiproxy_runtime.message.message import Message


def text_of(value: Any) -> str:
    """The text of a value: Java's spelling of booleans, doubles and lists, a message's content, '' for None."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, Message):
        return value.content
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text_of, value))}]"
    return str(value)


def double_text(value: float) -> str:
    """As java.lang.Double prints: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"
