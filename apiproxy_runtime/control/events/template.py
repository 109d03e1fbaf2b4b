"""The templates of `webhook-custom`: `{{ field }}` and `{{ entity.username }}` stand for data of the event.

An unknown field is the empty text. Text is put in as it is, everything else as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_FIELD = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")

Render = Callable[[Any], str]


def compile_text(text: str) -> Render:
    """A function from the event's data to the text."""
    if "{{" not in text:
        return lambda data: text
    # literal text at even places, the paths of fields at odd ones
    pieces = _FIELD.split(text)
    paths = [piece.split(".") if place % 2 else [] for place, piece in enumerate(pieces)]

    def render(data: Any) -> str:
        return "".join(
            as_text(_find(data, paths[place])) if place % 2 else piece for place, piece in enumerate(pieces)
        )

    return render


def compile_value(value: Any) -> Callable[[Any], Any]:
    """The same for a JSON value: every text in it is a template."""
    if isinstance(value, str):
        return compile_text(value)
    if isinstance(value, dict):
        members = {name: compile_value(member) for name, member in value.items()}
        return lambda data: {name: member(data) for name, member in members.items()}
    if isinstance(value, list):
        items = [compile_value(item) for item in value]
        return lambda data: [item(data) for item in items]
    return lambda data: value


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _find(data: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(data, dict):
            data = data.get(name)
        elif isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data
