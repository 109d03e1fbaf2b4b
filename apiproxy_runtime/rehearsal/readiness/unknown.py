"""What no bundle tells, however long one looks at it."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.readiness.dependencies import Dependencies
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def unknown_of(subject: Subject, needs: Dependencies) -> tuple[str, ...]:
    """Questions that somebody has to answer with access to the running platform."""
    data, environment = subject.test_data, subject.environment
    maps = {map_.name for map_ in data.maps}
    missing_maps = [name for name in needs.kvms if name not in maps]
    missing_servers = [name for name in needs.target_servers if name not in environment.target_servers]
    missing_flows = [
        name
        for name in needs.shared_flows
        if not any(other.name == name and other.kind == "sharedflowbundle" for other in subject.others)
    ]
    found = []
    if missing_maps:
        found.append(
            f"what the key value maps {', '.join(missing_maps)} hold, and whether they are encrypted"
        )
    if missing_servers:
        found.append(f"the addresses of the target servers {', '.join(missing_servers)}")
    if missing_flows:
        found.append(f"the shared flows {', '.join(missing_flows)}: they are not among the paths")
    if needs.keystores:
        found.append(
            f"the certificates of {', '.join(needs.keystores)}: who issued them, and when they expire"
        )
    keyed = any(True for _ in subject.policies("VerifyAPIKey", "OAuthV2"))
    if keyed and not data.apps:
        found.append("developers, apps, keys and tokens: whether clients can keep theirs")
    if keyed and not data.products:
        found.append("API products, their paths and quotas, and monetization")
    return (
        *found,
        "hostnames and DNS: the bundle names none",
        "which revisions are deployed, and where",
        "traffic: which flows are in use, and how much goes through them (`apiproxy record` tells)",
        "analytics, custom reports and alerts that read this proxy's data",
        "the state of the platform's own components (hybrid)",
    )
