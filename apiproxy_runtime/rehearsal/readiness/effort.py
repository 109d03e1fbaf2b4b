"""How much work a move is: points for each thing that has to be looked at, all of them listed.

The points are added and nothing else, so that anybody can argue about one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from apiproxy_runtime.bundle.model import HTTPTargetConnection
from apiproxy_runtime.kong.convert.outcome import Row
from apiproxy_runtime.rehearsal.readiness.finding import Finding
from apiproxy_runtime.rehearsal.readiness.subject import Subject

Level = Literal["simple", "medium", "complex"]
#: up to these points a proxy is simple, or medium
SIMPLE, MEDIUM = 30, 80


class Driver(Struct, frozen=True):
    """`count` things of `points` each; `extra` points on top for size."""

    name: str
    count: int
    points: int
    extra: int = 0

    @property
    def total(self) -> int:
        return self.count * self.points + self.extra


class Effort(Struct, frozen=True):
    drivers: tuple[Driver, ...]

    @property
    def score(self) -> int:
        return sum(driver.total for driver in self.drivers)

    @property
    def level(self) -> Level:
        return "simple" if self.score <= SIMPLE else "medium" if self.score <= MEDIUM else "complex"


def effort_of(subject: Subject, findings: Sequence[Finding], rows: Sequence[Row], to_kong: bool) -> Effort:
    """The drivers of a bundle. Moving to Kong counts verdicts; moving to Apigee X counts what was found."""
    bundle = subject.bundle
    lines = sum(
        text.count("\n") + 1 for file, text in subject.texts.items() if "/jsc/" in file or "/py/" in file
    )
    scripts = _count(subject, "Javascript", "Script")
    drivers = []
    if to_kong:
        drivers += [
            Driver(
                "manual policies", sum(row.verdict == "manual" for row in rows if row.kind == "policy"), 5
            ),
            Driver(
                "partial policies", sum(row.verdict == "partial" for row in rows if row.kind == "policy"), 2
            ),
            Driver("fault rules", len(subject.fault_rules), 2),
            Driver("Java callouts", _count(subject, "JavaCallout"), 15),
            Driver("scripts (and a point for 50 lines)", scripts, 10, lines // 50 if scripts else 0),
            Driver("OAuthV2 policies", _count(subject, "OAuthV2"), 10),
            Driver("ServiceCallouts", _count(subject, "ServiceCallout"), 8),
            Driver("FlowCallouts", _count(subject, "FlowCallout"), 3),
            Driver("conditional flows", sum(len(proxy.flows) for proxy in bundle.proxies), 2),
            Driver("targets beyond the first", max(len(bundle.targets) - 1, 0), 3),
            Driver("dynamic targets", _dynamic(subject), 8),
            Driver("writes to caches and maps", _writes(subject), 5),
        ]
    else:
        drivers += [
            Driver("blocking findings", sum(finding.severity == "blocks" for finding in findings), 15),
            Driver("changes of behaviour", sum(finding.severity == "changes" for finding in findings), 3),
            Driver("limits", sum(finding.severity == "limit" for finding in findings), 2),
            Driver("Java callouts to try", _count(subject, "JavaCallout"), 5),
            Driver("scripts to try (and a point for 50 lines)", scripts, 1, lines // 50 if scripts else 0),
            Driver("OAuthV2 policies, whose tokens stay behind", _count(subject, "OAuthV2"), 5),
            Driver("key value maps to fill", _count(subject, "KeyValueMapOperations"), 1),
        ]
    return Effort(tuple(driver for driver in drivers if driver.total))


def _count(subject: Subject, *elements: str) -> int:
    return sum(1 for _ in subject.policies(*elements))


def _dynamic(subject: Subject) -> int:
    found = sum(
        isinstance(target.connection, HTTPTargetConnection) and "{" in (target.connection.url or "")
        for target in subject.bundle.targets.values()
    )
    return found + sum(usage.name == "target.url" for usage in subject.usages)


def _writes(subject: Subject) -> int:
    puts = sum(policy.node.child("Put") is not None for policy in subject.policies("KeyValueMapOperations"))
    return puts + _count(subject, "PopulateCache", "InvalidateCache")
