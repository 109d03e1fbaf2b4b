"""Finds formatters: each module of this package but this one is a format, with `render(report, *, color)`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from apiproxy_runtime.lint.linter import Report


class MissingExtra(Exception):
    """A format needs a package that is not installed; the text names the extra."""


class Formatter(Protocol):
    """Bytes are for files and pipes, not for a terminal."""

    def __call__(self, report: Report, *, color: bool = False) -> str | bytes: ...


def formatter_names() -> list[str]:
    """The formats there are; a module's underscores are hyphens here."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if file.stem not in ("__init__", "registry"))


def find_formatter(name: str) -> Formatter | None:
    """The formatter of a name, with or without `.js` as apigeelint's users write it."""
    plain = name.removesuffix(".js")
    if plain not in formatter_names():
        return None
    module = importlib.import_module(f"apiproxy_runtime.lint.formatters.{plain.replace('-', '_')}")
    return cast(Formatter, module.render)
