"""A bundle's readiness: what was found, a verdict for each policy, the effort, and what nobody knows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Place, Placed
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.kong.convert.convert import convert
from apiproxy_runtime.kong.convert.outcome import Row, Verdict
from apiproxy_runtime.rehearsal.readiness.dependencies import Dependencies, dependencies_of
from apiproxy_runtime.rehearsal.readiness.effort import Effort, effort_of
from apiproxy_runtime.rehearsal.readiness.finding import SEVERITIES, Finding, Severity, run
from apiproxy_runtime.rehearsal.readiness.registry import all_checks
from apiproxy_runtime.rehearsal.readiness.subject import Subject
from apiproxy_runtime.rehearsal.readiness.unknown import unknown_of

TargetPlatform = Literal["apigeex", "kong"]
#: ready: nothing to do; review: somebody has to look; blocked: it cannot go as it is.
Status = Literal["ready", "review", "blocked"]
VERDICTS: tuple[Verdict, ...] = ("exact", "partial", "manual", "drop")


class PolicyVerdict(Struct, frozen=True):
    """What becomes of one policy. `attached` are the flows that run it."""

    name: str
    type: str
    place: Placed
    attached: tuple[str, ...]
    verdict: Verdict
    reason: str
    becomes: tuple[str, ...]
    lost: tuple[str, ...]
    differences: tuple[str, ...]
    cases: tuple[str, ...]


class Assessment(Struct, frozen=True):
    """`sha256` is that of all files of the bundle, by name and content."""

    bundle: Bundle
    place: str
    to: TargetPlatform
    sha256: str
    findings: tuple[Finding, ...]
    policies: tuple[PolicyVerdict, ...]
    parts: tuple[Row, ...]
    dependencies: Dependencies
    unknown: tuple[str, ...]
    effort: Effort

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def status(self) -> Status:
        if self.count("blocks"):
            return "blocked"
        open_ = self.count("changes") or self.count("limit")
        return (
            "review"
            if open_ or any(policy.verdict in ("partial", "manual") for policy in self.policies)
            else "ready"
        )

    def verdicts(self) -> dict[Verdict, int]:
        counted = Counter(policy.verdict for policy in self.policies)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def percent(self) -> int:
        """How many of a hundred policies need nobody's hands; partial ones count half."""
        verdicts = self.verdicts()
        total = sum(verdicts.values())
        done = verdicts["exact"] + verdicts["drop"] + verdicts["partial"] / 2
        return round(100 * done / total) if total else 100


def assess(subject: Subject, to: TargetPlatform, place: str) -> Assessment:
    """Look at one bundle. Shared flows are judged with the proxies that call them, and by themselves."""
    checks = all_checks() if to == "apigeex" else [check for check in all_checks() if check.id == "X000"]
    findings = [finding for check in checks for finding in run(check, subject)]
    rows: list[Row] = []
    if to == "kong":
        rows = _rows(subject)
        findings += _kong_findings(subject, rows)
    findings.sort(key=lambda item: (SEVERITIES.index(item.severity), item.id, item.file, item.line))
    needs = dependencies_of(subject)
    return Assessment(
        subject.bundle,
        place,
        to,
        _digest(subject.bundle),
        tuple(findings),
        tuple(_kong_verdicts(subject, rows) if to == "kong" else _x_verdicts(subject, findings)),
        tuple(row for row in rows if row.kind != "policy"),
        needs,
        unknown_of(subject, needs),
        effort_of(subject, findings, rows, to == "kong"),
    )


def _rows(subject: Subject) -> list[Row]:
    """What a conversion says of the bundle; of a shared flow, what becomes of it behind a proxy of its own."""
    shared = [bundle for bundle in subject.others if bundle.kind == "sharedflowbundle"]
    bundles = [subject.bundle, *(bundle for bundle in shared if bundle is not subject.bundle)]
    converted = convert(bundles, subject.environment, subject.test_data)
    return [row for row in converted.coverage.sorted() if row.proxy == subject.bundle.name]


def _kong_findings(subject: Subject, rows: Sequence[Row]) -> list[Finding]:
    """Parts of the bundle other than policies that have no home on Kong, or another behaviour there."""
    found = []
    for row in rows:
        if row.kind == "policy" or row.verdict == "exact" or (row.kind == "flow" and not row.lost):
            continue
        severity: Severity = "information" if row.verdict == "drop" or row.kind == "resource" else "changes"
        found.append(
            Finding(
                f"K-{row.kind.replace(' ', '-')}",
                severity,
                subject.bundle.name,
                "",
                "",
                row.place.file,
                row.place.line,
                f"{row.kind} {row.name}: {row.reason}",
                "; ".join(row.differences),
                "; ".join(text.splitlines()[0] for text in row.lost),
                "",
                False,
            )
        )
    return found


def _kong_verdicts(subject: Subject, rows: Sequence[Row]) -> list[PolicyVerdict]:
    attached = _attached(subject)
    return [
        PolicyVerdict(
            row.name,
            row.type,
            row.place,
            attached.get(row.name, ()),
            row.verdict,
            row.reason,
            row.kong,
            row.lost,
            row.differences,
            row.cases,
        )
        for row in rows
        if row.kind == "policy"
    ]


def _x_verdicts(subject: Subject, findings: Sequence[Finding]) -> list[PolicyVerdict]:
    """On Apigee X a policy without findings is the same policy."""
    attached = _attached(subject)
    verdicts = []
    for policy in subject.policies():
        mine = [finding for finding in findings if finding.policy == policy.name]
        worst = min((SEVERITIES.index(finding.severity) for finding in mine), default=len(SEVERITIES))
        verdict: Verdict = "manual" if worst == 0 else "partial" if worst <= 2 else "exact"
        told = tuple(finding.message for finding in mine if finding.severity != "information")
        reason = "; ".join(told) if told else "the same policy"
        verdicts.append(
            PolicyVerdict(
                policy.name,
                policy.element,
                Place(policy.file, policy.node.line),
                attached.get(policy.name, ()),
                verdict,
                reason,
                (f"policy {policy.element}",) if verdict != "manual" else (),
                (),
                told,
                (),
            )
        )
    return verdicts


def _attached(subject: Subject) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for attached in subject.attached:
        found.setdefault(attached.step.policy, {})[f"{attached.flow} ({attached.side})"] = None
    return {name: tuple(flows) for name, flows in found.items()}


def _digest(bundle: Bundle) -> str:
    digest = hashlib.sha256()
    for file in sorted(bundle.files):
        try:
            content = bundle.source.read(file)
        except SourceError:
            continue
        digest.update(f"{file}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
