"""How the runtime knows its own webhooks, so that one that leads to a proxy here is not told of again, without end.

Each webhook carries a time and a HMAC over it, by a key that all processes of one store share. It counts for a minute:
whoever receives webhooks cannot use it to keep other requests out of the log.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from apiproxy_runtime.state.store import Store, settled

HEADER = "x-apiproxy-event-hook"

#: Seconds for which a mark counts: longer than a webhook, and the request that it becomes, may take.
LIFE = 60

_SPACE = "event-hooks-key"


class Marker:
    """Makes marks and knows them again. Until `share` was awaited the key is this process's own."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_hex(16)

    async def share(self, store: Store) -> None:
        """Take the key that the store has, or give it ours. Raises StoreError."""
        await settled(store.compare_and_set(_SPACE, "key", None, self._key))
        kept = await settled(store.get(_SPACE, "key"))
        if isinstance(kept, str):
            self._key = kept

    def mark(self) -> str:
        return self._signed(str(int(self._now())))

    def knows(self, mark: str) -> bool:
        """Whether one of the processes made the mark in the last minute."""
        at, _, _ = mark.partition(".")
        if not at.isdecimal() or len(at) > 12 or abs(self._now() - int(at)) > LIFE:
            return False
        return hmac.compare_digest(mark.encode("utf-8", "replace"), self._signed(at).encode())

    def _signed(self, at: str) -> str:
        return f"{at}.{hmac.new(self._key.encode(), at.encode(), hashlib.sha256).hexdigest()[:32]}"
