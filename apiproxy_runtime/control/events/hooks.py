"""The event hooks of a runtime: kept in the store, matched with what is emitted, each with its queue."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from apiproxy_runtime.control.events.delivery import Delivery
from apiproxy_runtime.control.events.handlers.handler import Event, NotAllowed, Tools
from apiproxy_runtime.control.events.handlers.table import HANDLERS
from apiproxy_runtime.control.events.hook import Hook, merged, read_hook
from apiproxy_runtime.control.events.repetition import Repetitions, key_of
from apiproxy_runtime.control.events.schema import SchemaViolation
from apiproxy_runtime.policy.events import Data, EventKind, Events
from apiproxy_runtime.state.secret import secret_key
from apiproxy_runtime.state.store import Store, StoreError, settled

logger = logging.getLogger("apiproxy.events")

#: Where the store keeps hooks, by id.
SPACE = "event-hooks"


class Exists(Exception):
    """There is a hook of that id."""


class ActiveHook:
    """A hook with its handler made, its memory and its queue."""

    def __init__(
        self, hook: Hook, tools: Tools, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self.hook = hook
        self.deliver = HANDLERS[hook.handler].make(hook.config, tools)
        label = f"{hook.id} ({hook.handler} of {hook.source}{'/' + hook.event if hook.event else ''})"
        self.delivery = Delivery(self.deliver, hook.config["queue"], label, spawn)
        self.repetitions = Repetitions(bool(hook.on_change), hook.snooze or 0, time.monotonic)

    def offer(self, kind: EventKind, data: Data) -> None:
        """Put an event into the queue, unless it is a repetition to be passed over."""
        if self.repetitions.matter and not self.repetitions.passes(key_of(kind, data)):
            self.delivery.counts.suppressed += 1
            return
        self.delivery.put(
            {
                "source": kind.source,
                "event": kind.name,
                **{name: data[name] for name in kind.fields if name in data},
            }
        )


class Hooks:
    """All hooks. `attach` has them hear the events of a runtime; `changed` are called when hooks come or go."""

    def __init__(self, store: Store, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._active: dict[str, ActiveHook] = {}
        self._attached: list[tuple[Events, Callable[[], None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stored: dict[str, str | bytes] = {}
        self.changed: list[Callable[[], None]] = []

    # ---- what is emitted

    def attach(self, events: Events) -> None:
        """Hear what is emitted there, as far as hooks want it."""
        self._attached.append((events, events.listen(self.hear, self.wants)))

    def wants(self, kind: EventKind) -> bool:
        return any(active.hook.matches(kind.source, kind.name) for active in self._active.values())

    def hear(self, kind: EventKind, data: Data) -> None:
        """Offer an event to the hooks that match."""
        for active in self._active.values():
            if active.hook.matches(kind.source, kind.name):
                active.offer(kind, data)

    # ---- reading

    def all(self) -> list[Hook]:
        """The hooks, oldest first."""
        return sorted(
            (active.hook for active in self._active.values()), key=lambda hook: (hook.created_at, hook.id)
        )

    def find(self, id: str) -> ActiveHook | None:
        return self._active.get(id.lower())

    def status(self) -> dict[str, dict[str, int]]:
        """Of each hook, by id: events waiting, delivered, retried, dropped, suppressed."""
        return {hook_id: active.delivery.status() for hook_id, active in self._active.items()}

    # ---- changing

    async def create(self, document: Any, id: str | None = None) -> Hook:
        """Add a hook. Raises SchemaViolation, Exists, StoreError."""
        if id is not None and isinstance(document, dict):
            document = {**document, "id": id}
        hook = read_hook(document, id=str(uuid.uuid4()), created_at=int(time.time()))
        if hook.id in self._active:
            raise Exists(hook.id)
        await self._keep(self._make(hook))
        if HANDLERS[hook.handler].pings:
            self._active[hook.id].delivery.put(ping_of(hook))
        return hook

    async def replace(self, id: str, document: Any) -> Hook:
        """Put another hook in a hook's place, or a first one there. Raises as `create`."""
        before = self.find(id)
        if before is None:
            return await self.create(document, id)
        if isinstance(document, dict):
            document = {**document, "id": before.hook.id}
        return await self._change(before, read_hook(document, id=id, created_at=before.hook.created_at))

    async def change(self, before: ActiveHook, changes: Any) -> Hook:
        """Change some fields. Raises as `create`."""
        document = merged(before.hook, changes)
        return await self._change(
            before, read_hook(document, id=before.hook.id, created_at=before.hook.created_at)
        )

    async def delete(self, active: ActiveHook) -> None:
        """Forget a hook and what waits for it. Raises StoreError."""
        await settled(self._store.delete(SPACE, active.hook.id, durable=True))
        self._stored.pop(active.hook.id, None)
        self._drop(active.hook.id)
        self._reconsider()

    async def load(self) -> None:
        """Take the hooks as the store has them: what others added, changed or deleted. Raises StoreError."""
        stored = dict(await settled(self._store.entries(SPACE)))
        if stored == self._stored:
            return
        for hook_id in self._active.keys() - stored.keys():
            self._drop(hook_id)
        for hook_id, value in stored.items():
            if value == self._stored.get(hook_id):
                continue
            try:
                active = self._make(read_hook(self._unseal(hook_id, value), id=hook_id, created_at=0))
            except (SchemaViolation, ValueError, StoreError) as error:
                logger.error("Event hook %s of the store is not usable: %s", hook_id, error)
                continue
            self._put(active)
        self._stored = stored
        self._reconsider()

    async def close(self, grace: float) -> None:
        """Hear nothing more, and give what waits `grace` seconds."""
        for _, end in self._attached:
            end()
        self._attached.clear()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace)
        for hook_id in list(self._active):
            self._drop(hook_id)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _change(self, before: ActiveHook, hook: Hook) -> Hook:
        if hook != before.hook:
            await self._keep(self._make(hook))
        return hook

    def _make(self, hook: Hook) -> ActiveHook:
        try:
            return ActiveHook(hook, self._tools, self._spawn)
        except NotAllowed as error:
            raise SchemaViolation({"config": {"functions": str(error)}}) from None

    async def _keep(self, active: ActiveHook) -> None:
        """Into the store first: a hook that cannot be kept is not taken."""
        value = self._sealed(active.hook)
        await settled(self._store.put(SPACE, active.hook.id, value, durable=True))
        self._stored[active.hook.id] = value
        self._put(active)
        self._reconsider()

    def _put(self, active: ActiveHook) -> None:
        """In the place of the hook of that id, whose queue and counts it takes over."""
        before = self._active.get(active.hook.id)
        self._active[active.hook.id] = active
        if before is not None:
            active.delivery.counts = before.delivery.counts
            for event in before.delivery.close():
                active.delivery.put(event)

    def _drop(self, hook_id: str) -> None:
        before = self._active.pop(hook_id, None)
        if before is not None:
            before.delivery.close()

    def _reconsider(self) -> None:
        for events, _ in self._attached:
            events.reconsider()
        for changed in self.changed:
            changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- secrets at rest

    def _sealed(self, hook: Hook) -> str | bytes:
        text = json.dumps(hook.shown(), ensure_ascii=False)
        if not (hook.config.get("secret") or hook.config.get("headers")):
            return text
        key = secret_key(self._store)
        return text if key is None else key.seal(text, f"{SPACE}/{hook.id}")

    def _unseal(self, hook_id: str, value: str | bytes) -> Any:
        """Raises ValueError for what is no hook, StoreError for one that another key sealed."""
        if isinstance(value, str):
            return json.loads(value)
        key = secret_key(self._store)
        if key is None:
            raise ValueError("it is encrypted, and there is no key")
        return json.loads(key.unseal(value, f"{SPACE}/{hook_id}"))


def ping_of(hook: Hook) -> Event:
    """What a webhook gets when it is made, and when it is pinged."""
    return {"source": "kong:event_hooks", "event": "ping", "event_hooks": hook.without_secret().shown()}
