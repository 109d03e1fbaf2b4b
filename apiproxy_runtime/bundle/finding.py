"""What is wrong with a bundle, an environment or test data, and where it stands.

Readers and policies never stop at the first trouble: they add a finding and go on, so that an author sees all of
them at once. Whoever deploys looks at `Findings.ok` afterwards, or calls `raise_errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

Severity = Literal["error", "warning"]


class Placed(Protocol):
    """Whatever stands in a file: an XML node, a JSON value, a whole file."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Place(Struct, frozen=True):
    """A place in a file. Line and column count from 1; line 0 means the file (or folder) as a whole."""

    file: str
    line: int = 0
    column: int = 1


class Finding(Struct, frozen=True):
    """One thing to mend: where, what is wrong, and how to cure it.

    `name` is Apigee's own error name where there is one (`URLMissing`), else ours. `message` and `cure` are plain
    sentences; the cure may be empty.
    """

    file: str
    line: int
    column: int
    name: str
    message: str
    cure: str = ""
    severity: Severity = "error"

    def below(self, folder: str, root: str) -> Finding:
        """The finding with its path from a folder further up, if it is about `root` or a file below it."""
        if not folder or (self.file != root and not self.file.startswith(f"{root}/")):
            return self
        return replace(self, file=f"{folder}/{self.file}")

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        name = f"{self.name}: " if self.name else ""
        if not self.cure:
            return f"{place}: {name}{self.message}"
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        return f"{place}: {name}{self.message}{stop} {self.cure}"


class Findings:
    """Collects findings in the order in which they were met, each once."""

    __slots__ = ("_seen", "items")

    def __init__(self, items: Iterable[Finding] = ()) -> None:
        self.items: list[Finding] = []
        self._seen: set[Finding] = set()
        self.extend(items)

    def add(self, finding: Finding) -> None:
        if finding not in self._seen:
            self._seen.add(finding)
            self.items.append(finding)

    def error(self, place: Placed, name: str, message: str, cure: str = "") -> None:
        """Add something that keeps the bundle from being deployed."""
        self.add(Finding(place.file, place.line, place.column, name, message, cure, "error"))

    def warning(self, place: Placed, name: str, message: str, cure: str = "") -> None:
        """Add something that is probably not meant, but can be run."""
        self.add(Finding(place.file, place.line, place.column, name, message, cure, "warning"))

    def extend(self, others: Iterable[Finding]) -> None:
        for finding in others:
            self.add(finding)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.items if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.items if finding.severity == "warning"]

    @property
    def ok(self) -> bool:
        """True as long as there is no error; warnings do not count."""
        return not any(finding.severity == "error" for finding in self.items)

    def raise_errors(self) -> None:
        """Raise DeployError with everything found, if any of it is an error."""
        if not self.ok:
            raise DeployError(self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class DeployError(Exception):
    """A bundle or an environment cannot be deployed. `findings` holds all that was found, warnings too."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.errors))

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")
