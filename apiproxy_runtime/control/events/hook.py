"""The entity of `/event-hooks`: what it may hold, and how it is read and shown. The fields are Kong's."""

from __future__ import annotations

import uuid
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.control.events.handlers.table import HANDLERS
from apiproxy_runtime.control.events.schema import (
    Field,
    Fields,
    JsonObject,
    SchemaViolation,
    boolean,
    checked,
    integer,
    number,
    one_of,
    record,
    string,
)

#: How events wait for their delivery; names, units and most defaults are those of the queues of Kong's plugins.
QUEUE: Fields = {
    "max_entries": Field(integer(1, 1_000_000), default=10_000),
    "max_retry_time": Field(number, default=60.0),
    "initial_retry_delay": Field(number, default=0.01),
    "max_retry_delay": Field(number, default=60.0),
    "concurrency_limit": Field(integer(1, 100), default=1),
}


def _identifier(value: Any) -> str:
    try:
        return str(uuid.UUID(string(value)))
    except ValueError:
        raise ValueError("expected a valid UUID") from None


_FIELDS: Fields = {
    "id": Field(_identifier),
    "created_at": Field(integer(0, 2**40)),
    "source": Field(string, required=True),
    "event": Field(string),
    "handler": Field(one_of(*HANDLERS), required=True),
    "on_change": Field(boolean),
    "snooze": Field(integer(0, 31_536_000)),
}


class Hook(Struct, frozen=True):
    """One hook. `event` None stands for every event of the source; `config` is what the handler's fields say."""

    id: str
    created_at: int
    source: str
    event: str | None
    handler: str
    on_change: bool | None
    snooze: int | None
    config: JsonObject

    def shown(self) -> JsonObject:
        """As the API answers it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "source": self.source,
            "event": self.event,
            "handler": self.handler,
            "on_change": self.on_change,
            "snooze": self.snooze,
            "config": self.config,
        }

    def without_secret(self) -> Hook:
        """What the hook's own target may see of it."""
        if not self.config.get("secret"):
            return self
        return replace(self, config={**self.config, "secret": None})

    def matches(self, source: str, event: str) -> bool:
        return self.source == source and self.event in (None, event)


def read_hook(document: Any, *, id: str, created_at: int) -> Hook:
    """A hook from the body of a request; `id` and `created_at` hold where it names none. Raises SchemaViolation."""
    if not isinstance(document, dict):
        raise SchemaViolation({"@entity": "expected a record"})
    handler = HANDLERS.get(str(document.get("handler")))
    fields = dict(_FIELDS)
    if handler is None:
        # what its configuration may hold nobody knows: the handler is what is wrong
        fields["config"] = Field(lambda value: value)
    else:
        queue = Field(record(QUEUE), default=checked(QUEUE, {}))
        config = record({**handler.fields, "queue": queue})
        document = {**document, "config": {} if document.get("config") is None else document["config"]}
        fields["config"] = Field(config)
    found = checked(fields, document)
    return Hook(
        found["id"] or id,
        created_at if found["created_at"] is None else found["created_at"],
        found["source"],
        found["event"],
        found["handler"],
        found["on_change"],
        found["snooze"],
        found["config"],
    )


def merged(hook: Hook, changes: Any) -> Any:
    """A hook's document with the changes of a PATCH. Another handler begins with an empty configuration."""
    if not isinstance(changes, dict):
        raise SchemaViolation({"@entity": "expected a record"})
    before = hook.shown()
    config = changes.get("config")
    if changes.get("handler", hook.handler) != hook.handler:
        before["config"] = {}
    if isinstance(config, dict):
        return {**before, **changes, "config": {**before["config"], **config}, "id": hook.id}
    return {**before, **changes, "id": hook.id}
