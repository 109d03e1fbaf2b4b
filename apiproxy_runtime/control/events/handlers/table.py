"""The handlers there are, by name."""

from __future__ import annotations

from apiproxy_runtime.control.events.handlers import function, log, webhook, webhook_custom
from apiproxy_runtime.control.events.handlers.handler import Handler

HANDLERS: dict[str, Handler] = {
    handler.name: handler
    for handler in (webhook.HANDLER, webhook_custom.HANDLER, log.HANDLER, function.HANDLER)
}
