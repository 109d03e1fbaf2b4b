"""X004: more ProxyEndpoints than a bundle may have."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness import limits
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    count = len(subject.bundle.proxies)
    if count > limits.PROXY_ENDPOINTS:
        yield Hit(subject.bundle.manifest, f"{count} ProxyEndpoints; {limits.PROXY_ENDPOINTS} are allowed")


CHECK = Check(
    "X004",
    "blocks",
    "number of ProxyEndpoints",
    "the import is refused",
    "Split the proxy, or bring several endpoints together with conditional flows.",
    _find,
    limits.DOCS,
)
