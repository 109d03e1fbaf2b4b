"""The forms of the report, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from apiproxy_runtime.rehearsal.report import html, json, junit, markdown, terminal
from apiproxy_runtime.rehearsal.run import Rehearsal

FORMATS: dict[str, Callable[[Rehearsal, TextIO], None]] = {
    "text": terminal.write,
    "json": json.write,
    "junit": junit.write,
    "markdown": markdown.write,
    "html": html.write,
}
