"""X011: caches that keep their entries for as long as an Edge descriptor says."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit, Severity
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("ResponseCache", "PopulateCache"):
        settings = policy.node.child("ExpirySettings")
        if settings is None or not settings.children:
            severity: Severity = "blocks" if policy.element == "ResponseCache" else "changes"
            yield Hit(policy.node, f"{policy.element} has no <ExpirySettings>", policy, severity)


CHECK = Check(
    "X011",
    "changes",
    "expiry of caches",
    "Apigee X has no cache descriptors whose expiry would count",
    "Add <ExpirySettings><TimeoutInSeconds>300</TimeoutInSeconds></ExpirySettings> with the descriptor's number.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/response-cache-policy",
    autofix=True,
)
