"""What the page shows of deployments: what serves, and what was refused and why."""

from __future__ import annotations

from apiproxy_runtime.bundle.finding import Finding
from apiproxy_runtime.control.deployevent import DeployEvent
from apiproxy_runtime.control.host import Host

#: Refusals that are remembered; one goes as soon as its bundle is deployed, one that names none with any bundle.
MOST_REFUSED = 20


class Deploys:
    """Remembers the refusals of a host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.refused: dict[tuple[str, str, str], DeployEvent] = {}

    def take(self, event: DeployEvent) -> None:
        """A subscriber of the host's deploys."""
        key = (event.environment, event.kind, event.name)
        self.refused.pop(key, None)
        self.refused.pop((event.environment, "apiproxy", ""), None)
        if event.what == "refused":
            self.refused[key] = event
            while len(self.refused) > MOST_REFUSED:
                self.refused.pop(next(iter(self.refused)))

    def told(self) -> dict[str, object]:
        """Proxies and shared flows of each environment, and refusals, the newest first."""
        host = self.host
        return {
            "organization": host.organization.name,
            "address": host.here.address,
            "environments": [
                {
                    "name": name,
                    "proxies": [
                        {
                            "name": program.bundle.name,
                            "revision": program.deployment.revision,
                            "basePaths": [endpoint.base_path for endpoint in program.endpoints],
                            "policies": len(program.bundle.policies),
                        }
                        for program in host.programs(name)
                    ],
                    "sharedFlows": [
                        {"name": flow.name, "revision": flow.deployment.revision}
                        for flow in host.shared_flows(name)
                    ],
                }
                for name in host.runtimes
            ],
            "refused": [
                {
                    "environment": event.environment,
                    "kind": event.kind,
                    "name": event.name,
                    "revision": event.revision,
                    "at": event.at,
                    "findings": [_told(finding) for finding in event.findings if finding.severity == "error"],
                }
                for event in reversed(self.refused.values())
            ],
            "warnings": [_told(finding) for finding in host.warnings],
        }


def _told(finding: Finding) -> dict[str, object]:
    return {
        "file": finding.file,
        "line": finding.line,
        "name": finding.name,
        "message": finding.message,
        "cure": finding.cure,
    }
