"""Events of the source `proxies`: what the host says of deployments."""

from __future__ import annotations

from apiproxy_runtime.control.deployevent import DeployEvent
from apiproxy_runtime.control.events.sources import DEPLOYED, REFUSED, UNDEPLOYED, UPDATED
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.policy.events import EventKind, Events

_KINDS: dict[str, EventKind] = {
    "deployed": DEPLOYED,
    "updated": UPDATED,
    "undeployed": UNDEPLOYED,
    "refused": REFUSED,
}


class DeployEvents:
    """Emits for one host, by the events `events`. The process with the control port has one; workers deploy nothing."""

    def __init__(self, host: Host, events: Events) -> None:
        self._emitters = {what: events.publish(kind) for what, kind in _KINDS.items()}
        self._host = host
        host.subscribe(self.told)

    def told(self, event: DeployEvent) -> None:
        emit = self._emitters[event.what]
        if emit:
            emit(
                {
                    "organization": self._host.organization.name,
                    "environment": event.environment,
                    "kind": event.kind,
                    "name": event.name,
                    "revision": event.revision,
                    "base_paths": list(event.base_paths),
                    "errors": [
                        {
                            "name": finding.name,
                            "message": finding.message,
                            "file": finding.file,
                            "line": finding.line,
                        }
                        for finding in event.findings
                        if finding.severity == "error"
                    ],
                }
            )
