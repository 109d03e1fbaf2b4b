"""response-transformer: changes headers of the response, and top-level fields of its JSON.

Order: remove, rename, replace, add, append. Bodies of other types than application/json stay as they are.
"""

from __future__ import annotations

import json
from typing import Any

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.plugins.request_transformer import appended
from apiproxy_runtime.kong.schema import Config, Field, array, check_header_name, record, string
from apiproxy_runtime.kong.site import KongSite

ACTIONS = ("remove", "rename", "replace", "add", "append")

#: (name, new name or value, its JSON type)
Edit = tuple[str, str, str]


def compile_response_transformer(config: Config, site: KongSite) -> Phases:
    headers = {action: _edits(config[action], "headers") for action in ACTIONS}
    fields = {action: _edits(config[action], "json") for action in ACTIONS}
    changes_body = any(fields.values())

    def header_filter(ctx: KongContext) -> None:
        response = ctx.response
        assert response is not None
        present = response.headers
        for name, _, _ in headers["remove"]:
            present.remove(name)
        for name, new, _ in headers["rename"]:
            field = present.fields.get(name.lower())
            if field is not None:
                present.remove(name)
                present.set_values(new, field[1:])
        for name, value, _ in headers["replace"]:
            if name in present:
                present.set(name, value)
        for name, value, _ in headers["add"]:
            if name not in present:
                present.set(name, value)
        for name, value, _ in headers["append"]:
            present.add(name, value)

    def body_filter(ctx: KongContext) -> None:
        response = ctx.response
        assert response is not None
        if response.content_type() != "application/json":
            return
        try:
            parsed = response.json()
        except ValueError:
            return
        if isinstance(parsed, dict):
            changed = dict(parsed)
            edit(changed, fields)
            response.body = json.dumps(changed, separators=(",", ":"), ensure_ascii=False).encode()

    return Phases(header_filter=header_filter, body_filter=body_filter if changes_body else None)


def _edits(action: Config, place: str) -> list[Edit]:
    types: list[str] = action.get("json_types") or [] if place == "json" else []
    found = []
    for index, entry in enumerate(action[place]):
        name, _, value = entry.partition(":")
        found.append((name, value.lstrip(":"), types[index] if index < len(types) else ""))
    return found


def edit(fields: dict[str, Any], edits: dict[str, list[Edit]]) -> None:
    """Change the fields of an object. A field that is false or null counts as absent, as in Lua."""
    for name, _, _ in edits["remove"]:
        fields.pop(name, None)
    for name, new, _ in edits["rename"]:
        if fields.get(name) is not None:
            fields[new] = fields.pop(name)
    for name, text, kind in edits["replace"]:
        value = typed(text, kind)
        if fields.get(name) not in (None, False) and value is not None:
            fields[name] = value
    for name, text, kind in edits["add"]:
        value = typed(text, kind)
        if fields.get(name) in (None, False) and value is not None:
            fields[name] = value
    for name, text, kind in edits["append"]:
        value = typed(text, kind)
        if value is not None:
            fields[name] = appended(fields.get(name), value)


def typed(text: str, kind: str) -> Any:
    """A configured text as a JSON value of a type; None for what is no number."""
    if kind == "boolean":
        return text == "true"
    if kind != "number":
        return text
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _check_pair(text: str) -> str:
    return "" if ":" in text[1:] else f"invalid value: {text}; write name:value"


def _check_headers(text: str) -> str:
    names = text.split(":", 1)
    wrong = next((name for name in names if check_header_name(name)), None)
    if wrong is not None:
        return f"'{wrong}' is not a valid header"
    return _check_pair(text)


def _action(action: str) -> Field:
    if action == "remove":
        return record({"headers": array(string(), "names", []), "json": array(string(), "names", [])})
    if action == "rename":
        return record(
            {
                "headers": array(string(rule=_check_headers), "`old:new`", []),
                "json": array(string(rule=_check_pair), "`old:new`", []),
            }
        )
    return record(
        {
            "headers": array(string(rule=_check_pair), "`name:value`", []),
            "json": array(string(rule=_check_pair), "`name:value`", []),
            "json_types": array(
                string(one_of=("boolean", "number", "string")), "types of the values of `json`, in order", []
            ),
        }
    )


PLUGIN = Plugin(
    "response-transformer",
    800,
    {action: _action(action) for action in ACTIONS},
    compile_response_transformer,
    "Changes the response.",
)
