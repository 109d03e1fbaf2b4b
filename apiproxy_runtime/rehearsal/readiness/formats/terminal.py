"""The report on a terminal: what to do first, then each policy, then what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.rehearsal.readiness.assessment import Assessment, PolicyVerdict
from apiproxy_runtime.rehearsal.readiness.finding import Finding

_HEADS = {
    "blocks": "Blocks",
    "changes": "Behaves differently",
    "limit": "Limits",
    "information": "For your information",
}
_PLATFORM = {"apigeex": "Apigee X", "kong": "Kong"}


def as_text(assessments: Sequence[Assessment]) -> str:
    """All of one bundle; of several a table, and the rest for those that are not ready."""
    parts = [_table(assessments)] if len(assessments) > 1 else []
    parts += ["\n".join(_one(assessment)) for assessment in assessments]
    return "\n\n".join(parts) + "\n"


def _table(assessments: Sequence[Assessment]) -> str:
    rows = [("status", "effort", "policies", "blocks", "changes", "limits", "bundle")]
    for one in assessments:
        rows.append(
            (
                one.status,
                f"{one.effort.score} {one.effort.level}",
                f"{len(one.policies)} ({one.percent}%)",
                str(one.count("blocks")),
                str(one.count("changes")),
                str(one.count("limit")),
                f"{one.bundle.name} ({one.place})",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )


def _one(one: Assessment) -> Iterator[str]:
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in one.verdicts().items() if number)
    kind = "shared flow " if one.bundle.kind == "sharedflowbundle" else ""
    yield f"{kind}{one.bundle.name} revision {one.bundle.revision} → {_PLATFORM[one.to]}: {one.status.upper()}"
    yield f"  policies  {len(one.policies)}{': ' + verdicts if verdicts else ''} ({one.percent}% without hands)"
    drivers = ", ".join(f"{driver.name} {driver.total}" for driver in one.effort.drivers) or "nothing to do"
    yield f"  effort    {one.effort.score} points, {one.effort.level}: {drivers}"
    for severity, head in _HEADS.items():
        found = [finding for finding in one.findings if finding.severity == severity]
        if found:
            yield f"\n  {head}"
            for finding in found:
                yield from _finding(finding)
    open_ = [policy for policy in one.policies if policy.verdict != "exact"]
    if open_:
        yield "\n  Policies"
        for policy in open_:
            yield from _policy(policy, one.to)
    needs = [
        ("shared flows", one.dependencies.shared_flows),
        ("target servers", one.dependencies.target_servers),
        ("key value maps", one.dependencies.kvms),
        ("caches", one.dependencies.caches),
        ("keystores", one.dependencies.keystores),
        ("products", one.dependencies.products),
        ("other proxies", one.dependencies.proxies),
    ]
    if any(names for _, names in needs):
        yield "\n  Needs on the other side"
        for what, names in needs:
            if names:
                yield f"    {what}: {', '.join(names)}"
    yield "\n  Nobody can tell from the bundle"
    for question in one.unknown:
        yield f"    - {question}"


def _finding(finding: Finding) -> Iterator[str]:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    yield f"    {finding.id}  {place}: {finding.message}"
    if finding.fix:
        yield f"          {finding.fix}"


def _policy(policy: PolicyVerdict, to: str) -> Iterator[str]:
    place = f"{policy.place.file}:{policy.place.line}"
    becomes = f" → {', '.join(policy.becomes)}" if policy.becomes and to == "kong" else ""
    yield f"    {policy.verdict:<8}{policy.name} ({policy.type}){becomes}  {place}"
    if to == "kong":
        yield f"            {policy.reason}"
        for text in policy.lost:
            yield f"            TODO {text.splitlines()[0]}"
