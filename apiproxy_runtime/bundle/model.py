"""A bundle as Apigee names its parts: frozen, and every part remembers the node it was read from.

Nothing here is compiled or checked: conditions and templates are texts with a place. The readers fill these types,
the program compiles them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct, field

from apiproxy_runtime.bundle.archive import Source
from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.bundle.xml import Node

BundleKind = Literal["apiproxy", "sharedflowbundle"]


class Condition(Struct, frozen=True, eq=False):
    """The text of a `<Condition>`, stripped, and its place."""

    text: str
    node: Node


class StepRef(Struct, frozen=True, eq=False):
    """A `<Step>`: the name of a policy, and when to run it. `fault_rules` is Edge's retired form, never run."""

    policy: str
    condition: Condition | None
    node: Node
    fault_rules: tuple[FaultRule, ...] = ()


class Flow(Struct, frozen=True, eq=False):
    """PreFlow, a conditional flow, PostFlow, PostClientFlow or EventFlow.

    A flow that the file leaves out (PreFlow, PostFlow) is empty and has the endpoint's node.
    """

    name: str
    description: str
    condition: Condition | None
    request: tuple[StepRef, ...]
    response: tuple[StepRef, ...]
    node: Node


class FaultRule(Struct, frozen=True, eq=False):
    """A `<FaultRule>` or `<DefaultFaultRule>`; `always_enforce` has a meaning for the latter only."""

    name: str
    condition: Condition | None
    steps: tuple[StepRef, ...]
    always_enforce: bool
    node: Node


class RouteRule(Struct, frozen=True, eq=False):
    """Where a request goes: at most one of the three; none of them is the null route."""

    name: str
    condition: Condition | None
    target_endpoint: str | None
    url: str | None
    integration_endpoint: str | None
    node: Node


class ProxyEndpoint(Struct, frozen=True, eq=False):
    """`base_path` begins with a slash and ends without one, except that it may be "/" itself."""

    name: str
    node: Node
    description: str
    base_path: str
    virtual_hosts: tuple[str, ...]
    properties: dict[str, str]
    pre_flow: Flow
    flows: tuple[Flow, ...]
    post_flow: Flow
    post_client_flow: Flow | None
    fault_rules: tuple[FaultRule, ...]
    default_fault_rule: FaultRule | None
    route_rules: tuple[RouteRule, ...]


class SSLInfo(Struct, frozen=True, eq=False):
    """Texts as written, templates unexpanded; None where the element is missing.

    An endpoint's `<SSLInfo>` and a target server's `sSLInfo` alike; `node` tells where it stands.
    """

    node: Placed
    enabled: str | None = None
    enforce: str | None = None
    key_store: str | None = None
    key_alias: str | None = None
    trust_store: str | None = None
    client_auth_enabled: str | None = None
    ignore_validation_errors: str | None = None
    ciphers: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    common_name: str | None = None
    common_name_wildcard_match: bool = False


class Authentication(Struct, frozen=True, eq=False):
    """Google authentication of an outgoing call.

    `kind` is the element's name, None if neither is there. Text of `audience` and of the scopes may hold templates;
    `header_name` is the header that takes the token in place of Authorization.
    """

    kind: Literal["GoogleAccessToken", "GoogleIDToken"] | None
    node: Node
    header_name: str | None = None
    header_name_ref: str | None = None
    scopes: tuple[str, ...] = ()
    lifetime_in_seconds: int | None = None
    audience: str | None = None
    audience_ref: str | None = None
    use_target_url: bool = False
    include_email: bool = False
    include_email_ref: str | None = None


class LoadBalancerServer(Struct, frozen=True, eq=False):
    name: str
    weight: int | None
    is_enabled: bool
    is_fallback: bool
    node: Node


class LoadBalancer(Struct, frozen=True, eq=False):
    """`max_failures` 0 never removes a server; `unhealthy_codes` are the statuses that count as failures."""

    algorithm: Literal["RoundRobin", "Weighted", "LeastConnections"]
    servers: tuple[LoadBalancerServer, ...]
    max_failures: int
    retry_enabled: bool
    unhealthy_codes: tuple[int, ...]
    node: Node


class TCPMonitor(Struct, frozen=True, eq=False):
    """`port` None is the target server's own."""

    connect_timeout_in_sec: int | None
    port: int | None
    node: Node


class HTTPMonitorRequest(Struct, frozen=True, eq=False):
    """Timeouts in seconds; 0 and None both mean the platform's 30 s."""

    connect_timeout_in_sec: int | None
    socket_read_timeout_in_sec: int | None
    port: int | None
    verb: str
    path: str
    payload: str
    headers: tuple[tuple[str, str], ...]
    is_ssl: bool
    trust_all_ssl: bool
    use_target_server_ssl_info: bool
    include_health_check_id_header: bool
    node: Node


class HTTPMonitor(Struct, frozen=True, eq=False):
    """Empty `response_codes` and `response_headers` accept any answer."""

    request: HTTPMonitorRequest
    response_codes: tuple[int, ...]
    response_headers: tuple[tuple[str, str], ...]
    node: Node


class HealthMonitor(Struct, frozen=True, eq=False):
    is_enabled: bool
    interval_in_sec: int
    monitor: TCPMonitor | HTTPMonitor | None
    node: Node


class HTTPTargetConnection(Struct, frozen=True, eq=False):
    """Where to send a request. `url` and `path` are message templates; `path` counts only with a load balancer."""

    node: Node
    url: str | None = None
    load_balancer: LoadBalancer | None = None
    path: str | None = None
    health_monitor: HealthMonitor | None = None
    ssl_info: SSLInfo | None = None
    authentication: Authentication | None = None
    properties: dict[str, str] = field(default_factory=dict)
    common_name: str | None = None


class LocalTargetConnection(Struct, frozen=True, eq=False):
    """Another proxy of the same environment: `api_proxy` with `proxy_endpoint`, or `path`. All are templates."""

    node: Node
    api_proxy: str | None = None
    proxy_endpoint: str | None = None
    path: str | None = None


class ScriptTarget(Struct, frozen=True, eq=False):
    """Edge's retired Node.js target; kept in the model so that it can be named in a finding."""

    resource_url: str
    node: Node


class HostedTarget(Struct, frozen=True, eq=False):
    """Edge's retired hosted Node.js target."""

    node: Node


Connection = HTTPTargetConnection | LocalTargetConnection | ScriptTarget | HostedTarget


class TargetEndpoint(Struct, frozen=True, eq=False):
    name: str
    node: Node
    description: str
    connection: Connection | None
    pre_flow: Flow
    flows: tuple[Flow, ...]
    post_flow: Flow
    event_flow: Flow | None
    fault_rules: tuple[FaultRule, ...]
    default_fault_rule: FaultRule | None


class IntegrationEndpoint(Struct, frozen=True, eq=False):
    name: str
    async_execution: bool
    node: Node


class SharedFlow(Struct, frozen=True, eq=False):
    name: str
    description: str
    steps: tuple[StepRef, ...]
    node: Node


class PolicySource(Struct, frozen=True, eq=False):
    """A policy as it stands in the bundle: what it says is for the policy of that element to read."""

    name: str
    element: str
    file: str
    node: Node
    enabled: bool
    continue_on_error: bool


class Resource(Struct, frozen=True):
    """A file under resources/TYPE/; `name` is the path below that folder, with slashes."""

    type: str
    name: str
    file: str
    source: Source

    def read(self) -> bytes:
        """The content, read anew on each call. Raises SourceError if the file has gone or is refused."""
        return self.source.read(self.file)


class Bundle(Struct, frozen=True, eq=False):
    """An API proxy or a shared flow bundle, exactly as its folders hold it.

    `name` is the manifest's, `file`s are relative to the folder that holds `apiproxy/` or `sharedflowbundle/`.
    `policies` are by their name attribute, `targets` and `integration_endpoints` by name, `resources` by
    (type, name).
    """

    kind: BundleKind
    name: str
    revision: str
    description: str
    display_name: str
    proxies: tuple[ProxyEndpoint, ...]
    targets: dict[str, TargetEndpoint]
    shared_flows: tuple[SharedFlow, ...]
    policies: dict[str, PolicySource]
    integration_endpoints: dict[str, IntegrationEndpoint]
    resources: dict[tuple[str, str], Resource]
    manifest: Node
    source: Source
    files: tuple[str, ...]

    @property
    def base_paths(self) -> tuple[str, ...]:
        return tuple(proxy.base_path for proxy in self.proxies)

    def proxy(self, name: str) -> ProxyEndpoint | None:
        for proxy in self.proxies:
            if proxy.name == name:
                return proxy
        return None

    def resource(self, url: str) -> Resource | None:
        """The resource that `jsc://name.js` and its like name; None if the bundle does not hold it."""
        type_, _, name = url.strip().partition("://")
        return self.resources.get((type_, name))

    def resources_of(self, type: str) -> Iterator[Resource]:
        """All resources of one type, by name."""
        for key in sorted(self.resources):
            if key[0] == type:
                yield self.resources[key]
