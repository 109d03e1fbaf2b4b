"""Bundles written as text, looked at as `apiproxy readiness` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.readiness.assessment import Assessment, assess
from apiproxy_runtime.rehearsal.readiness.subject import Subject
from tests.house import proxy, write_bundle

TARGET = '<TargetEndpoint name="default"><HTTPTargetConnection>{}<URL>{}</URL></HTTPTargetConnection></TargetEndpoint>'


def files(policies: Mapping[str, str] | None = None, **parts: str) -> dict[str, str]:
    """A proxy whose PreFlow runs the policies; keywords are those of `house.proxy`."""
    named = policies or {}
    steps = "".join(f"<Step><Name>{name}</Name></Step>" for name in named)
    return {
        **{f"policies/{name}.xml": xml for name, xml in named.items()},
        "proxies/default.xml": proxy(**{"request": steps, **parts}),
        "targets/default.xml": TARGET.format("", "https://api.example.com"),
    }


def look(
    folder: Path,
    content: Mapping[str, str | bytes],
    *,
    to: str = "apigeex",
    kind: str = "apiproxy",
    environment: Environment | None = None,
    test_data: TestData | None = None,
    beside: Sequence[Path] = (),
    name: str = "p",
) -> Assessment:
    texts = {path: text for path, text in content.items() if isinstance(text, str)}
    root = write_bundle(folder, name, texts, kind)
    for path, data in content.items():
        if isinstance(data, bytes):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    findings = Findings()
    bundle = read_bundle(root, findings)
    assert bundle is not None
    others = [other for path in beside if (other := read_bundle(path, Findings())) is not None]
    subject = Subject(
        bundle, tuple(findings), environment or Environment(), test_data or TestData(), [bundle, *others]
    )
    assert to in ("apigeex", "kong")
    return assess(subject, "kong" if to == "kong" else "apigeex", str(root))


def found(assessment: Assessment, id_: str) -> list[tuple[str, int]]:
    """Where a check found something."""
    return [(finding.file, finding.line) for finding in assessment.findings if finding.id == id_]
