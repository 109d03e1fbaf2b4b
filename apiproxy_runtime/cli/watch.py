"""Tells when files of a bundle change. Polling costs little and works in containers and on network folders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

#: Seconds between two looks.
INTERVAL = 0.4


async def watch_files(paths: Iterable[Path], changed: Callable[[], None]) -> None:
    """Call `changed` after each change below the paths; for ever, until cancelled."""
    paths = list(paths)
    before = snapshot(paths)
    while True:
        await asyncio.sleep(INTERVAL)
        now = snapshot(paths)
        if now != before:
            before = now
            changed()


def snapshot(paths: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Modification time (ns) and size of every file below the paths; files that vanish meanwhile are left out."""
    found: dict[str, tuple[int, int]] = {}
    for path in paths:
        if path.is_file():
            _note(str(path), found)
        for folder, folders, files in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
            for name in files:
                _note(os.path.join(folder, name), found)  # noqa: PTH118  the walk's own strings, for speed
    return found


def _note(file: str, found: dict[str, tuple[int, int]]) -> None:
    try:
        status = Path(file).stat()
    except OSError:
        return
    found[file] = (status.st_mtime_ns, status.st_size)
