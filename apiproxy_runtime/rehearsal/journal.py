"""What became of each case, on disk: the matrix of the reports, and where an interrupted run goes on.

JSON Lines. The first line tells what was rehearsed; each further one is a case. A run of any length holds no more of
it in memory than the line it writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TextIO

from msgspec import Struct

from apiproxy_runtime.rehearsal.difference import Difference

#: Seconds after which written lines are handed to the disk.
FLUSH_SECONDS = 1.0
#: Of what a line holds.
_VERSION = 2


class JournalMismatch(ValueError):
    """The journal is of another rehearsal."""


class Found(NamedTuple):
    """A difference as a line keeps it: the fields of `Difference`, with `place` for its path in all cases."""

    face: str
    about: str
    place: str
    path: str
    kind: str
    before: str
    after: str
    severity: int
    rule: str
    cause_before: str
    cause_after: str
    known: str
    raised: bool


class CaseLine(Struct, frozen=True):
    """One case. `found` is what `tally` aggregates; `views` the evidence that was kept of it, as plain JSON."""

    number: int
    id: str
    session: str
    method: str
    path: str
    name: str
    before: int
    after: int
    verdict: str
    found: list[Found]
    views: dict[str, Any] | None = None
    misses: tuple[str, ...] = ()

    def written(self) -> str:
        line: dict[str, Any] = {
            "n": self.number,
            "id": self.id,
            "m": self.method,
            "p": self.path,
            "b": self.before,
            "a": self.after,
            "v": self.verdict,
        }
        if self.session:
            line["s"] = self.session
        if self.name:
            line["t"] = self.name
        if self.found:
            line["d"] = self.found
        if self.views is not None:
            line["x"] = self.views
        if self.misses:
            line["u"] = self.misses
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> CaseLine:
        return cls(
            line["n"],
            line["id"],
            line.get("s", ""),
            line["m"],
            line["p"],
            line.get("t", ""),
            line["b"],
            line["a"],
            line["v"],
            [Found(*each) for each in line.get("d", ())],
            line.get("x"),
            tuple(line.get("u", ())),
        )


class Journal:
    """Appends cases. With `resume`, the cases that the file holds already are kept. Raises JournalMismatch, OSError."""

    def __init__(self, path: Path, about: Mapping[str, str], *, resume: bool = False) -> None:
        self.path = path
        self.done = 0
        self._flushed = time.monotonic()
        if resume and path.exists() and path.stat().st_size:
            self._take_up(about)
            self._file: TextIO = path.open("a", encoding="utf-8")
        else:
            self._file = path.open("w", encoding="utf-8")
            self._file.write(json.dumps({"rehearsal": _VERSION, **about}, ensure_ascii=False) + "\n")

    def _take_up(self, about: Mapping[str, str]) -> None:
        """Count what is there, and cut off a line that was not written to its end."""
        whole = 0
        with self.path.open("rb") as file:
            first = file.readline()
            try:
                told = json.loads(first)
            except ValueError:
                told = None
            if not isinstance(told, dict) or told.pop("rehearsal", None) != _VERSION:
                raise JournalMismatch(
                    f"{self.path} is no journal of a rehearsal, or one of another version: name another file"
                )
            changed = [key for key in about if told.get(key) != about[key]]
            if changed:
                raise JournalMismatch(
                    f"{self.path} belongs to another rehearsal ({', '.join(changed)} changed since): remove it to begin anew"
                )
            whole = len(first)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self.done += 1
        with self.path.open("r+b") as file:
            file.truncate(whole)

    def add(self, case: CaseLine) -> None:
        self._file.write(case.written() + "\n")
        now = time.monotonic()
        if now - self._flushed > FLUSH_SECONDS:
            self._file.flush()
            self._flushed = now

    def cases(self) -> Iterator[CaseLine]:
        """All cases so far, one at a time; also after `close`."""
        if not self._file.closed:
            self._file.flush()
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield CaseLine.of(json.loads(line))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def found_of(difference: Difference) -> Found:
    """A difference as a line keeps it."""
    d = difference
    return Found(
        d.face, d.about, d.place, d.path, d.kind, d.before, d.after, int(d.severity), d.rule, d.cause_before, d.cause_after,
        d.known, d.raised,
    )  # fmt: skip
