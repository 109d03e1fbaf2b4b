"""What installed packages offer under a name, read from their `entry_points.txt`.

The standard library's `importlib.metadata` tells the same, but loading it takes a tenth of what a whole run of the
linter may. Packages in zip files are not seen. Source: packaging.python.org, "Entry points specification".
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

_SUFFIXES = (".dist-info", ".egg-info")


def entry_points(group: str) -> tuple[str, ...]:
    """The values of a group, sorted; each names a module, and perhaps an object in it after a colon."""
    return tuple(sorted({value for found, value in _all(tuple(sys.path)) if found == group}))


@lru_cache(1)
def _all(folders: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for folder in dict.fromkeys(folders):
        try:
            packages = [entry.path for entry in os.scandir(folder or ".") if entry.name.endswith(_SUFFIXES)]
        except OSError:
            continue
        for package in packages:
            try:
                found += _read(Path(package, "entry_points.txt").read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):
                continue
    return tuple(found)


def _read(text: str) -> list[tuple[str, str]]:
    """Pairs of group and value."""
    group = ""
    pairs: list[tuple[str, str]] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif "=" in line and not line.startswith(("#", ";")):
            pairs.append((group, line.partition("=")[2].partition("[")[0].strip()))
    return pairs
