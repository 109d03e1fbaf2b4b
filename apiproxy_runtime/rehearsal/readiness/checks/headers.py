"""X025, X026, X027: headers that Apigee X treats in a way of its own."""

from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_KNOWN = "https://docs.cloud.google.com/apigee/docs/release/known-issues"


def _authorization(subject: Subject) -> Iterator[Hit]:
    for usage in subject.usages:
        name = usage.name.lower()
        if name.startswith(("request.header.authorization.", "message.header.authorization.")):
            yield Hit(usage.place, f"{usage.name} reads one of several Authorization headers", usage.policy)
    for policy in subject.policies("AssignMessage", "ServiceCallout"):
        for add in policy.node.walk():
            headers = add.child("Headers") if add.tag == "Add" else None
            for header in headers.all("Header") if headers is not None else ():
                if (header.name or "").lower() == "authorization":
                    yield Hit(
                        header,
                        "adds an Authorization beside the one that may be there",
                        policy,
                        fix="Use <Set>.",
                    )


def _b3(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        for node in policy.node.walk():
            texts = (node.text, *node.attributes.values())
            if any("x-b3-" in text.lower() for text in texts):
                yield Hit(node, "names an x-b3- header", policy)
    for file, text in subject.texts.items():
        for line, row in enumerate(text.splitlines(), 1):
            if "x-b3-" in row.lower():
                yield Hit(Place(file, line), "names an x-b3- header")


def _host(subject: Subject) -> Iterator[Hit]:
    for usage in subject.usages:
        if usage.name.lower() == "response.header.host":
            yield Hit(usage.place, f"{usage.name}: the target sends a Host header", usage.policy)


CHECKS = (
    Check(
        "X025",
        "changes",
        "several Authorization headers",
        'some builds answer 500 Duplicate Header "authorization" (known issue 458417250)',
        "Let clients send one.",
        _authorization,
        _KNOWN,
    ),
    Check(
        "X026",
        "changes",
        "x-b3- headers",
        "versions differ in whether they send them (known issues 412740465, 422757662)",
        "Use traceparent, or a header of your own.",
        _b3,
        _KNOWN,
    ),
    Check(
        "X027",
        "changes",
        "Host in a target's response",
        "hybrid refuses such a response (known issue 146222881)",
        "Let the target leave it out.",
        _host,
        _KNOWN,
    ),
)
