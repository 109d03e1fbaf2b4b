"""Events: what the runtime and its policies tell to whoever listens, by source and name.

An event is published before it is emitted, so that a listener can choose among those there are and knows their fields:

    class Lookup(Policy):
        events = (EventKind("lookup", "failed", ("proxy", "policy", "reason"), unique=("proxy", "policy")),)

        def compile(self, site):
            failed = site.emitter(self.events[0])
            ...
            if failed:
                failed({"proxy": …, "policy": self.name, "reason": …})

An emitter is false while nobody listens to its event, and calling it then does nothing. Listeners run at once, on the
event loop: they put what they get into a queue and return.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

logger = logging.getLogger("apiproxy")

Data = Mapping[str, Any]
Listener = Callable[["EventKind", Data], None]
Wants = Callable[["EventKind"], bool]


class EventKind(Struct, frozen=True):
    """What is published of an event.

    fields  names of the data that every event of the kind has
    unique  those of them that make two events the same, for listeners that pass over repetitions; none: all
    """

    source: str
    name: str
    fields: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    description: str = ""


class Emitter:
    """Emits the events of one kind. False while nobody listens, so that no data need be gathered in vain."""

    __slots__ = ("kind", "listeners")

    def __init__(self, kind: EventKind) -> None:
        self.kind = kind
        self.listeners: tuple[Listener, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.listeners)

    def __call__(self, data: Data) -> None:
        """Tell the listeners. What goes wrong with one is logged, and is no trouble of the one who emits."""
        for listener in self.listeners:
            try:
                listener(self.kind, data)
            except Exception:
                logger.exception("A listener to %s/%s failed", self.kind.source, self.kind.name)


class Events:
    """What is published in one runtime, and who listens. A listener may come and go while requests run."""

    def __init__(self) -> None:
        self._emitters: dict[tuple[str, str], Emitter] = {}
        self._listeners: list[tuple[Listener, Wants]] = []

    def publish(self, kind: EventKind) -> Emitter:
        """Make an event known: what emits it. Published again with other fields, the newer kind holds."""
        emitter = self._emitters.get((kind.source, kind.name))
        if emitter is None:
            emitter = self._emitters[kind.source, kind.name] = Emitter(kind)
            self._choose(emitter)
        elif emitter.kind != kind:
            emitter.kind = kind
            self._choose(emitter)
        return emitter

    def emit(self, source: str, name: str, data: Data) -> None:
        """Emit an event by its name. Raises LookupError when it was not published."""
        emitter = self._emitters.get((source, name))
        if emitter is None:
            raise LookupError(f"the event {source}/{name} was not published")
        emitter(data)

    def kinds(self) -> list[EventKind]:
        """Everything published, in the order of sources and names."""
        return [self._emitters[key].kind for key in sorted(self._emitters)]

    def listen(self, listener: Listener, wants: Wants) -> Callable[[], None]:
        """Have the events told of whose kinds `wants` holds; a function that ends it.

        `wants` is asked when something is published or somebody begins or ends to listen, and on `reconsider`.
        """
        entry = (listener, wants)
        self._listeners.append(entry)
        self.reconsider()

        def end() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)
                self.reconsider()

        return end

    def reconsider(self) -> None:
        """Ask all listeners anew what they want."""
        for emitter in self._emitters.values():
            self._choose(emitter)

    def _choose(self, emitter: Emitter) -> None:
        emitter.listeners = tuple(listener for listener, wants in self._listeners if wants(emitter.kind))
