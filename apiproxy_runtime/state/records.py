"""What policies report to the platform: log lines, analytics, published messages. Here they end in local files.

A record is one JSON object. The newest of each stream are kept in memory, for whoever asks; with a folder, all are
appended to `STREAM.jsonl` in it, one object a line. Streams are `cloud-logging`, `analytics`, `pubsub`, `connectors`.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from pathlib import Path
from typing import Any, TextIO

#: How many records of a stream are kept in memory.
KEPT = 1000

logger = logging.getLogger("apiproxy")


class Records:
    """The streams of one runtime. A file that cannot be written costs a warning, never a transaction."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._kept: dict[str, deque[dict[str, Any]]] = {}
        self._files: dict[str, TextIO | None] = {}

    def add(self, stream: str, record: dict[str, Any]) -> None:
        """Append a record. Values that JSON does not know are written as text."""
        kept = self._kept.get(stream)
        if kept is None:
            kept = self._kept[stream] = deque(maxlen=KEPT)
        kept.append(record)
        if self.folder is not None:
            file = self._file(stream)
            if file is not None:
                file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
                file.flush()

    def newest(self, stream: str) -> list[dict[str, Any]]:
        """The records still in memory, oldest first."""
        return list(self._kept.get(stream, ()))

    def close(self) -> None:
        for file in self._files.values():
            if file is not None:
                file.close()
        self._files.clear()

    def _file(self, stream: str) -> TextIO | None:
        if stream not in self._files:
            assert self.folder is not None
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._files[stream] = (self.folder / f"{stream}.jsonl").open("a", encoding="utf-8")
            except OSError as error:
                logger.warning("Records of %s cannot be written: %s", stream, error)
                self._files[stream] = None
        return self._files[stream]
