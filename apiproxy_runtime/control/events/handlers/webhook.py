"""The handler `webhook`: POSTs the event as JSON."""

from __future__ import annotations

from typing import Any

from apiproxy_runtime.control.events.handlers.handler import Deliver, Event, Handler, Tools
from apiproxy_runtime.control.events.handlers.request import FIELDS, send
from apiproxy_runtime.control.observe.jsonbytes import as_json


def make(config: dict[str, Any], tools: Tools) -> Deliver:
    fields = {"Content-Type": "application/json", **(config["headers"] or {})}

    async def deliver(event: Event) -> dict[str, Any]:
        return await send(tools, config, "POST", fields, as_json(event))

    return deliver


HANDLER = Handler("webhook", FIELDS, make, pings=True)
