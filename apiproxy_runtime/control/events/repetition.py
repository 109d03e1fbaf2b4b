"""Which events a hook passes over: those that are the same as others before.

Two events are the same when source, name and the fields published as `unique` are; without such fields, when all data
is. `on_change` passes over what is the same as the last event, `snooze` what is the same as one delivered in the last
seconds. With both, either suffices to pass an event over.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.policy.events import EventKind

#: How many events a hook's snooze remembers; the oldest are forgotten first.
REMEMBERED = 10_000


def key_of(kind: EventKind, data: Mapping[str, Any]) -> bytes:
    """What is equal for events that are the same."""
    names = kind.unique or tuple(sorted(data))
    values = [kind.source, kind.name, *(data.get(name) for name in names)]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


class Repetitions:
    """What one hook remembers. `now` is a clock in seconds that never goes back."""

    def __init__(self, on_change: bool, snooze: int, now: Callable[[], float]) -> None:
        self.on_change = on_change
        self.snooze = snooze
        self._now = now
        self._last: bytes | None = None
        self._until: OrderedDict[bytes, float] = OrderedDict()

    @property
    def matter(self) -> bool:
        return self.on_change or self.snooze > 0

    def passes(self, key: bytes) -> bool:
        """Whether an event is to be delivered; if so, it is remembered."""
        if self.on_change and key == self._last:
            return False
        if self.snooze:
            now = self._now()
            if self._until.get(key, now) > now:
                return False
            self._until[key] = now + self.snooze
            self._until.move_to_end(key)
            if len(self._until) > REMEMBERED:
                self._until.popitem(last=False)
        self._last = key
        return True
