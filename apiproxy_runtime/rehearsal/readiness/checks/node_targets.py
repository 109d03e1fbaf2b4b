"""X003: Node.js that ran on Edge itself."""

from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.model import HostedTarget, ScriptTarget
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for target in subject.bundle.targets.values():
        if isinstance(target.connection, (ScriptTarget, HostedTarget)):
            yield Hit(
                target.connection.node, f"the target {target.name} is a {type(target.connection).__name__}"
            )
    for type_ in ("node", "hosted"):
        for resource in subject.bundle.resources_of(type_):
            yield Hit(Place(resource.file), f"a resource of the type {type_}")
            break


CHECK = Check(
    "X003",
    "blocks",
    "Node.js targets",
    "Apigee X runs no Node.js: the import is refused",
    "Run it on Cloud Run or Cloud Functions, and call it as an HTTP target.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products",
)
