"""`<LoadBalancer>` and `<HealthMonitor>`, as target endpoints and ServiceCallout hold them.

Source of names and defaults: docs.cloud.google.com/apigee, "Load balancing across backend servers".
"""

from __future__ import annotations

from typing import Literal

from apiproxy_runtime.bundle.elements import (
    check_children,
    child_boolean,
    child_integer,
    only_child,
    suggestion,
    text_of,
)
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import (
    HealthMonitor,
    HTTPMonitor,
    HTTPMonitorRequest,
    LoadBalancer,
    LoadBalancerServer,
    TCPMonitor,
)
from apiproxy_runtime.bundle.xml import Node

Algorithm = Literal["RoundRobin", "Weighted", "LeastConnections"]
_ALGORITHMS: dict[str, Algorithm] = {
    "roundrobin": "RoundRobin",
    "weighted": "Weighted",
    "leastconnections": "LeastConnections",
}
_LOAD_BALANCER = ("Algorithm", "Server", "MaxFailures", "RetryEnabled", "ServerUnhealthyResponse")
_REQUEST = (
    "ConnectTimeoutInSec",
    "SocketReadTimeoutInSec",
    "Port",
    "Verb",
    "Path",
    "Payload",
    "Header",
    "IsSSL",
    "TrustAllSSL",
    "UseTargetServerSSLInfo",
    "IncludeHealthCheckIdHeader",
)


def read_load_balancer(node: Node, findings: Findings) -> LoadBalancer:
    check_children(node, _LOAD_BALANCER, findings)
    servers = tuple(_read_server(server, findings) for server in node.all("Server"))
    if not servers:
        findings.error(
            node, "MissingServer", "<LoadBalancer> has no <Server>", 'Add <Server name="a target server"/>.'
        )
    seen: set[str] = set()
    for server in servers:
        if server.name in seen:
            findings.warning(server.node, "DuplicateName", f"the server {server.name!r} is listed twice")
        seen.add(server.name)
    fallbacks = [server for server in servers if server.is_fallback]
    for extra in fallbacks[1:]:
        findings.error(
            extra.node,
            "InvalidValue",
            "only one server may be the fallback",
            "Remove the other <IsFallback>.",
        )
    unhealthy = only_child(node, "ServerUnhealthyResponse", findings)
    return LoadBalancer(
        algorithm=_algorithm(node, servers, findings),
        servers=servers,
        max_failures=child_integer(node, "MaxFailures", findings) or 0,
        retry_enabled=child_boolean(node, "RetryEnabled", True, findings),
        unhealthy_codes=_status_codes(unhealthy, findings),
        node=node,
    )


def _read_server(node: Node, findings: Findings) -> LoadBalancerServer:
    check_children(node, ("Weight", "IsFallback", "IsEnabled"), findings)
    if not node.name:
        findings.error(node, "MissingName", "<Server> names no target server", 'Write <Server name="…"/>.')
    return LoadBalancerServer(
        name=node.name or "",
        weight=child_integer(node, "Weight", findings, minimum=0),
        is_enabled=child_boolean(node, "IsEnabled", True, findings),
        is_fallback=child_boolean(node, "IsFallback", False, findings),
        node=node,
    )


def _algorithm(node: Node, servers: tuple[LoadBalancerServer, ...], findings: Findings) -> Algorithm:
    child = only_child(node, "Algorithm", findings)
    text = text_of(child)
    if child is None or not text:
        return "RoundRobin"
    algorithm = _ALGORITHMS.get(text.lower())
    if algorithm is None:
        cure = suggestion(text, tuple(_ALGORITHMS.values()))
        findings.error(child, "InvalidValue", f"{text!r} is no algorithm of a load balancer", cure)
        return "RoundRobin"
    if algorithm == "Weighted":
        for server in servers:
            if server.weight is None and not server.is_fallback:
                findings.error(
                    server.node,
                    "MissingWeight",
                    f"the server {server.name!r} has no <Weight>",
                    "Weighted needs one.",
                )
    return algorithm


def _status_codes(node: Node | None, findings: Findings) -> tuple[int, ...]:
    codes: list[int] = []
    for child in node.all("ResponseCode") if node is not None else ():
        text = child.text.strip()
        if len(text) == 3 and text.isascii() and text.isdigit():
            codes.append(int(text))
        else:
            findings.error(
                child, "InvalidValue", f'<ResponseCode> must be an HTTP status such as 503, not "{text}"'
            )
    return tuple(codes)


def read_health_monitor(node: Node, findings: Findings) -> HealthMonitor:
    check_children(node, ("IsEnabled", "IntervalInSec", "TCPMonitor", "HTTPMonitor"), findings)
    interval = child_integer(node, "IntervalInSec", findings, minimum=1)
    if interval is None:
        findings.error(
            node,
            "MissingInterval",
            "<HealthMonitor> has no valid <IntervalInSec>",
            "Say how often to check, in seconds.",
        )
    tcp = only_child(node, "TCPMonitor", findings)
    http = only_child(node, "HTTPMonitor", findings)
    monitor: TCPMonitor | HTTPMonitor | None = None
    if http is not None:
        monitor = _read_http_monitor(http, findings)
    elif tcp is not None:
        monitor = _read_tcp_monitor(tcp, findings)
    if (tcp is None) == (http is None):
        findings.error(
            node, "InvalidHealthMonitor", "<HealthMonitor> needs either <TCPMonitor> or <HTTPMonitor>"
        )
    return HealthMonitor(child_boolean(node, "IsEnabled", False, findings), interval or 5, monitor, node)


def _read_tcp_monitor(node: Node, findings: Findings) -> TCPMonitor:
    check_children(node, ("ConnectTimeoutInSec", "Port"), findings)
    return TCPMonitor(
        connect_timeout_in_sec=child_integer(node, "ConnectTimeoutInSec", findings),
        port=child_integer(node, "Port", findings, 1, 65535),
        node=node,
    )


def _read_http_monitor(node: Node, findings: Findings) -> HTTPMonitor:
    check_children(node, ("Request", "SuccessResponse"), findings)
    request = only_child(node, "Request", findings)
    if request is None:
        findings.error(
            node,
            "InvalidHealthMonitor",
            "<HTTPMonitor> has no <Request>",
            "Add <Request> with <Verb> and <Path>.",
        )
    success = only_child(node, "SuccessResponse", findings)
    if success is not None:
        check_children(success, ("ResponseCode", "Header"), findings)
    return HTTPMonitor(
        request=_read_monitor_request(request if request is not None else node, findings),
        response_codes=_status_codes(success, findings),
        response_headers=_headers(success),
        node=node,
    )


def _read_monitor_request(node: Node, findings: Findings) -> HTTPMonitorRequest:
    if node.tag == "Request":
        check_children(node, _REQUEST, findings)
    return HTTPMonitorRequest(
        connect_timeout_in_sec=child_integer(node, "ConnectTimeoutInSec", findings),
        socket_read_timeout_in_sec=child_integer(node, "SocketReadTimeoutInSec", findings),
        port=child_integer(node, "Port", findings, 1, 65535),
        verb=text_of(node.child("Verb")) or "GET",
        path=text_of(node.child("Path")) or "/",
        payload=node.child_text("Payload", ""),
        headers=_headers(node),
        is_ssl=child_boolean(node, "IsSSL", False, findings),
        trust_all_ssl=child_boolean(node, "TrustAllSSL", False, findings),
        use_target_server_ssl_info=child_boolean(node, "UseTargetServerSSLInfo", False, findings),
        include_health_check_id_header=child_boolean(node, "IncludeHealthCheckIdHeader", False, findings),
        node=node,
    )


def _headers(node: Node | None) -> tuple[tuple[str, str], ...]:
    if node is None:
        return ()
    return tuple((header.name, header.text.strip()) for header in node.all("Header") if header.name)
