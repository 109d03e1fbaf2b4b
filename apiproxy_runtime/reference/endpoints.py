"""The elements of endpoints, shared flows and manifests, declared as policies are: for the schema that editors use.

The readers in `bundle/` read them by hand, since much in them depends on what stands beside it; a test holds the two
together. Source: docs.cloud.google.com/apigee, "API proxy configuration reference".
"""

from __future__ import annotations

from apiproxy_runtime.policy.declaration import (
    Element,
    attribute,
    child,
    children,
    many,
    nested,
    text,
)
from apiproxy_runtime.policy.kinds import BOOLEAN, INTEGER, NATURAL, one_of

_CONDITION = "when it applies; without one always"


class Property(Element):
    """A setting; endpoint and target properties are listed in the endpoint properties reference."""

    name: str = attribute("name", required=True, doc="name of the setting")
    value: str = text(doc="its value")


class Properties(Element):
    """Settings by name."""

    items: tuple[Property, ...] = many("Property", Property, doc="a setting and its value")


class InnerFaultRules(Element):
    """Deprecated fault rules of a step; they have no effect."""

    open = True


class Step(Element):
    """Attaches a policy to a flow."""

    policy: str = child("Name", required=True, doc="name of the policy")
    condition: str = child("Condition", doc="when the policy runs; without one always")
    description: str = child("Description", doc="for people")
    fault_rules: InnerFaultRules | None = nested("FaultRules", InnerFaultRules)


class Direction(Element):
    """Steps in the order in which they run."""

    steps: tuple[Step, ...] = many("Step", Step, doc="a policy to run")
    description: str = child("Description", doc="for people")


class Flow(Element):
    """Steps for requests and responses that fit its condition."""

    name: str = attribute("name", doc="shown in traces, and current.flow.name")
    description: str = child("Description", doc="for people")
    request: Direction | None = nested("Request", Direction)
    response: Direction | None = nested("Response", Direction)
    condition: str = child("Condition", doc=_CONDITION)


class Flows(Element):
    """Conditional flows: the first whose condition holds runs, in each direction anew."""

    flows: tuple[Flow, ...] = many("Flow", Flow)
    description: str = child("Description", doc="for people")


class FaultRule(Element):
    """Steps that handle a fault."""

    name: str = attribute("name", doc="shown in traces")
    description: str = child("Description", doc="for people")
    rule_name: str = child("Name", doc="for people")
    condition: str = child("Condition", doc=_CONDITION)
    steps: tuple[Step, ...] = many("Step", Step)


class FaultRules(Element):
    """ProxyEndpoint: from the last rule to the first; TargetEndpoint: from the first to the last."""

    rules: tuple[FaultRule, ...] = many("FaultRule", FaultRule)
    description: str = child("Description", doc="for people")


class DefaultFaultRule(FaultRule):
    """Runs when no fault rule fits, or always with AlwaysEnforce."""

    always: bool = child("AlwaysEnforce", BOOLEAN, default=False, doc="true: runs behind other rules too")


class Endpoint(Element):
    name: str = attribute("name", required=True, doc="by which route rules and traces refer to it")
    description: str = child("Description", doc="for people")
    display_name: str = child("DisplayName", doc="for people")
    pre_flow: Flow | None = nested("PreFlow", Flow, doc="runs before the conditional flows")
    flows: Flows | None = nested("Flows", Flows)
    post_flow: Flow | None = nested("PostFlow", Flow, doc="runs behind the conditional flows")
    fault_rules: FaultRules | None = nested("FaultRules", FaultRules)
    default_fault_rule: DefaultFaultRule | None = nested("DefaultFaultRule", DefaultFaultRule)


class HTTPProxyConnection(Element):
    """Where the proxy is reached."""

    base_path: str = child("BasePath", required=True, doc="begins with /; * stands for one segment")
    virtual_hosts: tuple[str, ...] = children("VirtualHost", doc="Edge only")
    properties: Properties | None = nested("Properties", Properties)
    description: str = child("Description", doc="for people")


class RouteRule(Element):
    """Leads to a target when its condition holds; the first that fits is taken. Without a target: a null route."""

    name: str = attribute("name", required=True, doc="shown in traces, and route.name")
    target: str = child("TargetEndpoint", doc="name of the target endpoint")
    url: str = child("URL", doc="address to call without a target endpoint; template")
    integration: str = child("IntegrationEndpoint", doc="name of the integration endpoint")
    condition: str = child("Condition", doc=_CONDITION)
    description: str = child("Description", doc="for people")
    fault_rules: InnerFaultRules | None = nested("FaultRules", InnerFaultRules)


class ProxyEndpoint(Endpoint):
    """What clients call."""

    tag = "ProxyEndpoint"
    post_client: Flow | None = nested("PostClientFlow", Flow, doc="runs when the client has its answer")
    connection: HTTPProxyConnection | None = nested("HTTPProxyConnection", HTTPProxyConnection, required=True)
    rules: tuple[RouteRule, ...] = many("RouteRule", RouteRule)


class LoadBalancerServer(Element):
    """A target server of the environment."""

    name: str = attribute("name", required=True, doc="name of the target server")
    weight: int = child("Weight", INTEGER, doc="its share, with Algorithm Weighted")
    fallback: bool = child("IsFallback", BOOLEAN, default=False, doc="true: only when no other is left")
    enabled: bool = child("IsEnabled", BOOLEAN, default=True, doc="false: left out")


class ServerUnhealthyResponse(Element):
    """Answers that count as failures."""

    codes: tuple[int, ...] = children("ResponseCode", INTEGER, doc="a status, such as 503")


class LoadBalancer(Element):
    """Spreads calls over target servers."""

    algorithm: str = child(
        "Algorithm",
        one_of("RoundRobin", "Weighted", "LeastConnections", ignore_case=True),
        default="RoundRobin",
    )
    servers: tuple[LoadBalancerServer, ...] = many("Server", LoadBalancerServer)
    max_failures: int = child("MaxFailures", NATURAL, default=0, doc="failures until a server is left out")
    retry: bool = child("RetryEnabled", BOOLEAN, default=True, doc="false: no other server is tried")
    unhealthy: ServerUnhealthyResponse | None = nested("ServerUnhealthyResponse", ServerUnhealthyResponse)


class Anything(Element):
    """Read by what it belongs to."""

    open = True


class SSLInfo(Element):
    """TLS to the target."""

    enabled: bool = child("Enabled", BOOLEAN, default=False)
    enforce: bool = child("Enforce", BOOLEAN, default=False, doc="true: the certificate is verified")
    client_auth: bool = child("ClientAuthEnabled", BOOLEAN, default=False, doc="true: two-way TLS")
    keystore: str = child("KeyStore", doc="name, or ref://NAME")
    key_alias: str = child("KeyAlias", doc="alias of key and certificate in the keystore")
    truststore: str = child("TrustStore", doc="name, or ref://NAME")
    ignore_errors: bool = child("IgnoreValidationErrors", BOOLEAN, default=False)
    ciphers: Anything | None = nested("Ciphers", Anything)
    protocols: Anything | None = nested("Protocols", Anything)
    common_name: Anything | None = nested("CommonName", Anything, doc="name the certificate must have")


class HealthMonitor(Element):
    """Asks servers whether they are well, and takes those out that are not."""

    enabled: bool = child("IsEnabled", BOOLEAN, default=True)
    interval: int = child("IntervalInSec", INTEGER, doc="seconds between two questions")
    tcp: Anything | None = nested("TCPMonitor", Anything, doc="by opening a connection")
    http: Anything | None = nested("HTTPMonitor", Anything, doc="by a request")


class Authentication(Element):
    """A Google token for the target."""

    header: Anything | None = nested("HeaderName", Anything, doc="in place of Authorization")
    access: Anything | None = nested("GoogleAccessToken", Anything)
    identity: Anything | None = nested("GoogleIDToken", Anything)


class HTTPTargetConnection(Element):
    """The backend: a URL, or target servers."""

    url: str = child("URL", doc="address; template")
    balancer: LoadBalancer | None = nested("LoadBalancer", LoadBalancer)
    path: str = child("Path", doc="path for target servers; template")
    monitor: HealthMonitor | None = nested("HealthMonitor", HealthMonitor)
    ssl: SSLInfo | None = nested("SSLInfo", SSLInfo)
    authentication: Authentication | None = nested("Authentication", Authentication)
    properties: Properties | None = nested("Properties", Properties)
    common_name: Anything | None = nested("CommonName", Anything)
    description: str = child("Description", doc="for people")


class LocalTargetConnection(Element):
    """Another proxy of the same environment, called without the network."""

    proxy: str = child("APIProxy", doc="name of the proxy")
    endpoint: str = child("ProxyEndpoint", doc="name of its proxy endpoint")
    path: str = child("Path", doc="complete path, in place of the two")


class TargetEndpoint(Endpoint):
    """What the proxy calls."""

    tag = "TargetEndpoint"
    event_flow: Anything | None = nested("EventFlow", Anything, doc="runs for each server-sent event")
    http: HTTPTargetConnection | None = nested("HTTPTargetConnection", HTTPTargetConnection)
    local: LocalTargetConnection | None = nested("LocalTargetConnection", LocalTargetConnection)
    script: Anything | None = nested("ScriptTarget", Anything, doc="Node.js; retired")
    hosted: Anything | None = nested("HostedTarget", Anything, doc="Node.js; Edge only")


class SharedFlow(Element):
    """Steps that proxies call with FlowCallout, or that a flow hook attaches."""

    tag = "SharedFlow"
    name: str = attribute("name", required=True)
    steps: tuple[Step, ...] = many("Step", Step)
    description: str = child("Description", doc="for people")
    display_name: str = child("DisplayName", doc="for people")


class IntegrationEndpoint(Element):
    """An integration that a route rule leads to."""

    tag = "IntegrationEndpoint"
    name: str = attribute("name", required=True)
    asynchronous: bool = child("AsyncExecution", BOOLEAN, default=False)
    description: str = child("Description", doc="for people")
    display_name: str = child("DisplayName", doc="for people")


class APIProxy(Element):
    """The manifest of a proxy; exporting tools list its contents there, which nobody reads."""

    tag = "APIProxy"
    open = True
    name: str = attribute("name", required=True)
    revision: str = attribute("revision")


class SharedFlowBundle(APIProxy):
    """The manifest of a shared flow bundle."""

    tag = "SharedFlowBundle"


class Manifest(Element):
    """What exporting tools write into manifests/; nobody reads it."""

    tag = "Manifest"
    open = True


#: What may be the root of a file of a bundle, policies apart.
ROOTS: tuple[type[Element], ...] = (
    ProxyEndpoint,
    TargetEndpoint,
    SharedFlow,
    IntegrationEndpoint,
    APIProxy,
    SharedFlowBundle,
    Manifest,
)
