"""Values that fit an OpenAPI schema, the same on each run: examples where there are some, else the plainest value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Looks up a `$ref`; what is no reference comes back as it is.
Resolve = Callable[[Any], Any]

_DEPTH = 8
_FORMATS = {
    "date": "2024-01-15", "date-time": "2024-01-15T10:00:00Z", "uuid": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
    "email": "jane.doe@example.com", "uri": "https://example.com/", "url": "https://example.com/",
    "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "byte": "dGVzdA==", "binary": "test",
    "password": "pass-1234", "time": "10:00:00Z", "duration": "P1D",
}  # fmt: skip


def value_of(schema: Any, resolve: Resolve, depth: int = 0) -> Any:
    """A value for a schema; None where nothing can be said."""
    schema = resolve(schema)
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    if "allOf" in schema:
        parts = [value_of(part, resolve, depth + 1) for part in schema["allOf"]]
        own = _plain(schema, resolve, depth) if "properties" in schema else None
        objects = [part for part in (*parts, own) if isinstance(part, dict)]
        merged: dict[str, Any] = {}
        for part in objects:
            merged |= part
        return merged if objects else next((part for part in parts if part is not None), None)
    for key in ("oneOf", "anyOf"):
        if schema.get(key):
            return value_of(schema[key][0], resolve, depth + 1)
    return _plain(schema, resolve, depth)


def _plain(schema: dict[str, Any], resolve: Resolve, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if kind == "object":
        return _object(schema, resolve, depth)
    if kind == "array":
        item = value_of(schema.get("items") or {}, resolve, depth + 1)
        return [] if item is None else [item] * max(int(schema.get("minItems", 1)), 1)
    if kind in ("integer", "number"):
        return _number(schema, kind == "integer")
    if kind == "boolean":
        return True
    if kind == "string":
        return _string(schema)
    return None


def _object(schema: dict[str, Any], resolve: Resolve, depth: int) -> dict[str, Any]:
    found = {}
    required = schema.get("required") or ()
    for name, inner in (schema.get("properties") or {}).items():
        part = resolve(inner)
        if isinstance(part, dict) and part.get("readOnly"):
            continue
        if depth >= _DEPTH - 3 and name not in required:
            continue
        value = value_of(part, resolve, depth + 1)
        if value is not None:
            found[name] = value
    return found


def _number(schema: dict[str, Any], whole: bool) -> int | float:
    low = schema.get("minimum")
    exclusive = schema.get("exclusiveMinimum")
    if isinstance(exclusive, (int, float)) and not isinstance(exclusive, bool):
        low = exclusive + (1 if whole else 0.5)
    elif exclusive is True and low is not None:
        low += 1 if whole else 0.5
    high = schema.get("maximum")
    value = low if low is not None else min(1, high) if high is not None else 1
    step = schema.get("multipleOf")
    if step and value % step:
        value += step - value % step
    return int(value) if whole else value


def _string(schema: dict[str, Any]) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    text = "text" if least <= 4 else "text" * (least // 4 + 1)
    return text[: int(most)] if most is not None else text
