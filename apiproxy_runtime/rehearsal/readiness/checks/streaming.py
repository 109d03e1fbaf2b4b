"""X028: events and plain calls on one target."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for target in subject.bundle.targets.values():
        if target.event_flow is None:
            continue
        rules = [
            rule
            for proxy in subject.bundle.proxies
            for rule in proxy.route_rules
            if rule.target_endpoint == target.name
        ]
        flows = sum(len(proxy.flows) for proxy in subject.bundle.proxies)
        if len(rules) > 1 or flows > 1:
            yield Hit(target.event_flow.node, f"{target.name} has an EventFlow, and other calls go there too")


CHECK = Check(
    "X028",
    "changes",
    "server-sent events beside other calls",
    "one TargetEndpoint for both gets them mixed up (known issue 449012244)",
    "Give the events a TargetEndpoint of their own.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/release/known-issues",
)
