"""V01 … V09: flow variables that Apigee X does not have, or that mean something else there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit, Severity
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/variables-reference"


class Group(Struct, frozen=True):
    """Variables by their beginning, or by their whole name where `exact`."""

    id: str
    names: tuple[str, ...]
    severity: Severity
    why: str
    fix: str
    exact: bool = False

    def find(self, subject: Subject) -> Iterator[Hit]:
        for usage in subject.usages:
            name = usage.name
            if name in self.names if self.exact else name.startswith(self.names):
                yield Hit(usage.place, f"{name} in a {usage.how}", usage.policy)
        for policy in subject.policies("AccessControl") if "client.ip" in self.names else ():
            if policy.node.child("ClientIPVariable") is None:
                yield Hit(
                    policy.node,
                    "the client's address is taken from X-Forwarded-For or the connection",
                    policy,
                )


_GROUPS = (
    Group(
        "V01",
        ("application.",),
        "changes",
        "the variable is not there",
        "Use apiproxy.basepath and apiproxy.name.",
    ),
    Group("V02", ("router.",), "changes", "the variable is not there", "Leave it out."),
    Group(
        "V03",
        ("virtualhost.",),
        "changes",
        "the variable is not there: there are no virtual hosts",
        "Use request.header.host, or environment.name.",
    ),
    Group(
        "V04",
        ("client.ip", "proxy.client.ip", "client.resolved.ip"),
        "changes",
        "client.ip may be the address of the load balancer; client.resolved.ip is new",
        "Use client.resolved.ip, and configure client IP resolution.",
        exact=True,
    ),
    Group(
        "V05",
        ("messageid",),
        "information",
        "it has another form, with the load balancer's host in it",
        "Rely neither on its form nor on its length.",
        exact=True,
    ),
    Group(
        "V06",
        ("apigee.company.",),
        "changes",
        "the variable is not there: companies are AppGroups",
        "Use the appgroup variables.",
    ),
    Group(
        "V07",
        ("request.header.X-Apigee", "request.header.x-apigee", "message.header.x-apigee"),
        "changes",
        "these headers are undocumented, and may vanish",
        "Send a header of your own.",
    ),
    Group(
        "V08",
        ("organization.is.", "system.region.name", "system.pod.name"),
        "information",
        "its value names something of the platform, and is another there",
        "Take it out of whatever compares it.",
    ),
)


def _check(group: Group) -> Check:
    find: Callable[[Subject], Iterator[Hit]] = group.find
    title = f"variables {', '.join(group.names)}"
    return Check(group.id, group.severity, title, group.why, group.fix, find, _DOCS)


CHECKS = tuple(_check(group) for group in _GROUPS)
