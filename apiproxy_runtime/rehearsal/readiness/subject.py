"""A bundle as checks see it: the model, where flow variables are used, and what lies beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Finding as ReadingFinding
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import (
    Bundle,
    Condition,
    FaultRule,
    Flow,
    HTTPTargetConnection,
    PolicySource,
    ProxyEndpoint,
    Resource,
    SSLInfo,
    StepRef,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.target import read_http_target
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.kong.convert.registry import canonical
from apiproxy_runtime.rehearsal.readiness.usage import Usage, usages

_TEXT_TYPES = ("jsc", "py", "xsl", "node", "hosted", "template", "xsd", "wsdl", "oas", "graphql")
_LONGEST = 2 * 1024 * 1024


class Attached(Struct, frozen=True):
    """A step and where it stands: the flow's name and the side."""

    step: StepRef
    flow: str
    side: str
    following: tuple[StepRef, ...]


class Subject:
    """One bundle. `others` are the bundles of the same call, itself included."""

    def __init__(
        self,
        bundle: Bundle,
        reading: Sequence[ReadingFinding],
        environment: Environment,
        test_data: TestData,
        others: Sequence[Bundle],
    ) -> None:
        self.bundle = bundle
        self.reading = tuple(reading)
        self.environment = environment
        self.test_data = test_data
        self.others = tuple(others)

    def policies(self, *elements: str) -> Iterator[PolicySource]:
        """The policies of these root elements, other spellings of them included; all of them without any."""
        for policy in self.bundle.policies.values():
            if not elements or canonical(policy.element) in elements:
                yield policy

    @cached_property
    def flows(self) -> list[tuple[ProxyEndpoint | TargetEndpoint, Flow]]:
        """Every flow, with its endpoint."""
        found: list[tuple[ProxyEndpoint | TargetEndpoint, Flow]] = []
        for proxy in self.bundle.proxies:
            last = (proxy.post_client_flow,) if proxy.post_client_flow is not None else ()
            found += [(proxy, flow) for flow in (proxy.pre_flow, *proxy.flows, proxy.post_flow, *last)]
        for target in self.bundle.targets.values():
            last = (target.event_flow,) if target.event_flow is not None else ()
            found += [(target, flow) for flow in (target.pre_flow, *target.flows, target.post_flow, *last)]
        return found

    @cached_property
    def fault_rules(self) -> list[FaultRule]:
        found: list[FaultRule] = []
        endpoints: list[ProxyEndpoint | TargetEndpoint] = [
            *self.bundle.proxies,
            *self.bundle.targets.values(),
        ]
        for endpoint in endpoints:
            found += endpoint.fault_rules
            if endpoint.default_fault_rule is not None:
                found.append(endpoint.default_fault_rule)
        return found

    @cached_property
    def attached(self) -> list[Attached]:
        """Every step of every flow, fault rule and shared flow."""
        groups: list[tuple[str, str, tuple[StepRef, ...]]] = []
        for _, flow in self.flows:
            groups += [(flow.name, "request", flow.request), (flow.name, "response", flow.response)]
        groups += [(rule.name or "DefaultFaultRule", "fault", rule.steps) for rule in self.fault_rules]
        groups += [(flow.name, "shared", flow.steps) for flow in self.bundle.shared_flows]
        return [
            Attached(step, name, side, steps[index + 1 :])
            for name, side, steps in groups
            for index, step in enumerate(steps)
        ]

    @cached_property
    def conditions(self) -> list[Condition]:
        """Every condition that stands in the bundle."""
        found = [flow.condition for _, flow in self.flows]
        found += [rule.condition for rule in self.fault_rules]
        found += [rule.condition for proxy in self.bundle.proxies for rule in proxy.route_rules]
        found += [attached.step.condition for attached in self.attached]
        return [condition for condition in found if condition is not None and condition.text]

    @cached_property
    def connections(self) -> list[tuple[HTTPTargetConnection, PolicySource | None]]:
        """HTTP connections of target endpoints, and of ServiceCallouts (with their policy)."""
        found: list[tuple[HTTPTargetConnection, PolicySource | None]] = []
        for target in self.bundle.targets.values():
            if isinstance(target.connection, HTTPTargetConnection):
                found.append((target.connection, None))
        for policy in self.policies("ServiceCallout"):
            node = policy.node.child("HTTPTargetConnection")
            if node is not None:
                found.append((read_http_target(node, Findings()), policy))
        return found

    @cached_property
    def ssl_infos(self) -> list[tuple[SSLInfo, PolicySource | None]]:
        found: list[tuple[SSLInfo, PolicySource | None]] = [
            (connection.ssl_info, policy) for connection, policy in self.connections if connection.ssl_info
        ]
        used = self.target_servers
        found += [
            (server.ssl_info, None)
            for server in self.environment.target_servers.values()
            if server.ssl_info is not None and server.name in used
        ]
        return found

    @cached_property
    def target_servers(self) -> set[str]:
        """The names of the target servers that the bundle calls."""
        names = {
            server.name
            for connection, _ in self.connections
            if connection.load_balancer is not None
            for server in connection.load_balancer.servers
        }
        for policy in self.policies("ExternalCallout"):
            names |= {node.name for node in policy.node.walk() if node.tag == "Server" and node.name}
        return names

    @cached_property
    def usages(self) -> list[Usage]:
        """Where flow variables are named."""
        return usages(self)

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text resources by file; what is binary, too long or unreadable is left out."""
        found: dict[str, str] = {}
        for resource in self.bundle.resources.values():
            text = self.text(resource) if resource.type in _TEXT_TYPES else None
            if text is not None:
                found[resource.file] = text
        return found

    def text(self, resource: Resource) -> str | None:
        try:
            data = resource.read()
        except SourceError:
            return None
        if len(data) > _LONGEST or b"\0" in data[:4096]:
            return None
        return data.decode("utf-8", "replace")

    @cached_property
    def beside(self) -> tuple[str, ...]:
        """Files that lie beside the bundle's folder."""
        try:
            return self.bundle.source.files()
        except SourceError:
            return ()
