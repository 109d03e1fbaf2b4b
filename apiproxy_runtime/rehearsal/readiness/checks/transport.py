"""X006: AssignTo with a transport other than http."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        for node in policy.node.walk():
            transport = node.attributes.get("transport") if node.tag == "AssignTo" else None
            if transport is not None and transport != "http":
                yield Hit(node, f'the transport "{transport}"; only "http" is allowed', policy)


CHECK = Check(
    "X006",
    "blocks",
    "transport of AssignTo",
    "the import is refused",
    'Write transport="http", or leave the attribute out.',
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/assign-message-policy",
    autofix=True,
)
