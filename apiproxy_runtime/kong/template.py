"""The templates of the transformer and callout plugins: `$(headers.x)`, `$(query_params.x)`, `$(uri_captures.x)`,
`$(shared.x)`, and `$(callouts.NAME.response.body.x)`.

In Kong what stands between the parentheses is Lua. Here it is the part of Lua that configurations use: a value by its
path (`headers["x-a"]`, `uri_captures[1]`, `shared.user.name`), texts, numbers, and `or` between them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.kong.context import KongContext

Render = Callable[[KongContext], str]
Getter = Callable[[KongContext], Any]

_OPEN = "$("
_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"[^"]*"|'[^']*')|(?P<sign>[.\[\]]))"""
)


class TemplateError(Exception):
    """An expression that is not understood; the text says which part."""


def compile_template(text: str) -> Render | str:
    """What renders a template; the text itself when it has no expressions. Raises TemplateError."""
    if _OPEN not in text:
        return text
    parts: list[Getter | str] = []
    place = 0
    while (begin := text.find(_OPEN, place)) >= 0:
        end = _closing(text, begin + len(_OPEN))
        if begin > place:
            parts.append(text[place:begin])
        parts.append(compile_expression(text[begin + len(_OPEN) : end]))
        place = end + 1
    if place < len(text):
        parts.append(text[place:])

    def render(ctx: KongContext) -> str:
        return "".join([part if isinstance(part, str) else lua_text(part(ctx)) for part in parts])

    return render


def renderer(text: str) -> Render:
    """The same, always as something to call."""
    compiled = compile_template(text)
    if isinstance(compiled, str):
        return lambda ctx: text
    return compiled


def check_template(text: str) -> str:
    """What is wrong with a template; empty when nothing is."""
    try:
        compile_template(text)
    except TemplateError as error:
        return f"value '{text}' is not in supported format, error: {error}"
    return ""


def _closing(text: str, place: int) -> int:
    depth = 1
    for position in range(place, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise TemplateError("a closing parenthesis is missing")


def compile_expression(text: str) -> Getter:
    """The value of an expression; None when it has none. Raises TemplateError."""
    alternatives = [_compile_path(part) for part in re.split(r"\sor\s", text)]
    if len(alternatives) == 1:
        return alternatives[0]

    def first(ctx: KongContext) -> Any:
        value: Any = None
        for alternative in alternatives:
            value = alternative(ctx)
            if value is not None and value is not False:
                break
        return value

    return first


def _compile_path(text: str) -> Getter:
    tokens: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise TemplateError(f"'{text.strip()}' is Lua that is not evaluated here")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    if len(tokens) == 1 and tokens[0][0] in ("text", "number"):
        constant: Any = _constant(*tokens[0])
        return lambda ctx: constant
    if not tokens or tokens[0][1] not in _ROOTS:
        known = ", ".join(_ROOTS)
        raise TemplateError(f"'{text.strip()}' is not evaluated here; a value begins with one of {known}")
    keys: list[Any] = []
    rest = tokens[1:]
    while rest:
        if rest[0][1] == "." and len(rest) > 1 and rest[1][0] == "name":
            keys.append(rest[1][1])
            rest = rest[2:]
        elif rest[0][1] == "[" and len(rest) > 2 and rest[1][0] in ("text", "number") and rest[2][1] == "]":
            keys.append(_constant(*rest[1]))
            rest = rest[3:]
        else:
            raise TemplateError(f"'{text.strip()}' is Lua that is not evaluated here")
    root = _ROOTS[tokens[0][1]]

    def value(ctx: KongContext) -> Any:
        found = root(ctx)
        for key in keys:
            found = member(found, key)
            if found is None:
                return None
        return found

    return value


def _constant(kind: str, text: str) -> Any:
    if kind == "text":
        return text[1:-1]
    return float(text) if "." in text else int(text)


def member(holder: Any, key: Any) -> Any:
    """One step into a value, as Lua does it: arrays count from 1."""
    if isinstance(holder, list):
        return holder[key - 1] if isinstance(key, int) and 0 < key <= len(holder) else None
    if isinstance(holder, Mapping):
        found = holder.get(key)
        return holder.get(str(key)) if found is None else found
    return None


def lua_text(value: Any) -> str:
    """A value as Lua prints it; a table as JSON, since its address means nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"{value:.14g}" if isinstance(value, float) else str(value)


class _Headers(Mapping[str, Any]):
    """Headers by name in any spelling; `_` stands for `-` too, as nothing else can stand behind a dot."""

    def __init__(self, ctx: KongContext) -> None:
        self.fields = ctx.request.headers.fields

    def __getitem__(self, name: str) -> Any:
        lower = name.lower()
        field = self.fields.get(lower) or self.fields[lower.replace("_", "-")]
        return field[1] if len(field) == 2 else field[1:]

    def __iter__(self) -> Any:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


class _Query(Mapping[str, Any]):
    def __init__(self, ctx: KongContext) -> None:
        self.query = ctx.request.query

    def __getitem__(self, name: str) -> Any:
        values = self.query.values(name)
        if not values:
            raise KeyError(name)
        return values[0] if len(values) == 1 else values

    def __iter__(self) -> Any:
        return iter(self.query.names())

    def __len__(self) -> int:
        return len(self.query)


_ROOTS: dict[str, Getter] = {
    "headers": _Headers,
    "query_params": _Query,
    "uri_captures": lambda ctx: ctx.captures,
    "shared": lambda ctx: ctx.variables,
    "callouts": lambda ctx: ctx.variables.get("callouts"),
}
