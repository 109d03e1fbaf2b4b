"""X031: companies of Edge."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for usage in subject.usages:
        if usage.name.startswith(("apigee.company.", "company.")) or ".company." in usage.name:
            yield Hit(usage.place, f"{usage.name} is of a company", usage.policy)
    for policy in subject.policies("AccessEntity"):
        entity = policy.node.child("EntityType")
        if entity is not None and entity.attributes.get("value", "").lower().startswith("company"):
            yield Hit(entity, "reads a company", policy)


CHECK = Check(
    "X031",
    "changes",
    "companies",
    "Apigee X has AppGroups in their place, with other variables",
    "Move companies to AppGroups, and read apigee.*appgroup* variables.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/publish/organizing-client-app-ownership",
)
