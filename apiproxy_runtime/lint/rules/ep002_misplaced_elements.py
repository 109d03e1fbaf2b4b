from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule

_FLOWS = ("PreFlow", "PostFlow", "EventFlow", "Flows", "Description", "FaultRules", "DefaultFaultRule")
#: What may stand directly in an endpoint.
_ENDPOINTS = {
    "ProxyEndpoint": (*_FLOWS, "PostClientFlow", "RouteRule", "HTTPProxyConnection"),
    "TargetEndpoint": (*_FLOWS, "HTTPTargetConnection", "LocalTargetConnection", "HostedTarget"),
    "SharedFlow": ("Step",),
}
#: Where elements may stand.
_PARENTS = {
    "Step": ("Request", "Response", "FaultRule", "DefaultFaultRule", "SharedFlow"),
    "Request": ("PreFlow", "PostFlow", "Flow", "PostClientFlow", "HTTPMonitor"),
    "Response": ("PreFlow", "PostFlow", "Flow", "PostClientFlow", "EventFlow"),
    "Flows": ("ProxyEndpoint", "TargetEndpoint"),
    "Flow": ("Flows",),
    "RouteRule": ("ProxyEndpoint",),
    "DefaultFaultRule": ("ProxyEndpoint", "TargetEndpoint"),
    "HTTPTargetConnection": ("TargetEndpoint",),
    "LoadBalancer": ("HTTPTargetConnection",),
    "HealthMonitor": ("HTTPTargetConnection",),
    "HTTPMonitor": ("HealthMonitor",),
    "TCPMonitor": ("HealthMonitor",),
    "SuccessResponse": ("HTTPMonitor",),
}
#: What may stand in them.
_CHILDREN = {
    "Step": ("Name", "Condition", "FaultRules"),
    "Request": ("Step",),
    "Response": ("Step",),
    "Flows": ("Flow",),
    "Flow": ("Description", "Request", "Response", "Condition"),
    "RouteRule": ("Condition", "TargetEndpoint", "URL", "IntegrationEndpoint"),
    "DefaultFaultRule": ("Step", "AlwaysEnforce", "Condition"),
    "HTTPTargetConnection": (
        "LoadBalancer",
        "Properties",
        "Path",
        "HealthMonitor",
        "URL",
        "SSLInfo",
        "Authentication",
    ),
    "LoadBalancer": (
        "Algorithm",
        "Server",
        "MaxFailures",
        "ServerUnhealthyResponse",
        "RetryEnabled",
        "TargetDisableSecs",
    ),
    "HealthMonitor": ("IsEnabled", "IntervalInSec", "HTTPMonitor", "TCPMonitor"),
    "HTTPMonitor": ("Request", "SuccessResponse"),
    "TCPMonitor": ("ConnectTimeoutInSec", "Port"),
    "SuccessResponse": ("ResponseCode", "Header"),
}
_MONITOR_REQUEST = (
    "ConnectTimeoutInSec",
    "SocketReadTimeoutInSec",
    "UseTargetServerSSLInfo",
    "Payload",
    "IsSSL",
    "TrustAllSSL",
    "Port",
    "Verb",
    "Path",
    "Header",
    "IncludeHealthCheckIdHeader",
)
_SSL_INFO = (
    "Enabled",
    "Enforce",
    "TrustStore",
    "KeyStore",
    "ClientAuthEnabled",
    "KeyAlias",
    "IgnoreValidationErrors",
    "Protocols",
    "Ciphers",
)
_ONCE = ("Flows", "DefaultFaultRule", "FaultRules")


class MisplacedElements(Rule):
    """An element that stands where it has no meaning, or once too often, or that is missing.

    Apigee ignores most of these without a word: a Step outside of Request and Response never runs.
    """

    id = "EP002"
    name = "Misplaced elements"
    severity = "error"
    bad = "<PreFlow><Step><Name>AM-1</Name></Step></PreFlow>"
    good = "<PreFlow><Request><Step><Name>AM-1</Name></Step></Request></PreFlow>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference"
    )
    supersedes = ("UnknownElement", "DuplicateElement", "ConnectionInfoMissing", "InvalidTargetEndpoint")

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        root, told = endpoint.node, set[Node]()
        for match in self._matches(root, bundle.profile):
            if isinstance(match.place, Node):
                if match.place is not root and match.place in told:
                    continue
                told.add(match.place)
            yield match

    def _matches(self, root: Node, profile: str) -> Iterator[Match]:
        yield from _unknown(root, _ENDPOINTS[root.tag])
        for tag in _ONCE:
            for extra in root.all(tag)[1:]:
                yield Match(extra, f"<{root.tag}> has more than one <{tag}>", "Join the two.")
        for parent in root.walk():
            for node in parent.children:
                if node.tag in _PARENTS:
                    yield from _misplaced(node, parent, root)
        if root.tag == "TargetEndpoint":
            yield from _target(root, profile)


def _misplaced(node: Node, parent: Node, root: Node) -> Iterator[Match]:
    """An element and its children; those directly in the endpoint are told as unknown there."""
    where = _PARENTS[node.tag]
    if parent is not root and parent.tag not in where:
        yield Match(
            node,
            f"<{node.tag}> has no meaning in <{parent.tag}>",
            f"It belongs into {' or '.join(f'<{tag}>' for tag in where)}.",
        )
    monitor = node.tag == "Request" and parent.tag == "HTTPMonitor"
    yield from _unknown(node, _MONITOR_REQUEST if monitor else _CHILDREN[node.tag])


def _unknown(node: Node, known: tuple[str, ...]) -> Iterator[Match]:
    for child in node.children:
        if child.tag not in known:
            where = _PARENTS.get(child.tag)
            if where:
                cure = f"It belongs into {' or '.join(f'<{tag}>' for tag in where)}."
            else:
                cure = suggestion(child.tag, known) or f"Known there: {', '.join(known)}."
            yield Match(child, f"<{child.tag}> has no meaning in <{node.tag}>", cure)


def _target(root: Node, profile: str) -> Iterator[Match]:
    kinds = ["HTTPTargetConnection", "LocalTargetConnection"]
    if profile == "apigee":
        kinds.append("HostedTarget")
    connections = [child for child in root.children if child.tag in kinds]
    if not connections:
        yield Match(root, "the target endpoint has no connection", f"Add one of {', '.join(kinds)}.")
    for extra in connections[1:]:
        first = connections[0]
        yield Match(extra, f"<{extra.tag}> beside <{first.tag}> on line {first.line}", "Keep one of the two.")
    connection = root.child("HTTPTargetConnection")
    if connection is None:
        return
    for ssl_info in connection.all("SSLInfo")[:1]:
        yield from _unknown(ssl_info, _SSL_INFO)
    monitors = connection.all("HealthMonitor")
    for extra in monitors[1:]:
        yield Match(extra, "there is more than one <HealthMonitor>", "Keep one.")
    for monitor in monitors[:1]:
        kinds_of_monitor = [child for child in monitor.children if child.tag in ("HTTPMonitor", "TCPMonitor")]
        for extra in kinds_of_monitor[1:]:
            yield Match(extra, "a <HealthMonitor> has one monitor, HTTP or TCP", "Keep one of the two.")
