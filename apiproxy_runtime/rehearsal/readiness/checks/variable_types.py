"""X005: the type of an extracted variable, which Apigee X reads strictly."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_TYPES = ("boolean", "double", "float", "integer", "long", "nodeset", "string")


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("ExtractVariables"):
        payload = policy.node.child("XMLPayload")
        for node in payload.all("Variable") if payload is not None else ():
            type_ = node.attributes.get("type")
            if type_ is not None and type_ not in _TYPES:
                fix = f'Write type="{type_.lower()}".' if type_.lower() in _TYPES else ""
                yield Hit(node, f'the type "{type_}" must be one of {", ".join(_TYPES)}', policy, fix=fix)


CHECK = Check(
    "X005",
    "blocks",
    "types of XMLPayload variables",
    "the import is refused",
    "Write one of the types, in lower case.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy",
    autofix=True,
)
