"""One thing that a move to another platform meets, and the check that finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.bundle.model import PolicySource

if TYPE_CHECKING:
    from apiproxy_runtime.rehearsal.readiness.subject import Subject

#: blocks: import or deploy is refused; changes: it behaves differently; limit: a limit of the platform; information.
Severity = Literal["blocks", "changes", "limit", "information"]
SEVERITIES: tuple[Severity, ...] = ("blocks", "changes", "limit", "information")


class Hit(Struct, frozen=True):
    """Where a check found something, and what it is. `severity` and `fix` are set where they differ from the check's."""

    place: Placed
    message: str
    policy: PolicySource | None = None
    severity: Severity | None = None
    fix: str = ""


class Check(Struct, frozen=True):
    """A check of one thing.

    id       X001 … X036, V for flow variables, L for limits
    why      what happens on the platform
    fix      what to do
    docs     the public page the rule comes from
    autofix  whether the edit is mechanical
    """

    id: str
    severity: Severity
    title: str
    why: str
    fix: str
    find: Callable[[Subject], Iterable[Hit]]
    docs: str = ""
    autofix: bool = False


class Finding(Struct, frozen=True):
    """A check's hit in a bundle; `line` 0 is the file as a whole."""

    id: str
    severity: Severity
    proxy: str
    policy: str
    policy_type: str
    file: str
    line: int
    message: str
    why: str
    fix: str
    docs: str
    autofix: bool


def run(check: Check, subject: Subject) -> Iterator[Finding]:
    """What the check finds in a bundle, each place and message once."""
    seen: set[tuple[str, int, str]] = set()
    for hit in check.find(subject):
        key = (hit.place.file, hit.place.line, hit.message)
        if key in seen:
            continue
        seen.add(key)
        yield Finding(
            check.id,
            hit.severity or check.severity,
            subject.bundle.name,
            hit.policy.name if hit.policy is not None else "",
            hit.policy.element if hit.policy is not None else "",
            hit.place.file,
            hit.place.line,
            hit.message,
            check.why,
            hit.fix or check.fix,
            check.docs,
            check.autofix,
        )
