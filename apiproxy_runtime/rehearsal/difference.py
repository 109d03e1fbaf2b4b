"""A difference between what two sides made of one case, and how grave it is."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Literal, NamedTuple

from msgspec import Struct

Face = Literal["answer", "upstream", "effect"]
FACES: tuple[Face, ...] = ("answer", "upstream", "effect")

#: Every kind of difference, with what it means.
KINDS = {
    "open-door": "refused before, allowed after",
    "refused": "allowed before, refused after",
    "failed": "one side broke (5xx) where the other did not",
    "status": "another status",
    "reason": "another reason phrase",
    "no-answer": "one side gave no answer",
    "header-missing": "a header that the old side sent is missing",
    "header-extra": "a header that the old side did not send",
    "header-value": "a header with another value",
    "header-order": "the same values of a header in another order",
    "missing": "a field that the old side had is missing",
    "extra": "a field that the old side did not have",
    "value": "another value",
    "type": "a value of another type",
    "order": "the same things in another order",
    "length": "more or fewer items",
    "layout": "the same content, written in other bytes",
    "content": "another body",
    "method": "another method",
    "url": "another URL",
    "call-missing": "a call that the old side made is missing",
    "call-extra": "a call that the old side did not make",
    "call-repeated": "a call made more often than by the old side",
    "effect-missing": "a side effect that the old side had is missing",
    "effect-extra": "a side effect that the old side did not have",
    "effect-value": "a side effect with other content",
}

#: Longest text of a value that is kept with a difference.
KEPT = 2000


class Severity(IntEnum):
    """`info` is for what is known and expected."""

    info = 0
    minor = 1
    major = 2
    critical = 3


class Mismatch(NamedTuple):
    """Where two things differ, as the comparators of one kind of content tell it."""

    path: str
    kind: str
    before: str
    after: str


class Difference(Struct, frozen=True):
    """One difference.

    face    which of the three faces
    about   which of several things on that face: the host of an upstream, the kind of an effect; empty for the answer
    path    `status`, `header.content-type`, `body.$.items[0].id`, …
    before, after  texts; empty where there is nothing
    rule    what makes it expected: `pack:ID`, `accepted:ID`, `noise:…`; empty for an unexpected one
    known   what explains an unexpected one: `pack:ID`; empty for nothing
    call, call_after  number of the upstream call among those of the old and of the new side, -1 where there is none
    cause_before, cause_after  steps that made the value on each side
    raised  whether the old side's step did it by a fault
    """

    face: Face
    about: str
    path: str
    kind: str
    before: str
    after: str
    severity: Severity
    rule: str = ""
    known: str = ""
    call: int = -1
    call_after: int = -1
    cause_before: str = ""
    cause_after: str = ""
    raised: bool = False

    @property
    def expected(self) -> bool:
        return bool(self.rule)

    @property
    def place(self) -> str:
        """The path with list positions left out, so that one cause in many items is one place."""
        return generalised(self.path)

    def __str__(self) -> str:
        about = f" to {self.about}" if self.face == "upstream" else ""
        return f"{self.face}{about} {self.path}: {self.before!r} became {self.after!r} ({self.kind})"


_POSITION = re.compile(r"\[\d+\]")


def generalised(path: str) -> str:
    """`$.a[3].b` as `$.a[*].b`."""
    return _POSITION.sub("[*]", path) if "[" in path else path


def shown(value: str) -> str:
    """A value as it is kept with a difference."""
    return value if len(value) <= KEPT else f"{value[:KEPT]}… ({len(value)} characters)"
