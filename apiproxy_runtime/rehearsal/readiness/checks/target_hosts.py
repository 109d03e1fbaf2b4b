"""X016, X017: targets that Apigee X cannot reach or watch without help."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/architecture/southbound-networking-patterns-endpoints"


def _why(host: str) -> str:
    """Why a host is not reachable from outside; empty when it may be."""
    if host == "localhost" or host.endswith((".local", ".internal", ".svc", ".localdomain")):
        return "is a name of the local network"
    try:
        address = ip_address(host)
    except ValueError:
        return "" if "." in host else "is a name without a domain"
    if address.is_loopback:
        return "is the machine itself"
    return "is a private address" if address.is_private else ""


def _hosts(subject: Subject) -> Iterator[Hit]:
    for connection, policy in subject.connections:
        url = connection.url or ""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            continue
        if host and "{" not in host and _why(host):
            yield Hit(connection.node, f"{host} {_why(host)}", policy)
    for name in sorted(subject.target_servers):
        server = subject.environment.target_servers.get(name)
        if server is not None and _why(server.host):
            yield Hit(server.place, f"the target server {name}: {server.host} {_why(server.host)}")


def _monitors(subject: Subject) -> Iterator[Hit]:
    for connection, policy in subject.connections:
        monitor = connection.health_monitor
        if monitor is not None and monitor.is_enabled:
            yield Hit(monitor.node, "a health monitor", policy)


CHECKS = (
    Check(
        "X016",
        "changes",
        "private target hosts",
        "Apigee X reaches private networks only through a network attachment or peering",
        "Plan Private Service Connect, or expose the target.",
        _hosts,
        _DOCS,
    ),
    Check(
        "X017",
        "changes",
        "health monitors",
        "they work with an external instance group, and not through Private Service Connect",
        "Check how the target will be reached.",
        _monitors,
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers",
    ),
)
