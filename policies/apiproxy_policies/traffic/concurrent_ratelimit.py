"""ConcurrentRatelimit: bounds how many calls a target serves at a time."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    NATURAL,
    POSITIVE,
    VARIABLE,
    Count,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    text_of,
    then,
)

#: After how many seconds a connection that was never given back is free again.
TTL = 5


class AllowConnections(Element):
    """How many calls at a time."""

    count: int | None = attribute(
        "count", NATURAL, doc="how many calls at a time", error="InvalidCountValue", required=True
    )
    ttl: int = attribute("ttl", POSITIVE, default=TTL, doc="seconds until a lost connection is free again")


class TargetIdentifier(Element):
    """What the calls are counted for."""

    name: str = attribute("name", default="", doc="name that policies share")
    ref: str = attribute("ref", VARIABLE, default="", doc="variable that holds the name")


class ConcurrentRatelimit(Policy):
    """Bound how many calls a target serves at a time (Edge only, deprecated there).

    The policy is attached to a TargetEndpoint: in the request it takes a connection, in the response and in the
    DefaultFaultRule it gives it back. A connection that nobody gives back is free again after `ttl` seconds (5 by
    default). Calls count over all workers and machines, whatever `<Distributed>` says.
    """

    tag = "ConcurrentRatelimit"
    family = "traffic"
    prefix = "concurrentratelimit"
    profiles = ("apigee",)
    aliases = ("ConcurrentRateLimit",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/concurrent-rate-limit-policy"
    faults = fault_table(
        "policies.concurrentratelimit",
        (
            "ConcurrentRatelimitViolation",
            503,
            "ConcurrentRatelimit connection exceeded. Allowed connections : {count}",
            "so many calls are under way",
        ),
    )
    deploy_errors = {
        "InvalidCountValue": "count of <AllowConnections> must be an integer in ConcurrentRatelimit policy {policy}",
        "ConcurrentRatelimitStepAttachmentNotAllowedAtProxyEndpoint": "Concurrent rate limit policy {policy} is not allowed at proxy endpoint {endpoint}",
        "ConcurrentRatelimitStepAttachmentMissingAtTargetEndpoint": "Concurrent rate limit policy {policy} is missing in the request, the response or the DefaultFaultRule of target endpoint {endpoint}",
    }
    variables = {
        "concurrentratelimit.{policy}.allowed.count": "how many calls at a time",
        "concurrentratelimit.{policy}.used.count": "how many are under way",
        "concurrentratelimit.{policy}.available.count": "how many more may begin",
        "concurrentratelimit.{policy}.identifier": "what the calls are counted for",
        "concurrentratelimit.{policy}.failed": "true when the call was refused",
    }
    example = """
<ConcurrentRatelimit name="CR-Backend">
  <AllowConnections count="20" ttl="30"/>
  <Distributed>true</Distributed>
  <TargetIdentifier name="backend"/>
</ConcurrentRatelimit>"""

    allow: AllowConnections | None = nested(
        "AllowConnections", AllowConnections, required=True, doc="how many calls at a time"
    )
    distributed: bool = child("Distributed", BOOLEAN, default=False, doc="no effect: calls count everywhere")
    strict: bool = child(
        "StrictOnTtl",
        BOOLEAN,
        default=False,
        doc="no effect: connections are always free again after the ttl",
    )
    target: TargetIdentifier | None = nested(
        "TargetIdentifier", TargetIdentifier, doc="what the calls are counted for; the target by default"
    )

    def check(self, site: Site) -> None:
        for proxy in site.bundle.proxies:
            flows = (proxy.pre_flow, *proxy.flows, proxy.post_flow)
            if any(step.policy == self.name for flow in flows for step in (*flow.request, *flow.response)):
                site.error(
                    self.node,
                    "ConcurrentRatelimitStepAttachmentNotAllowedAtProxyEndpoint",
                    "Attach it to the TargetEndpoint.",
                    endpoint=proxy.name,
                )
        for target in site.bundle.targets.values():
            flows = (target.pre_flow, *target.flows, target.post_flow)
            places = (
                [step for flow in flows for step in flow.request],
                [step for flow in flows for step in flow.response],
                target.default_fault_rule.steps if target.default_fault_rule is not None else (),
            )
            attached = [any(step.policy == self.name for step in steps) for steps in places]
            if any(attached) and not all(attached):
                site.error(
                    self.node,
                    "ConcurrentRatelimitStepAttachmentMissingAtTargetEndpoint",
                    "Attach it in all three places.",
                    endpoint=target.name,
                )

    def compile(self, site: Site) -> StepFunction:
        assert self.allow is not None
        limit, ttl, store = self.allow.count or 0, self.allow.ttl, site.store
        name = self.target.name if self.target is not None else ""
        get = site.getter(self.target.ref) if self.target is not None and self.target.ref else None
        deployment = site.deployment
        start, end = f"concurrent/{deployment.organization}/{deployment.environment}/", f"/{self.name}"
        allowed, used, available, identified, held = (
            f"concurrentratelimit.{self.name}.{each}"
            for each in ("allowed.count", "used.count", "available.count", "identifier", "held")
        )

        def concurrent_ratelimit(ctx: MessageContext) -> Awaitable[object] | None:
            space = start + ctx.deployment.proxy + end
            key = ctx.variables.get(held)
            if ctx.in_response or ctx.fault is not None:
                if not isinstance(key, str):
                    return None
                ctx.variables[held] = None
                return then(store.roll(space, key, -1, None, ttl), lambda count: None)
            identifier = (text_of(get(ctx)) if get is not None else "") or name
            identifier = identifier or (ctx.target.name if ctx.target is not None else "_default")

            def settle(count: Count) -> None:
                ctx.variables.update(
                    {
                        allowed: limit,
                        used: count.used,
                        available: max(limit - count.used, 0),
                        identified: identifier,
                    },
                )
                if not count.allowed:
                    raise self.fault("ConcurrentRatelimitViolation", count=limit)
                ctx.variables[held] = identifier

            return then(store.roll(space, identifier, 1, limit, ttl), settle)

        return concurrent_ratelimit
