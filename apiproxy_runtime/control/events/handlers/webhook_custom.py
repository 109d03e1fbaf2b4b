"""The handler `webhook-custom`: a request of one's own making, with templates over the event's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.control.events.handlers.handler import Deliver, Event, Handler, Tools
from apiproxy_runtime.control.events.handlers.request import FIELDS, send
from apiproxy_runtime.control.events.schema import Field, boolean, mapping, method, string
from apiproxy_runtime.control.events.template import compile_text, compile_value
from apiproxy_runtime.control.observe.jsonbytes import as_json


def make(config: dict[str, Any], tools: Tools) -> Deliver:
    fields = dict(config["headers"] or {})
    if config["payload"] is not None and not any(name.lower() == "content-type" for name in fields):
        fields["Content-Type"] = "application/json"
    header_of = {
        name: compile_text(value) if config["headers_format"] else _constant(value)
        for name, value in fields.items()
    }
    body_of = _body(config)

    async def deliver(event: Event) -> dict[str, Any]:
        # a field may hold line breaks, which a header may not
        ready = {name: " ".join(render(event).split()) for name, render in header_of.items()}
        return await send(tools, config, config["method"], ready, body_of(event))

    return deliver


def _constant(text: str) -> Callable[[Any], str]:
    return lambda data: text


def _body(config: dict[str, Any]) -> Callable[[Event], bytes]:
    payload, body = config["payload"], config["body"]
    if payload is not None:
        fill = compile_value(payload) if config["payload_format"] else lambda data: payload
        return lambda event: as_json(fill(event))
    if body is None:
        return lambda event: b""
    render = compile_text(body) if config["body_format"] else _constant(body)
    return lambda event: render(event).encode("utf-8", "replace")


HANDLER = Handler(
    "webhook-custom",
    {
        **FIELDS,
        "method": Field(method, required=True),
        "headers_format": Field(boolean, default=False),
        "payload": Field(mapping),
        "payload_format": Field(boolean, default=True),
        "body": Field(string),
        "body_format": Field(boolean, default=True),
    },
    make,
)
