"""The parts of a message that flow variables name: what may follow `request.`, `response.`, `message.`, …

`field(suffix)` compiles one such suffix (`header.X-Id.2`, `content`, `queryparam.q.values.count`) to a `Field`, or
gives None when no part of a message is named so. Names and types follow the flow variables reference page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct

from apiproxy_runtime.message.headers import SINGLE_VALUED, lower_name, split_outside_quotes
from apiproxy_runtime.message.message import Message, Parameters
from apiproxy_runtime.message.text import text_of

Read = Callable[[Message], Any]
Write = Callable[[Message, Any], None]


class Field(Struct, frozen=True):
    """How to read, write and remove one part of a message; `write` None means read-only.

    `of_request` reads it from what is known to be a request, where `read` would ask.
    """

    read: Read
    write: Write | None = None
    remove: Callable[[Message], None] | None = None
    of_request: Read | None = None


def _content(message: Message, value: Any) -> None:
    if value.__class__ is bytes:
        message.body = value
    else:
        message.content = text_of(value)


def _status(message: Message, value: Any) -> None:
    try:
        message.status = int(float(text_of(value)))
        message.reason = None
    except ValueError:
        return


def _request_field(
    read: Read, write: Write | None = None, remove: Callable[[Message], None] | None = None
) -> Field:
    """A part that responses do not have."""
    return Field(lambda message: read(message) if message.is_request else None, write, remove, read)


def _response_only(read: Read) -> Read:
    return lambda message: None if message.is_request else read(message)


def _verb(message: Message, value: Any) -> None:
    message.verb = text_of(value)


def _path(message: Message, value: Any) -> None:
    message.path = text_of(value)


def _version(message: Message, value: Any) -> None:
    message.version = text_of(value)


def _reason(message: Message, value: Any) -> None:
    message.reason = text_of(value)


def _query_string(message: Message, value: Any) -> None:
    message.query_string = text_of(value)


def _empty_body(message: Message) -> None:
    message.body = b""


_SIMPLE: dict[str, Field] = {
    "content": Field(lambda m: m.content, _content, _empty_body),
    "content.as.base64": Field(lambda m: m.content_base64()),
    "content.as.url.safe.base64": Field(lambda m: m.content_base64(url_safe=True)),
    "headers.count": Field(lambda m: len(m.headers)),
    "headers.names": Field(lambda m: m.headers.names()),
    "headers.names.string": Field(lambda m: ",".join(m.headers.names())),
    "queryparams.count": _request_field(lambda m: len(m.query)),
    "queryparams.names": _request_field(lambda m: m.query.names()),
    "queryparams.names.string": _request_field(lambda m: ",".join(m.query.names())),
    "querystring": _request_field(lambda m: m.query_string, _query_string),
    "formparams.count": _request_field(lambda m: len(m.form)),
    "formparams.names": _request_field(lambda m: m.form.names()),
    "formparams.names.string": _request_field(lambda m: ",".join(m.form.names())),
    "formstring": _request_field(lambda m: m.content if m.is_form else None),
    "path": _request_field(lambda m: m.path, _path),
    "uri": _request_field(lambda m: m.uri),
    "url": _request_field(lambda m: m.url),
    "verb": _request_field(lambda m: m.verb, _verb),
    "version": Field(lambda m: m.version, _version),
    "status.code": Field(_response_only(lambda m: m.status), _status),
    "reason.phrase": Field(_response_only(lambda m: m.reason_phrase), _reason),
    "transport.message": Field(lambda m: m),
    "transportid": _request_field(lambda m: "http"),
}
#: `response.status` and `response.reason` are written by some bundles for the full names.
_PARAMETER = re.compile(r"(header|queryparam|formparam)\.(.+)", re.DOTALL)
_TAIL = re.compile(r"(.+?)\.(values\.count|values\.string|values|[1-9][0-9]*)", re.DOTALL)


@lru_cache(4096)
def field(suffix: str) -> Field | None:
    """The part of a message called `suffix`, or None."""
    simple = _SIMPLE.get(suffix)
    if simple is not None:
        return simple
    match = _PARAMETER.fullmatch(suffix)
    if match is None:
        return None
    kind, name = match.groups()
    tail = _TAIL.fullmatch(name)
    part = ""
    if tail is not None:
        name, part = tail.groups()
    if kind == "header":
        return _header(name, part)
    return _parameter(kind == "queryparam", name, part)


def _header(name: str, part: str) -> Field:
    key = lower_name(name)
    if part == "":
        return Field(
            _first_header(key), lambda m, v: m.headers.set(name, text_of(v)), lambda m: m.headers.remove(name)
        )
    if part == "values":
        return Field(lambda m: m.headers.values(name) if key in m.headers.fields else None)
    if part == "values.count":
        return Field(lambda m: len(m.headers.values(name)))
    if part == "values.string":
        return Field(lambda m: m.headers.get(name))
    index = int(part)

    def nth(message: Message) -> str | None:
        values = message.headers.values(name)
        return values[index - 1] if index <= len(values) else None

    def remove(message: Message) -> None:
        values = message.headers.values(name)
        if index <= len(values):
            del values[index - 1]
            if values:
                message.headers.set(name, ", ".join(values))
            else:
                message.headers.remove(name)

    return Field(nth, lambda m, v: m.headers.set_value_at(name, index, text_of(v)), remove)


def _first_header(key: str) -> Read:
    """The text up to the first comma; fields that commas are part of are read whole."""
    if key in SINGLE_VALUED:

        def whole(message: Message) -> str | None:
            field = message.headers.fields.get(key)
            return None if field is None else field[1]

        return whole

    def first(message: Message) -> str | None:
        field = message.headers.fields.get(key)
        if field is None:
            return None
        value = field[1]
        return split_outside_quotes(value)[0].strip() if "," in value else value

    return first


def _parameter(of_query: bool, name: str, part: str) -> Field:
    def view(message: Message) -> Parameters:
        return message.query if of_query else message.form

    def edit(message: Message) -> Parameters:
        return message.edit_query() if of_query else message.edit_form()

    def remove(message: Message) -> None:
        if view(message).get(name) is not None:
            edit(message).remove(name)

    if part == "":
        return _request_field(lambda m: view(m).get(name), lambda m, v: edit(m).set(name, text_of(v)), remove)
    if part in ("values", "values.string"):
        as_text = part == "values.string"

        def values(message: Message) -> Any:
            found = view(message).values(name)
            if not found:
                return None
            return ",".join(found) if as_text else found

        return _request_field(values)
    if part == "values.count":
        return _request_field(lambda m: len(view(m).values(name)))
    index = int(part)

    def nth(message: Message) -> str | None:
        found = view(message).values(name)
        return found[index - 1] if index <= len(found) else None

    def remove_nth(message: Message) -> None:
        found = view(message).values(name)
        if index <= len(found):
            del found[index - 1]
            edit(message).set_values(name, found)

    return _request_field(nth, lambda m, v: edit(m).set_value_at(name, index, text_of(v)), remove_nth)
