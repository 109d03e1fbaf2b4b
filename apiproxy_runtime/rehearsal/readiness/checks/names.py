"""X007: names that lead nowhere, and policies whose file has another name."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

#: What the reader calls references that lead nowhere.
_DANGLING = frozenset(("UnknownPolicy", "DuplicateName", "InvalidTargetEndpoint", "MissingName"))


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        stem = PurePosixPath(policy.file).stem
        if stem != policy.name:
            message = f"the file is called {stem}, the policy {policy.name}"
            yield Hit(policy.node, message, policy, "changes", f"Rename the file to {policy.name}.xml.")
    for finding in subject.reading:
        if finding.name in _DANGLING and finding.severity == "error":
            yield Hit(Place(finding.file, finding.line), finding.message, fix=finding.cure)


CHECK = Check(
    "X007",
    "blocks",
    "names of policies and steps",
    "the import is refused, or the wrong file is deployed",
    "Make the name attribute, the file and the steps agree.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference",
    autofix=True,
)
