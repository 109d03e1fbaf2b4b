"""X001, X002: policies that Apigee X does not have, in proxies and in shared flows."""

from collections.abc import Iterator

from apiproxy_runtime.kong.convert.registry import canonical
from apiproxy_runtime.policy.registry import find_policy
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit, Severity
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products"
#: element → what to use in its place
_GONE: dict[str, tuple[Severity, str]] = {
    "OAuthV1": ("blocks", "Move its clients to OAuthV2."),
    "GetOAuthV1Info": ("blocks", "Move its clients to OAuthV2."),
    "DeleteOAuthV1Info": ("blocks", "Move its clients to OAuthV2."),
    "ConcurrentRatelimit": ("blocks", "Use SpikeArrest, or limit connections at the target's load balancer."),
    "ConnectorCallout": ("blocks", "Use ServiceCallout with <Authentication>, or an integration."),
    "StatisticsCollector": ("blocks", "Use DataCapture with data collectors."),
    "LDAP": (
        "changes",
        "Verify with your platform: it is listed as missing by some of Google's tools, not by all.",
    ),
}


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        gone = _GONE.get(canonical(policy.element))
        if gone is not None:
            severity, fix = gone
            yield Hit(policy.node, f"Apigee X has no {policy.element} policy", policy, severity, fix)
        elif find_policy(policy.element) is None:
            yield Hit(
                policy.node,
                f"{policy.element} is no policy that is known here",
                policy,
                fix="Check its spelling, or remove the file.",
            )


def _in_proxies(subject: Subject) -> Iterator[Hit]:
    if subject.bundle.kind == "apiproxy":
        yield from _find(subject)


def _in_shared_flows(subject: Subject) -> Iterator[Hit]:
    if subject.bundle.kind == "sharedflowbundle":
        yield from _find(subject)


CHECKS = (
    Check(
        "X001",
        "blocks",
        "policies that Apigee X does not have",
        "the import is refused",
        "",
        _in_proxies,
        _DOCS,
    ),
    Check(
        "X002",
        "blocks",
        "the same in shared flows",
        "the import of the shared flow is refused",
        "",
        _in_shared_flows,
        _DOCS,
    ),
)
