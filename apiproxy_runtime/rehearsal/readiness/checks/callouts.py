"""X024: callouts that nobody waits for."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    silent = {
        policy.name: policy
        for policy in subject.policies("ServiceCallout")
        if not _waits(policy.node.child_text("Response"))
    }
    for attached in subject.attached:
        policy = silent.get(attached.step.policy)
        if policy is not None and attached.following:
            following = attached.following[0].policy
            yield Hit(policy.node, f"it has no <Response>, and {following} runs right behind it", policy)


def _waits(response: str | None) -> bool:
    return bool(response and response.strip())


CHECK = Check(
    "X024",
    "changes",
    "ServiceCallout without Response",
    "what runs behind it may see a half-made message (known issue 205629443)",
    'Add <Response>, and continueOnError="true" if its failure should not count.',
    _find,
    "https://docs.cloud.google.com/apigee/docs/release/known-issues",
    autofix=True,
)
