"""The handler `log`: one line in the log for each event."""

from __future__ import annotations

import logging
import os
from typing import Any

from apiproxy_runtime.control.events.handlers.handler import Deliver, Event, Handler, Tools
from apiproxy_runtime.control.observe.jsonbytes import as_json

#: A logger of its own, whose level is INFO however quiet the others are: whoever makes the hook wants the lines.
logger = logging.getLogger("apiproxy.events")
logger.setLevel(logging.INFO)


def make(config: dict[str, Any], tools: Tools) -> Deliver:
    async def deliver(event: Event) -> bool:
        data = {name: value for name, value in event.items() if name not in ("source", "event")}
        line = {"source": event["source"], "event": event["event"], "data": data, "pid": os.getpid()}
        logger.info("log callback: %s", as_json(line).decode())
        return True

    return deliver


HANDLER = Handler("log", {}, make)
