"""Target servers that a bundle names and the environment does not have: calls to them would answer 503."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apiproxy_runtime.bundle.model import Bundle, HTTPTargetConnection
from apiproxy_runtime.rehearsal.standins.asked import TARGET_SERVERS, Asked, StandIns
from apiproxy_runtime.rehearsal.standins.uses import host_of


def make(asked: Asked, made: StandIns) -> None:
    """A server of that name in the domain `example`; its calls are answered by stubs."""
    servers: dict[str, dict[str, Any]] = {}
    for bundle in asked.bundles:
        for name, more in _named(bundle):
            if name and "{" not in name and name not in asked.environment.target_servers:
                servers.setdefault(name, {"name": name, "host": host_of(name), **more})
    if servers:
        made.add(TARGET_SERVERS, *servers.values())
        noun = "the target server" if len(servers) == 1 else "the target servers"
        made.told.append(f"{noun} {', '.join(servers)}")


def _named(bundle: Bundle) -> Iterator[tuple[str, dict[str, Any]]]:
    for target in bundle.targets.values():
        connection = target.connection
        if isinstance(connection, HTTPTargetConnection) and connection.load_balancer is not None:
            ssl = connection.ssl_info
            secure = ssl is not None and (ssl.enabled or "").lower() == "true"
            for server in connection.load_balancer.servers:
                yield server.name, {"port": 443 if secure else 80}
    for policy in bundle.policies.values():
        more = {"port": 443, "protocol": "GRPC"} if policy.element == "ExternalCallout" else {"port": 80}
        if policy.element in ("ServiceCallout", "ExternalCallout"):
            for node in policy.node.walk():
                if node.tag == "Server":
                    yield node.name or "", more
