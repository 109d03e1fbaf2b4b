"""X029, X035: where MessageLogging stands, and how much it logs."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/message-logging-policy"
_WHOLE = frozenset(("request.content", "response.content", "message.content", "error.content"))


def _where(subject: Subject) -> Iterator[Hit]:
    logging = {policy.name: policy for policy in subject.policies("MessageLogging")}
    for attached in subject.attached:
        policy = logging.get(attached.step.policy)
        if (
            policy is not None
            and attached.flow != "PostClientFlow"
            and attached.side in ("request", "response")
        ):
            yield Hit(
                attached.step.node, f"{policy.name} logs in the {attached.side} of {attached.flow}", policy
            )


def _how_much(subject: Subject) -> Iterator[Hit]:
    for usage in subject.usages:
        if usage.policy is not None and usage.policy.element == "MessageLogging" and usage.name in _WHOLE:
            yield Hit(usage.place, f"logs {usage.name}, whatever its length", usage.policy)


CHECKS = (
    Check(
        "X029",
        "information",
        "where MessageLogging stands",
        "the client waits for it (284500460)",
        "Move it to the PostClientFlow.",
        _where,
        _DOCS,
    ),
    Check(
        "X035",
        "limit",
        "length of log messages",
        "a message above 11 MB (Cloud Logging: 256 KB) is lost",
        "Log what you need of it.",
        _how_much,
        _DOCS,
    ),
)
