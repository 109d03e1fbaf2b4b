"""What a run of the linter found: per file its problems, in ESLint's terms, and edits that mend some of them."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.archive import Source

WARNING = 1
ERROR = 2


class Fix(Struct, frozen=True):
    """Replace the bytes `start` to `end` (exclusive) of a file by `text`.

    Bytes are counted in the file's text as UTF-8 without byte order mark, as `Node` counts them.
    """

    start: int
    end: int
    text: str


class TrailStep(Struct, frozen=True):
    """One place on the way to a problem, and what happens there. `path` is the one to print."""

    path: str
    line: int
    column: int
    text: str


class Problem(Struct, frozen=True):
    """One problem in one file.

    severity   1 warning, 2 error
    line       counts from 1; 0 means the file (or folder) as a whole
    node_type  what the rule looked at: Policy, Step, Condition, …
    internal   the rule itself failed; nothing is known about the bundle
    trail      the way to it, step by step, where a rule tells it
    """

    rule: str
    severity: int
    message: str
    cure: str
    line: int
    column: int
    node_type: str
    fix: Fix | None = None
    internal: bool = False
    trail: tuple[TrailStep, ...] = ()

    @property
    def text(self) -> str:
        """Message and cure as one text."""
        if not self.cure:
            return self.message
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        return f"{self.message}{stop} {self.cure}"


class FileResult(Struct, frozen=True):
    """A file that was looked at, and its problems by line. `file` is its path in `source`, `path` the one to print."""

    path: str
    file: str
    source: Source | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        return sum(problem.severity == ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        return sum(problem.severity == WARNING for problem in self.problems)

    @property
    def fixable_errors(self) -> int:
        return sum(problem.severity == ERROR and problem.fix is not None for problem in self.problems)

    @property
    def fixable_warnings(self) -> int:
        return sum(problem.severity == WARNING and problem.fix is not None for problem in self.problems)
