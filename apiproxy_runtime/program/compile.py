"""Bundle → program: every policy compiled once, every flow a flat list of steps.

Compile is validate: whatever Apigee would refuse at deploy time becomes a finding here, and all of them are
collected before anything is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import (
    Bundle,
    Condition,
    Flow,
    HTTPTargetConnection,
    LocalTargetConnection,
    PolicySource,
    ProxyEndpoint,
    RouteRule,
    StepRef,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.model import FaultRule as FaultRuleSource
from apiproxy_runtime.bundle.propertyset import parse_properties
from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.policy.egress import HTTPTarget, LocalTarget
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import find_policy
from apiproxy_runtime.policy.site import Predicate, Services, Site
from apiproxy_runtime.program.hooks import hook_steps
from apiproxy_runtime.program.integration import IntegrationTarget
from apiproxy_runtime.program.program import (
    ConditionalFlow,
    EndpointProgram,
    FaultRule,
    FaultRules,
    ProxyProgram,
    Route,
    Segment,
    SharedFlowProgram,
    Steps,
    TargetProgram,
)
from apiproxy_runtime.program.properties import byte_limit, flag, retain_filter, success_codes
from apiproxy_runtime.program.step import Choice, Step, StepFunction


def compile_proxy(
    bundle: Bundle, services: Services, findings: Findings, *, observed: bool = False
) -> ProxyProgram:
    """Compile an API proxy. Trouble goes to `findings`; with errors in it the program must not be run."""
    compiler = _Compiler(bundle, services, findings, observed)
    endpoints = tuple(compiler.endpoint(proxy) for proxy in bundle.proxies)
    return ProxyProgram(bundle, compiler.deployment, endpoints)


def compile_shared_flow(
    bundle: Bundle, services: Services, findings: Findings, *, observed: bool = False
) -> SharedFlowProgram:
    """Compile a shared flow bundle: the steps of its first shared flow (Apigee runs `default`)."""
    compiler = _Compiler(bundle, services, findings, observed)
    flows = {flow.name: flow for flow in bundle.shared_flows}
    flow = flows.get("default") or next(iter(flows.values()), None)
    return SharedFlowProgram(bundle, compiler.deployment, compiler.steps(flow.steps if flow else ()))


class _Compiler:
    """The compilation of one bundle."""

    def __init__(self, bundle: Bundle, services: Services, findings: Findings, observed: bool) -> None:
        self.bundle = bundle
        self.services = services
        self.findings = findings
        environment = services.environment
        self.deployment = Deployment(
            organization=environment.organization,
            environment=environment.name,
            proxy=bundle.name,
            revision=bundle.revision or "1",
            world=services.world,
            property_sets=property_sets(bundle, services),
        )
        self.site = Site(bundle, self.deployment, services, findings, observed=observed)
        self.policies: dict[str, tuple[Policy, StepFunction | None]] = {}
        for source in bundle.policies.values():
            self._compile_policy(source)
        self.targets = {name: self.target(target) for name, target in bundle.targets.items()}

    def _compile_policy(self, source: PolicySource) -> None:
        policy_class = find_policy(source.element)
        if policy_class is None:
            self.findings.error(
                source.node,
                "UnsupportedPolicy",
                f"<{source.element}> is not a policy that is installed here",
                "Check the element's spelling, or install the package that brings the policy.",
            )
            return
        before = len(self.findings.errors)
        policy = policy_class.parse(source.node, self.findings)
        policy.name = source.name
        site = self.site.of(policy)
        policy.check(site)
        run = policy.compile(site) if len(self.findings.errors) == before else None
        self.policies[source.name] = (policy, run)

    # ---- steps

    def steps(self, refs: Iterable[StepRef]) -> Steps:
        return tuple(step for ref in refs if (step := self.step(ref)) is not None)

    def step(self, ref: StepRef) -> Step | None:
        """An attached policy; None for one that is disabled, or that did not compile (its finding is there).

        Whoever observes is to see what is disabled too: there it is a step that never runs.
        """
        condition = self.condition(ref.condition)
        found = self.policies.get(ref.policy)
        if found is None:
            return None
        policy, run = found
        if run is None or not (policy.enabled or self.site.observed):
            return None
        return Step(
            run,
            policy.name,
            policy.tag,
            condition=condition if policy.enabled else _never,
            condition_text=ref.condition.text if ref.condition else "",
            continue_on_error=policy.continue_on_error,
            failed=policy.failed_variables(),
            file=policy.node.file,
            line=policy.node.line,
            enabled=policy.enabled,
        )

    def condition(self, condition: Condition | None) -> Predicate | None:
        return None if condition is None else self.site.condition(condition.text, condition.node)

    def choice(self, condition: Condition | None, kind: str, name: str) -> Predicate | None:
        """The condition of a flow, route rule or fault rule; observed, it tells what came out."""
        holds = self.condition(condition)
        if holds is None or condition is None or not self.site.observed:
            return holds
        choice = Choice(kind, name, condition.text)

        def told(ctx: MessageContext) -> bool:
            observer = ctx.observer
            if observer is None:
                return holds(ctx)
            observer.choice_begins(ctx, choice)
            chosen = holds(ctx)
            observer.choice_ends(ctx, choice, chosen)
            return chosen

        return told

    def segment(
        self,
        pre: Flow,
        flows: tuple[Flow, ...],
        post: Flow,
        pick: Callable[[Flow], tuple[StepRef, ...]],
        of_target: bool,
    ) -> Segment:
        compiled = tuple(
            ConditionalFlow(
                flow.name,
                flow.description,
                self.choice(flow.condition, "Flow", flow.name),
                self.steps(pick(flow)),
            )
            for flow in flows
        )
        before, after = self.steps(pick(pre)), self.steps(pick(post))
        if not compiled and not any(step.enabled for step in (*before, *after)):
            # disabled steps alone must not make a response be read that is passed on as a stream
            before = after = ()
        return Segment(
            before,
            compiled,
            after,
            of_target,
            pre.description,
            post.description,
        )

    def fault_rules(
        self, rules: tuple[FaultRuleSource, ...], default: FaultRuleSource | None, bottom_up: bool
    ) -> FaultRules:
        compiled = [
            FaultRule(rule.name, self.choice(rule.condition, "FaultRule", rule.name), self.steps(rule.steps))
            for rule in rules
        ]
        if bottom_up:
            compiled.reverse()
        if default is None:
            return FaultRules(tuple(compiled))
        return FaultRules(
            tuple(compiled),
            FaultRule(
                default.name or "DefaultFaultRule",
                self.choice(default.condition, "DefaultFaultRule", default.name or "DefaultFaultRule"),
                self.steps(default.steps),
            ),
            default.always_enforce,
        )

    # ---- endpoints

    def endpoint(self, proxy: ProxyEndpoint) -> EndpointProgram:
        properties = proxy.properties
        timeout = properties.get("api.timeout", "")
        post_client = proxy.post_client_flow
        return EndpointProgram(
            name=proxy.name,
            base_path=proxy.base_path,
            deployment=self.deployment,
            request=self.segment(
                proxy.pre_flow, proxy.flows, proxy.post_flow, lambda flow: flow.request, False
            ),
            response=self.segment(
                proxy.pre_flow, proxy.flows, proxy.post_flow, lambda flow: flow.response, False
            ),
            post_client=self.steps(post_client.response) if post_client else (),
            routes=tuple(self.route(rule) for rule in proxy.route_rules),
            fault_rules=self.fault_rules(proxy.fault_rules, proxy.default_fault_rule, bottom_up=True),
            pre_proxy_hook=hook_steps("PreProxyFlowHook", self.services),
            pre_target_hook=hook_steps("PreTargetFlowHook", self.services),
            post_target_hook=hook_steps("PostTargetFlowHook", self.services),
            post_proxy_hook=hook_steps("PostProxyFlowHook", self.services),
            api_timeout=int(timeout) / 1000 if timeout.isdigit() else 0.0,
            body_limit=byte_limit(properties.get("request.payload.parse.limit")),
            stream_request=flag(properties, "request.streaming.enabled", False),
            reads_request=self.reads_request(proxy),
            properties=properties,
        )

    def reads_request(self, proxy: ProxyEndpoint) -> bool:
        """Whether any step of a request flow could look at a streamed body."""
        endpoints: list[ProxyEndpoint | TargetEndpoint] = [proxy, *self.bundle.targets.values()]
        flows = [
            flow
            for endpoint in endpoints
            for flow in (endpoint.pre_flow, *endpoint.flows, endpoint.post_flow)
        ]
        return bool(self.services.environment.flow_hooks) or any(flow.request for flow in flows)

    def route(self, rule: RouteRule) -> Route:
        condition = self.choice(rule.condition, "RouteRule", rule.name)
        place = f"{rule.node.file}:{rule.node.line}"
        if rule.target_endpoint is not None:
            return Route(rule.name, condition, self.targets.get(rule.target_endpoint), place)
        if rule.url is not None:
            connection = HTTPTargetConnection(rule.node, url=rule.url)
            return Route(rule.name, condition, self.bare_target(rule.name, connection), place)
        if rule.integration_endpoint is not None:
            target = self.integration_target(rule.integration_endpoint)
            return Route(rule.name, condition, target, place)
        return Route(rule.name, condition, None, place)

    def target(self, target: TargetEndpoint) -> TargetProgram | None:
        connection = target.connection
        if not isinstance(connection, HTTPTargetConnection | LocalTargetConnection):
            return None
        site = self.site
        compiled: HTTPTarget | LocalTarget
        if isinstance(connection, HTTPTargetConnection):
            compiled = self.services.targets.http(
                connection, site, purpose="target", events=target.event_flow is not None
            )
        else:
            compiled = self.services.targets.local(connection, site)
        properties = connection.properties if isinstance(connection, HTTPTargetConnection) else {}
        url = (
            urlsplit(connection.url.strip())
            if isinstance(connection, HTTPTargetConnection) and connection.url
            else None
        )
        return TargetProgram(
            name=target.name,
            endpoint=True,
            connection=compiled,
            request=self.segment(
                target.pre_flow, target.flows, target.post_flow, lambda flow: flow.request, True
            ),
            response=self.segment(
                target.pre_flow, target.flows, target.post_flow, lambda flow: flow.response, True
            ),
            events=self.steps(target.event_flow.response) if target.event_flow else (),
            has_event_flow=target.event_flow is not None,
            fault_rules=self.fault_rules(target.fault_rules, target.default_fault_rule, bottom_up=False),
            is_success=success_codes(properties.get("success.codes")),
            base_path=(url.path or None) if url else None,
            scheme=url.scheme if url and url.scheme in ("http", "https") else None,
            request_filter=retain_filter(properties, response=False),
            response_filter=retain_filter(properties, response=True),
            response_limit=byte_limit(properties.get("response.payload.parse.limit")),
        )

    def bare_target(self, name: str, connection: HTTPTargetConnection) -> TargetProgram:
        """The URL of a RouteRule: called directly, without target flows; the ProxyEndpoint's fault rules apply."""
        compiled = self.services.targets.http(connection, self.site, purpose="target", events=False)
        return _without_flows(name, compiled)

    def integration_target(self, name: str) -> TargetProgram | None:
        """An IntegrationEndpoint: Google's Application Integration, reached over its REST API."""
        endpoint = self.bundle.integration_endpoints.get(name)
        if endpoint is None:
            return None
        return _without_flows(name, IntegrationTarget(name, self.site, endpoint.async_execution))


def _never(ctx: MessageContext) -> bool:
    return False


def _without_flows(name: str, connection: HTTPTarget) -> TargetProgram:
    """A target that is no TargetEndpoint."""
    nothing = Segment((), (), (), True)
    return TargetProgram(
        name=name,
        endpoint=False,
        connection=connection,
        request=nothing,
        response=nothing,
        events=(),
        has_event_flow=False,
        fault_rules=FaultRules(),
        is_success=success_codes(None),
    )


def property_sets(bundle: Bundle, services: Services) -> dict[str, dict[str, str]]:
    """The property sets a bundle sees: the environment's, its own in front of them."""
    found = dict(services.environment.property_sets)
    for resource in bundle.resources_of("properties"):
        found[resource.name.removesuffix(".properties")] = parse_properties(resource.read())
    return found
