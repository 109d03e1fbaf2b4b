"""The text of the files that problems stand in, for formats that show it."""

from __future__ import annotations

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.lint.result import FileResult


class Sources:
    """Reads each file once; a file that cannot be read, or is no text, has no lines."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def lines(self, file: FileResult) -> list[str]:
        """The lines of a file without their ends."""
        lines = self._lines.get(file.path)
        if lines is None:
            lines = self._lines[file.path] = _read(file)
        return lines

    def line(self, file: FileResult, number: int) -> str:
        """One line, from 1; empty where there is none."""
        lines = self.lines(file)
        return lines[number - 1] if 0 < number <= len(lines) else ""


def _read(file: FileResult) -> list[str]:
    if file.source is None:
        return []
    try:
        return file.source.read(file.file).decode("utf-8-sig").splitlines()
    except (SourceError, OSError, KeyError, UnicodeDecodeError):
        return []
