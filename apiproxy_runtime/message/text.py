"""How a flow variable's value prints in templates, headers and logs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apiproxy_runtime.message.message import Message


def text_of(value: Any) -> str:
    """The text of a value: Java's spelling of booleans, doubles and lists, a message's content, '' for None."""
    kind = value.__class__
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return double_text(value)
    if kind is Message:
        return value.content  # type: ignore[no-any-return]
    if kind is bytes:
        return value.decode("utf-8", "replace")  # type: ignore[no-any-return]
    if kind is list or kind is tuple:
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
