"""The templates of the transformer and callout plugins: `$(headers.x)`, `$(query_params.x)`, `$(uri_captures.x)`,
`$(shared.x)`, and `$(callouts.NAME.response.body.x)`.

In Kong what stands between the parentheses is Lua. Here it is the part of Lua that configurations use: values by their
paths, `and`, `or`, comparisons, and a few functions of texts (see `kong.lua`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.lua import LuaError, compile_lua

Render = Callable[[KongContext], str]
Getter = Callable[[KongContext], Any]

_OPEN = "$("


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
    """Where the parenthesis closes that was opened before a place; those within quotes do not count."""
    depth, quote = 1, ""
    for position in range(place, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return position
    raise TemplateError("a closing parenthesis is missing")


def compile_expression(text: str) -> Getter:
    """The value of an expression; None when it has none. Raises TemplateError."""
    try:
        return compile_lua(text, _ROOTS)
    except LuaError as error:
        raise TemplateError(str(error)) from None


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
