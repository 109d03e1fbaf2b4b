"""X000: what keeps the bundle from being deployed anywhere."""

from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.checks.names import _DANGLING as TOLD_ELSEWHERE
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for finding in subject.reading:
        if finding.severity == "error" and finding.name not in (*TOLD_ELSEWHERE, "UnsupportedTarget"):
            name = f"{finding.name}: " if finding.name else ""
            yield Hit(Place(finding.file, finding.line), f"{name}{finding.message}", fix=finding.cure)


CHECK = Check(
    "X000",
    "blocks",
    "errors that no platform deploys",
    "the bundle is refused as it is; what lies in the broken part was not looked at",
    "Mend it first, and ask again.",
    _find,
)
