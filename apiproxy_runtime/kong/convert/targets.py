"""Target endpoints → services, load balancers → upstreams with targets and health checks."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec import Struct, field

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import (
    HTTPMonitor,
    HTTPTargetConnection,
    LoadBalancer,
    LocalTargetConnection,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.kong.convert.outcome import Config, Verdict

_EMPTY_SEGMENTS = re.compile(r"//+")
_ALGORITHMS = {
    "RoundRobin": "round-robin",
    "Weighted": "round-robin",
    "LeastConnections": "least-connections",
}
#: Apigee's io.timeout.millis and connect.timeout.millis. Source: "Endpoint properties reference".
_IO_MS, _CONNECT_MS = 55_000, 3_000


class Upstream(Struct):
    name: str
    fields: Config
    targets: list[Config]


class Target(Struct):
    """What a target endpoint became. `fields` are those of the service, without name; `path` is its own path."""

    fields: Config
    verdict: Verdict = "exact"
    reason: str = "a service"
    upstream: Upstream | None = None
    lost: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        path: str = self.fields.get("path", "/")
        return path


def convert_target(target: TargetEndpoint, name: str, environment: Environment) -> Target:
    """The service of a target endpoint; `name` is the one its upstream gets."""
    connection = target.connection
    if isinstance(connection, HTTPTargetConnection):
        found = (
            _balanced(connection, connection.load_balancer, name, environment)
            if connection.load_balancer is not None
            else from_url(connection.url or "")
        )
        _settings(connection, found)
    elif isinstance(connection, LocalTargetConnection):
        path = connection.path or ""
        local = path if path.startswith("/") and "{" not in path else "/"
        found = Target({"protocol": "http", "host": "127.0.0.1", "port": 8000, "path": local}, "partial")
        found.reason = "a call of another proxy goes through Kong's own port"
        found.lost.append(
            f"call the proxy {connection.api_proxy or path} by the address of this Kong (127.0.0.1:8000 is a guess)"
        )
    else:
        what = type(connection).__name__ if connection is not None else "nothing"
        found = Target(_nowhere(name), "manual", f"the target is a {what}")
        found.lost.append(f"host what runs in the {what}, and write its address")
    if found.lost and found.verdict == "exact":
        found.verdict = "partial"
    return found


def from_url(url: str) -> Target:
    """The service of an address; one with a variable in it is a placeholder."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if "{" in url or parts.scheme not in ("http", "https") or not parts.hostname:
        found = Target(_nowhere("target"), "manual", "the address is only known at run time")
        found.lost.append(f"write the address that Apigee makes of {url or 'nothing'}")
        return found
    fields: Config = {
        "protocol": parts.scheme,
        "host": parts.hostname,
        "port": port or (443 if parts.scheme == "https" else 80),
    }
    if parts.path:
        fields["path"] = _EMPTY_SEGMENTS.sub("/", parts.path)
    target = Target(fields)
    if fields.get("path", "") != parts.path:
        target.differences.append(f"Kong takes no empty segments: {parts.path} became {fields['path']}")
    if parts.query:
        target.lost.append(f"add the query {parts.query} to each call: a service has none")
    return target


def _nowhere(name: str) -> Config:
    return {"protocol": "http", "host": f"{name}.invalid", "port": 80}


def _balanced(
    connection: HTTPTargetConnection, balancer: LoadBalancer, name: str, environment: Environment
) -> Target:
    servers: list[TargetServer] = []
    upstream = Upstream(name, {"algorithm": _ALGORITHMS[balancer.algorithm]}, [])
    target = Target({})
    for server in balancer.servers:
        known = environment.target_servers.get(server.name)
        enabled = server.is_enabled and (known is None or known.enabled)
        if known is None:
            host, port = f"{server.name}.invalid", 80
            target.lost.append(
                f"write the address of the target server {server.name}, which no environment file holds"
            )
        else:
            servers.append(known)
            host, port = known.host, known.port
        weight = server.weight if balancer.algorithm == "Weighted" and server.weight is not None else 100
        if server.is_fallback:
            target.lost.append(f"{server.name} is the fallback: Kong has no spare, and weight 0 means off")
            weight = 0
        written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        upstream.targets.append({"target": written, "weight": weight if enabled else 0})
    tls = {server.uses_tls for server in servers}
    if len(tls) > 1:
        target.lost.append("some servers speak TLS and some do not: a service has one protocol")
    protocol = "https" if True in tls else "http"
    target.fields = {"protocol": protocol, "host": name, "port": 443 if True in tls else 80}
    path = connection.path or ""
    if "{" in path:
        target.lost.append(f"the path {path}, which is only known at run time")
    elif path:
        target.fields["path"] = _EMPTY_SEGMENTS.sub("/", path if path.startswith("/") else f"/{path}")
    checks = _healthchecks(connection, balancer, target)
    if checks:
        upstream.fields["healthchecks"] = checks
    target.upstream, target.reason = upstream, f"an upstream of {len(upstream.targets)} targets"
    target.differences.append(
        "Kong tries another target on a failed connection up to 5 times, whatever RetryEnabled"
    )
    return target


def _healthchecks(connection: HTTPTargetConnection, balancer: LoadBalancer, target: Target) -> Config:
    checks: Config = {}
    if balancer.max_failures > 0:
        unhealthy: Config = {"tcp_failures": balancer.max_failures, "timeouts": balancer.max_failures}
        if balancer.unhealthy_codes:
            unhealthy["http_statuses"] = list(balancer.unhealthy_codes)
            unhealthy["http_failures"] = balancer.max_failures
        checks["passive"] = {"unhealthy": unhealthy}
        if connection.health_monitor is None or not connection.health_monitor.is_enabled:
            target.differences.append(
                "without active checks a target that Kong left out comes back only through its Admin API"
            )
    monitor = connection.health_monitor
    if monitor is not None and monitor.is_enabled:
        interval = max(monitor.interval_in_sec, 1)
        active: Config = {
            "type": "tcp",
            "healthy": {"interval": interval, "successes": 1},
            "unhealthy": {"interval": interval, "tcp_failures": max(balancer.max_failures, 1)},
        }
        if isinstance(monitor.monitor, HTTPMonitor):
            request = monitor.monitor.request
            active["type"] = "https" if request.is_ssl else "http"
            active["http_path"] = request.path or "/"
            if monitor.monitor.response_codes:
                active["healthy"]["http_statuses"] = list(monitor.monitor.response_codes)
            active["unhealthy"]["http_failures"] = max(balancer.max_failures, 1)
            if request.headers:
                active["headers"] = {header: [value] for header, value in request.headers}
            if request.verb not in ("", "GET") or request.payload:
                target.lost.append(f"the health check sends {request.verb}: Kong sends GET without a body")
        checks["active"] = active
    return checks


def _settings(connection: HTTPTargetConnection, target: Target) -> None:
    properties = connection.properties
    io, connect = properties.get("io.timeout.millis", ""), properties.get("connect.timeout.millis", "")
    read = int(io) if io.isdigit() and int(io) > 0 else _IO_MS
    target.fields["connect_timeout"] = int(connect) if connect.isdigit() and int(connect) > 0 else _CONNECT_MS
    target.fields["read_timeout"] = target.fields["write_timeout"] = read
    if "success.codes" in properties:
        target.lost.append("success.codes: Kong makes no fault of a status")
    ssl = connection.ssl_info
    if ssl is not None:
        if (ssl.client_auth_enabled or "").lower() == "true" or ssl.key_store:
            target.lost.append(
                f"the client certificate {ssl.key_store or ''}: add a certificate to the service".strip()
            )
        if ssl.trust_store:
            target.lost.append(f"the trust store {ssl.trust_store}: add ca_certificates to the service")
        if target.fields.get("protocol") == "https":
            target.fields["tls_verify"] = (ssl.ignore_validation_errors or "").lower() != "true" and bool(
                ssl.trust_store or (ssl.enforce or "").lower() == "true"
            )
    if connection.authentication is not None and connection.authentication.kind:
        target.lost.append(
            f"the {connection.authentication.kind} of <Authentication>: Kong fetches no Google tokens"
        )
