"""ProxyEndpoint, TargetEndpoint, SharedFlow and IntegrationEndpoint from the roots of their files."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.elements import (
    check_children,
    child_boolean,
    name_of,
    only_child,
    read_properties,
    text_of,
)
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.flows import (
    flow_or_empty,
    read_condition,
    read_conditional_flows,
    read_default_fault_rule,
    read_fault_rules,
    read_named_flow,
    read_steps,
)
from apiproxy_runtime.bundle.model import (
    Connection,
    HostedTarget,
    IntegrationEndpoint,
    ProxyEndpoint,
    RouteRule,
    ScriptTarget,
    SharedFlow,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.target import read_http_target, read_local_target
from apiproxy_runtime.bundle.xml import Node

_FLOWS = ("Description", "DisplayName", "PreFlow", "Flows", "PostFlow", "FaultRules", "DefaultFaultRule")
_HTTP_PROXY = ("HTTPProxyConnection", "HttpProxyConnection")
_HTTP_TARGET = ("HTTPTargetConnection", "HttpTargetConnection")
_PROXY = (*_FLOWS, "PostClientFlow", "RouteRule", *_HTTP_PROXY)
_TARGET = (*_FLOWS, "EventFlow", *_HTTP_TARGET, "LocalTargetConnection", "ScriptTarget", "HostedTarget")
_ROUTE = ("TargetEndpoint", "URL", "IntegrationEndpoint", "Condition", "Description", "FaultRules")
_PATH_REFUSED = re.compile(r"[\s?#\\]")


def read_proxy_endpoint(node: Node, fallback_name: str, findings: Findings) -> ProxyEndpoint:
    check_children(node, _PROXY, findings)
    connection = next((child for child in node.children if child.tag in _HTTP_PROXY), None)
    if connection is not None:
        check_children(connection, ("BasePath", "VirtualHost", "Properties", "Description"), findings)
    return ProxyEndpoint(
        name=name_of(node, fallback_name, findings),
        node=node,
        description=text_of(node.child("Description")),
        base_path=_base_path(node, connection, findings),
        virtual_hosts=_virtual_hosts(connection),
        properties=read_properties(connection, findings) if connection is not None else {},
        pre_flow=flow_or_empty(node, "PreFlow", findings),
        flows=read_conditional_flows(node, findings),
        post_flow=flow_or_empty(node, "PostFlow", findings),
        post_client_flow=read_named_flow(node, "PostClientFlow", findings),
        fault_rules=read_fault_rules(node, findings),
        default_fault_rule=read_default_fault_rule(node, findings),
        route_rules=_route_rules(node, findings),
    )


def _virtual_hosts(connection: Node | None) -> tuple[str, ...]:
    if connection is None:
        return ()
    return tuple(text for host in connection.all("VirtualHost") if (text := host.text.strip()))


def _base_path(endpoint: Node, connection: Node | None, findings: Findings) -> str:
    """The base path without a slash at its end; "/" if there is none.

    Wildcards stand for whole segments, not the first one, and never for several. Source:
    docs.cloud.google.com/apigee, "API proxy configuration reference".
    """
    node = only_child(connection, "BasePath", findings) if connection is not None else None
    if connection is None or node is None:
        findings.warning(
            connection if connection is not None else endpoint,
            "MissingBasePath",
            "<ProxyEndpoint> has no <HTTPProxyConnection> with a <BasePath>, so it takes every path",
            "Write <HTTPProxyConnection><BasePath>/your/path</BasePath></HTTPProxyConnection>.",
        )
        return "/"
    path = node.text.strip()
    if not path:
        return "/"
    segments = path.split("/")
    if not path.startswith("/"):
        findings.error(
            node, "InvalidBasePath", f'<BasePath> must begin with a slash, not "{path}"', f"Write /{path}."
        )
    elif _PATH_REFUSED.search(path):
        findings.error(
            node,
            "InvalidBasePath",
            f'<BasePath> holds blanks or one of ? # \\: "{path}"',
            "A base path is a plain path.",
        )
    elif "**" in path:
        findings.error(
            node,
            "InvalidBasePath",
            f'<BasePath> may not hold "**": "{path}"',
            "Use one * for each segment; what follows the base path is matched anyway.",
        )
    elif segments[1] == "*":
        findings.error(
            node, "InvalidBasePath", f'the first segment of <BasePath> may not be *: "{path}"', "Name it."
        )
    elif any("*" in segment and segment != "*" for segment in segments):
        findings.warning(
            node,
            "InvalidBasePath",
            f'* stands for a whole segment in <BasePath>: "{path}"',
            "Within a segment it is taken literally.",
        )
    return "/" + path.strip("/")


def _route_rules(endpoint: Node, findings: Findings) -> tuple[RouteRule, ...]:
    rules: list[RouteRule] = []
    for node in endpoint.all("RouteRule"):
        check_children(node, _ROUTE, findings)
        target = only_child(node, "TargetEndpoint", findings)
        url = only_child(node, "URL", findings)
        integration = only_child(node, "IntegrationEndpoint", findings)
        if sum(child is not None for child in (target, url, integration)) > 1:
            findings.error(
                node,
                "InvalidRouteRule",
                "<RouteRule> names more than one destination",
                "Keep one of <TargetEndpoint>, <URL> and <IntegrationEndpoint>.",
            )
        if target is not None and not text_of(target):
            findings.warning(
                target,
                "InvalidRouteRule",
                "<TargetEndpoint> is empty, so this is a null route",
                "Name one, or remove it.",
            )
        if node.child("FaultRules") is not None:
            findings.warning(node, "InvalidRouteRule", "fault rules of a route rule never run")
        name = node.name or ""
        if not name:
            findings.warning(node, "MissingName", "<RouteRule> has no name attribute", "route.name shows it.")
        elif any(name == rule.name for rule in rules):
            findings.warning(
                node, "DuplicateName", f"there is more than one route rule {name!r}", "Rename one."
            )
        rules.append(
            RouteRule(
                name=name,
                condition=read_condition(node, findings),
                target_endpoint=text_of(target) or None,
                url=text_of(url) or None,
                integration_endpoint=_integration_name(integration),
                node=node,
            )
        )
    return tuple(rules)


def _integration_name(node: Node | None) -> str | None:
    """By text, or by name attribute: both are seen."""
    return (text_of(node) or node.name or None) if node is not None else None


def read_target_endpoint(node: Node, fallback_name: str, findings: Findings) -> TargetEndpoint:
    check_children(node, _TARGET, findings)
    return TargetEndpoint(
        name=name_of(node, fallback_name, findings),
        node=node,
        description=text_of(node.child("Description")),
        connection=_connection(node, findings),
        pre_flow=flow_or_empty(node, "PreFlow", findings),
        flows=read_conditional_flows(node, findings),
        post_flow=flow_or_empty(node, "PostFlow", findings),
        event_flow=read_named_flow(node, "EventFlow", findings),
        fault_rules=read_fault_rules(node, findings),
        default_fault_rule=read_default_fault_rule(node, findings),
    )


def _connection(endpoint: Node, findings: Findings) -> Connection | None:
    """The one connection of a target. A retired kind beside another one wins, as it did on Edge."""
    script = endpoint.child("ScriptTarget")
    if script is not None:
        _refuse_retired(script, findings)
        return ScriptTarget(script.child_text("ResourceURL", ""), script)
    hosted = endpoint.child("HostedTarget")
    if hosted is not None:
        _refuse_retired(hosted, findings)
        return HostedTarget(hosted)
    http = [child for child in endpoint.children if child.tag in _HTTP_TARGET]
    local = endpoint.all("LocalTargetConnection")
    for extra in [*http, *local][1:]:
        findings.error(
            extra,
            "InvalidTargetEndpoint",
            "<TargetEndpoint> has more than one connection",
            "Keep one of them.",
        )
    if http:
        if http[0].tag != _HTTP_TARGET[0]:
            findings.warning(
                http[0], "Misspelt", f"<{http[0].tag}> is read as <{_HTTP_TARGET[0]}>", "Spell it so."
            )
        connection = read_http_target(http[0], findings)
        if connection.url is None and connection.load_balancer is None:
            findings.warning(
                http[0],
                "ConnectionInfoMissing",
                "<HTTPTargetConnection> has neither <URL> nor <LoadBalancer>",
                "Say where the target is, unless the request flow of the target always sets target.url.",
            )
        return connection
    if local:
        return read_local_target(local[0], findings)
    findings.error(
        endpoint,
        "ConnectionInfoMissing",
        "<TargetEndpoint> has no connection",
        "Add <HTTPTargetConnection> or <LocalTargetConnection>.",
    )
    return None


def _refuse_retired(node: Node, findings: Findings) -> None:
    findings.error(
        node,
        "UnsupportedTarget",
        f"<{node.tag}> ran Node.js inside Apigee Edge and is no longer offered",
        "Run the program on its own and call it with <HTTPTargetConnection>.",
    )


def read_shared_flow(node: Node, fallback_name: str, findings: Findings) -> SharedFlow:
    check_children(node, ("Step", "Description", "DisplayName"), findings)
    return SharedFlow(
        name=name_of(node, fallback_name, findings),
        description=text_of(node.child("Description")),
        steps=read_steps(node, findings),
        node=node,
    )


def read_integration_endpoint(node: Node, fallback_name: str, findings: Findings) -> IntegrationEndpoint:
    check_children(node, ("AsyncExecution", "Description", "DisplayName"), findings)
    return IntegrationEndpoint(
        name=name_of(node, fallback_name, findings),
        async_execution=child_boolean(node, "AsyncExecution", False, findings),
        node=node,
    )
