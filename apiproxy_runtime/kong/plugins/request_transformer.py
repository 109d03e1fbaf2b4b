"""request-transformer: changes method, path, headers, query and body of the request to the upstream.

Order: remove, rename, replace, add, append. `replace` acts on what is there, `add` on what is not. Of a body only the
fields at its top level are reached (JSON, form, multipart), and values become texts. Host is changed by `replace`
alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apiproxy_runtime.kong.body import (
    FORM,
    JSON,
    MULTIPART,
    Part,
    boundary_of,
    fields_of,
    joined,
    parts_of,
)
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, Field, array, check_header_name, record, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.kong.template import Render, check_template, renderer
from apiproxy_runtime.message.message import Message, Parameters

ACTIONS = ("remove", "rename", "replace", "add", "append")
PLACES = ("headers", "querystring", "body")

#: action → (name, new name or value) pairs; the second of `remove` renders nothing
Edits = dict[str, list[tuple[str, Render]]]


def compile_request_transformer(config: Config, site: KongSite) -> Phases:
    headers, query, body = (edits_of(config, place) for place in PLACES)
    uri = config["replace"]["uri"]
    path = renderer(uri) if uri else None
    method: str = (config["http_method"] or "").upper()
    reads = any(body.values()) or method in ("GET", "HEAD", "TRACE")

    def access(ctx: KongContext) -> None:
        request = ctx.request
        if path is not None:
            rendered = path(ctx)
            if rendered:
                ctx.upstream_path = rendered
        if method:
            request.verb = method
            if reads and method in ("GET", "HEAD", "TRACE") and request.content_type() == FORM:
                into_query(request)
        # what templates ask for is the request as it came
        edited_headers = rendered_edits(headers, ctx)
        edited_body = rendered_edits(body, ctx)
        edited_query = rendered_edits(query, ctx)
        edit_headers(ctx, edited_headers)
        if edited_body:
            edit_body(request, edited_body)
        if edited_query:
            edit_query(request.edit_query(), edited_query)

    return Phases(access=access, reads_body=reads)


def edits_of(config: Config, place: str) -> Edits:
    """The compiled edits of one place."""
    found: Edits = {}
    for action in ACTIONS:
        pairs = [entry.partition(":") for entry in config[action][place]]
        if pairs:
            found[action] = [(name, renderer(value.lstrip(":"))) for name, _, value in pairs]
    return found


def rendered_edits(edits: Edits, ctx: KongContext) -> dict[str, list[tuple[str, str]]]:
    return {action: [(name, render(ctx)) for name, render in pairs] for action, pairs in edits.items()}


def edit_headers(ctx: KongContext, edits: dict[str, list[tuple[str, str]]]) -> None:
    headers = ctx.request.headers
    fields = headers.fields
    for name, _ in edits.get("remove", ()):
        if name.lower() != "host":
            headers.remove(name)
    for name, new in edits.get("rename", ()):
        field = fields.get(name.lower())
        if field is not None and name.lower() != "host":
            headers.remove(name)
            headers.set_values(new, field[1:])
    for name, value in edits.get("replace", ()):
        if name.lower() == "host":
            ctx.upstream_authority = value
        elif name.lower() in fields:
            headers.set(name, value)
    for name, value in edits.get("add", ()):
        if name.lower() not in fields and name.lower() != "host":
            headers.set(name, value)
    for name, value in edits.get("append", ()):
        if name.lower() != "host":
            headers.add(name, value)


def edit_query(query: Parameters, edits: dict[str, list[tuple[str, str]]]) -> None:
    for name, _ in edits.get("remove", ()):
        query.remove(name)
    for name, new in edits.get("rename", ()):
        values = query.values(name)
        if values and name != new:
            query.remove(name)
            query.set_values(new, values)
    for name, value in edits.get("replace", ()):
        if query.get(name) is not None:
            query.set(name, value)
    for name, value in edits.get("add", ()):
        if query.get(name) is None:
            query.set(name, value)
    for name, value in edits.get("append", ()):
        query.add(name, value)


def edit_body(request: Message, edits: dict[str, list[tuple[str, str]]]) -> None:
    """Change the fields of a JSON, form or multipart body; any other stays as it is."""
    kind = request.content_type()
    if not request.body:
        # nothing is there to remove, rename or replace
        edits = {action: pairs for action, pairs in edits.items() if action in ("add", "append")}
        if not edits:
            return
    if kind == FORM:
        edit_query(request.edit_form(), edits)
        request.body = request.body
    elif kind == JSON:
        try:
            parsed = request.json() if request.body else {}
        except ValueError:
            return
        if isinstance(parsed, dict):
            fields = fields_of(request)
            edit_fields(fields, edits)
            request.body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    elif kind == MULTIPART:
        boundary = boundary_of(request)
        if boundary:
            request.body = joined(edited_parts(parts_of(request), edits), boundary)


def edit_fields(fields: dict[str, Any], edits: dict[str, list[tuple[str, str]]]) -> None:
    for name, _ in edits.get("remove", ()):
        fields.pop(name, None)
    for name, new in edits.get("rename", ()):
        if fields.get(name) not in (None, False) and name != new:
            fields[new] = fields.pop(name)
    for name, value in edits.get("replace", ()):
        if fields.get(name) not in (None, False):
            fields[name] = value
    for name, value in edits.get("add", ()):
        if fields.get(name) in (None, False):
            fields[name] = value
    for name, value in edits.get("append", ()):
        fields[name] = appended(fields.get(name), value)


def appended(old: Any, value: Any) -> Any:
    """What `append` makes of a field: a list, to which the value is added."""
    if isinstance(old, str):
        return [old, value]
    return [*old, value] if isinstance(old, list) else [value]


def edited_parts(parts: list[Part], edits: dict[str, list[tuple[str, str]]]) -> list[Part]:
    """Multipart bodies know no append."""
    for name, new in edits.get("rename", ()):
        parts = [Part.simple(new, part.text) if part.name == name else part for part in parts]
    removed = {name for name, _ in edits.get("remove", ())}
    parts = [part for part in parts if part.name not in removed]
    for name, value in edits.get("replace", ()):
        if any(part.name == name for part in parts):
            parts = [part for part in parts if part.name != name] + [Part.simple(name, value)]
    for name, value in edits.get("add", ()):
        if all(part.name != name for part in parts):
            parts.append(Part.simple(name, value))
    return parts


def into_query(request: Message) -> None:
    """A form that becomes a GET puts its fields into the query."""
    query = request.edit_query()
    for name, value in request.form.pairs:
        query.add(name, value)


def check_pair(value_rule: Callable[[str], str], name_rule: Callable[[str], str]) -> Callable[[str], str]:
    """The rule of `name:value` texts."""

    def rule(text: str) -> str:
        name, _, value = text.partition(":")
        if not name or not value.lstrip(":"):
            return f"key '{name}' has no value"
        return name_rule(name) or value_rule(value.lstrip(":"))

    return rule


def _any(text: str) -> str:
    return ""


def _header(text: str) -> str:
    return f"'{text}' is not a valid header" if check_header_name(text) else ""


def _action(action: str) -> Field:
    fields: dict[str, Field] = {}
    for place in PLACES:
        name_rule = _header if place == "headers" else _any
        if action == "remove":
            element = string(rule=name_rule)
        elif action == "rename":
            element = string(rule=check_pair(name_rule, name_rule))
        else:
            element = string(rule=check_pair(check_template, name_rule))
        what = {"remove": "names", "rename": "`old:new`"}.get(action, "`name:value`, with templates")
        fields[place] = array(element, what, [])
    if action == "replace":
        fields["uri"] = string("path to ask the upstream for, with templates", rule=check_template)
    return record(fields)


def _method(text: str) -> str:
    return "" if text.isalpha() and text.isupper() else f"invalid value: {text}"


PLUGIN = Plugin(
    "request-transformer",
    801,
    {
        "http_method": string("method to ask the upstream with", rule=_method),
        **{action: _action(action) for action in ACTIONS},
    },
    compile_request_transformer,
    "Changes the request to the upstream.",
)
