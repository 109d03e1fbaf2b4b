"""X020, X033: base paths beside each other."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _fits(pattern: str, path: str) -> bool:
    wild, plain = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(wild) == len(plain) and all(a in ("*", b) for a, b in zip(wild, plain, strict=True))


def _wildcards(subject: Subject) -> Iterator[Hit]:
    for proxy in subject.bundle.proxies:
        if "*" not in proxy.base_path:
            continue
        for other in subject.others:
            for path in other.base_paths:
                if path != proxy.base_path and _fits(proxy.base_path, path):
                    yield Hit(proxy.node, f"{proxy.base_path} stands beside {path} of {other.name}")


def _revisions(subject: Subject) -> Iterator[Hit]:
    for other in subject.others:
        same = other.name == subject.bundle.name and other.kind == subject.bundle.kind
        if same and other is not subject.bundle and set(other.base_paths) != set(subject.bundle.base_paths):
            ours, theirs = ", ".join(subject.bundle.base_paths), ", ".join(other.base_paths)
            yield Hit(
                subject.bundle.manifest, f"another bundle of the name has {theirs or 'none'}, this one {ours}"
            )


CHECKS = (
    Check(
        "X020",
        "changes",
        "wildcards in base paths",
        "calls of the wildcard may get 404 until Google's support enables it (known issue 378686709)",
        "Ask the support, or give the two proxies other base paths.",
        _wildcards,
        "https://docs.cloud.google.com/apigee/docs/release/known-issues",
    ),
    Check(
        "X033",
        "changes",
        "revisions with other base paths",
        "an environment of Apigee X runs one revision of a proxy",
        "Make a proxy of each.",
        _revisions,
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/overview",
    ),
)
