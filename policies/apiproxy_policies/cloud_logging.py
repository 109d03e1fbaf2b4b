"""Cloud Logging at the other end: entries go out in the background, through the API's method `entries.write`."""

from __future__ import annotations

import logging
from collections import deque

from apiproxy_runtime.policy.api import CallFailed, GoogleApi, Site

logger = logging.getLogger("apiproxy")

URL = "https://logging.googleapis.com/v2/entries:write"
#: Entries held for a server that is slow; beyond it the oldest are lost.
HELD = 10_000
#: Entries of one call.
BATCH = 1000


class CloudLog:
    """The entries of one policy on their way. They are written in order; those of a call that fails are lost."""

    def __init__(self, site: Site) -> None:
        self._api = GoogleApi(site, "logging")
        self._spawn = site.services.spawn
        self._waiting: deque[dict[str, object]] = deque(maxlen=HELD)
        self._busy = False

    def answers(self) -> bool:
        """Whether somebody takes entries; else they belong into the records."""
        return self._api.answers(URL)

    def write(self, entry: dict[str, object]) -> None:
        """Queue an entry, a LogEntry of the API; returns at once."""
        self._waiting.append(entry)
        if not self._busy:
            self._busy = True
            self._spawn(self._deliver())

    async def _deliver(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                entries = [waiting.popleft() for _ in range(min(len(waiting), BATCH))]
                try:
                    response = await self._api.post(None, URL, {"entries": entries})
                except CallFailed as failed:
                    logger.warning("Cloud Logging did not take %d entries: %s", len(entries), failed.text)
                else:
                    if response.status >= 400:
                        logger.warning(
                            "Cloud Logging did not take %d entries: status %d", len(entries), response.status
                        )
        finally:
            self._busy = False
