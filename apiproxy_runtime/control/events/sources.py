"""What the runtime itself publishes. Policies publish their own (`Policy.events`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from apiproxy_runtime.gateway.loadbalancer import TARGET_HEALTH
from apiproxy_runtime.policy.events import EventKind
from apiproxy_runtime.policy.registry import all_policies

logger = logging.getLogger("apiproxy")

_DEPLOYMENT = ("organization", "environment", "kind", "name", "revision", "base_paths")
_PLACE = ("environment", "kind", "name")

#: What happens to proxies and shared flows; `kind` is `apiproxy` or `sharedflowbundle`.
DEPLOYED = EventKind("proxies", "deployed", _DEPLOYMENT, _PLACE, "A proxy or shared flow was deployed")
UPDATED = EventKind(
    "proxies",
    "updated",
    _DEPLOYMENT,
    _PLACE,
    "Another revision of a proxy or shared flow, or its bundle once more, was deployed",
)
UNDEPLOYED = EventKind("proxies", "undeployed", _DEPLOYMENT, _PLACE, "A proxy or shared flow was undeployed")
REFUSED = EventKind(
    "proxies",
    "refused",
    ("organization", "environment", "kind", "name", "revision", "errors"),
    _PLACE,
    "A deployment was refused; what was deployed before goes on serving",
)

RAISED = EventKind(
    "faults",
    "raised",
    (
        "environment",
        "proxy",
        "revision",
        "endpoint",
        "policy",
        "flow",
        "state",
        "fault_name",
        "error_code",
        "fault_string",
        "status",
        "request",
        "consumer",
        "ip",
        "message_id",
    ),
    ("proxy", "policy", "fault_name"),
    "A request ended in the error flow",
)

#: The request log; its first fields, and those that are `unique`, are those of the well-known Kong plug-in.
LOGGED = EventKind(
    "http-log-enterprise",
    "log",
    (
        "consumer",
        "ip",
        "service",
        "route",
        "request",
        "response",
        "latencies",
        "tries",
        "upstream_uri",
        "upstream_status",
        "client_ip",
        "started_at",
        "workspace",
        "apigee",
    ),
    ("consumer", "ip", "service"),
    "Run an event for a request",
)

BUILT_IN = (DEPLOYED, UPDATED, UNDEPLOYED, REFUSED, RAISED, LOGGED, TARGET_HEALTH)


def of_policies() -> list[EventKind]:
    """The events of all installed policies. Imports every one of them, which takes a second: run it in a thread.

    A package that cannot be imported is no reason to show nothing: what is deployed is published all the same.
    """
    try:
        return [kind for policy in all_policies() for kind in policy.events]
    except Exception:
        logger.exception("An installed package of policies cannot be imported")
        return []


def shown(kind: EventKind) -> dict[str, Any]:
    """One event as `/event-hooks/sources` answers it."""
    found: dict[str, Any] = {"fields": list(kind.fields), "description": kind.description}
    if kind.unique:
        found["unique"] = list(kind.unique)
    return found


def catalogue(kinds: Iterable[EventKind]) -> dict[str, dict[str, Any]]:
    """Source → event → what is published of it."""
    found: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        found.setdefault(kind.source, {})[kind.name] = shown(kind)
    return {source: dict(sorted(found[source].items())) for source in sorted(found)}
