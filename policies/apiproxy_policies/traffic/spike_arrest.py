"""SpikeArrest: keeps traffic below a rate."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.quota_counter import Reference, compile_identifier, compile_weight, whose
from apiproxy_policies.traffic.rate import RATE, Rate, compile_rate
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Count,
    EventKind,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    child,
    fault_table,
    nested,
    then,
)

#: What is told of a message that comes too soon. `identifier` is cut short where it is an API key or a token.
EXCEEDED = EventKind(
    "spike-arrest",
    "exceeded",
    ("environment", "proxy", "revision", "policy", "identifier", "limit", "window", "consumer", "ip"),
    ("proxy", "policy", "identifier"),
    "A SpikeArrest policy refused a message that came too soon",
)


class SpikeArrest(Policy):
    """Protect a backend against bursts: messages above a rate are refused.

    Without `<UseEffectiveCount>` the rate is smoothed: `30pm` lets a message through two seconds after the last one,
    `10ps` one after 100 ms, and a message of weight w keeps the next away for w of these spaces. With it, up to the
    rate's number of messages pass in any minute (pm) or second (ps), however close together.

    Messages count for each identifier of one proxy and policy, over all workers and machines. Beside
    `ratelimit.{policy}.failed`, the counts that the flow variables reference names for SpikeArrest are set.
    """

    tag = "SpikeArrest"
    family = "traffic"
    prefix = "ratelimit"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/spike-arrest-policy"
    faults = fault_table(
        "policies.ratelimit",
        (
            "SpikeArrestViolation",
            429,
            "Spike arrest violation. Allowed rate : {rate}",
            "the message comes too soon",
        ),
        (
            "FailedToResolveSpikeArrestRate",
            500,
            "Failed to resolve Spike Arrest Rate reference {reference} in SpikeArrest policy {policy}",
            "the variable of <Rate> does not resolve to a rate and there is no text",
        ),
        (
            "InvalidMessageWeight",
            500,
            "Invalid message weight value {value}",
            "the variable of <MessageWeight> holds no integer",
        ),
    )
    deploy_errors = {
        "InvalidAllowedRate": "Invalid spike arrest rate {rate} in Spike Arrest policy {policy}",
    }
    variables = {
        "ratelimit.{policy}.allowed.count": "the number in the rate",
        "ratelimit.{policy}.used.count": "messages in the period; with smoothing 0 or all",
        "ratelimit.{policy}.available.count": "messages that are still let through; with smoothing all or 0",
        "ratelimit.{policy}.exceed.count": "1 when this message was refused, else 0",
        "ratelimit.{policy}.identifier": "whose messages are counted, `_default` without identifier",
        "ratelimit.{policy}.failed": "true when the message was refused or the policy failed otherwise",
    }
    example = """
<SpikeArrest name="SA-PerApp">
  <Rate>30ps</Rate>
  <Identifier ref="client_id"/>
  <UseEffectiveCount>true</UseEffectiveCount>
</SpikeArrest>"""

    events = (EXCEEDED,)

    rate: Value[Rate] | None = child(
        "Rate",
        RATE,
        required=True,
        ref=True,
        template=True,
        doc="30ps is 30 a second, 100pm is 100 a minute",
        error="InvalidAllowedRate",
        message=deploy_errors["InvalidAllowedRate"].replace("{rate}", "{value}"),
    )
    identifier: Reference | None = nested("Identifier", Reference, doc="whose messages are counted together")
    message_weight: Reference | None = nested("MessageWeight", Reference, doc="for how many a message counts")
    use_effective_count: bool = child(
        "UseEffectiveCount", BOOLEAN, default=False, doc="true: count in a sliding window, do not smooth"
    )

    def compile(self, site: Site) -> StepFunction:
        assert self.rate is not None
        rate_of = compile_rate(
            self.rate,
            site,
            lambda reference: self.fault("FailedToResolveSpikeArrestRate", reference=reference),
        )
        identifier_of = compile_identifier(self.identifier, site)
        weight_of = compile_weight(
            self.message_weight, site, lambda value: self.fault("InvalidMessageWeight", value=value)
        )
        store, deployment = site.store, site.deployment
        effective = self.use_effective_count
        refused, tell, policy = site.emitter(EXCEEDED), whose(self.identifier), self.name
        # spaces and sums are counters of two kinds, which must not meet after a new revision
        start = f"{'rate' if effective else 'spike'}/{deployment.organization}/{deployment.environment}/"
        end = f"/{self.name}"
        prefix = f"ratelimit.{self.name}."
        allowed, used, available, exceeded, identified = (
            prefix + name
            for name in ("allowed.count", "used.count", "available.count", "exceed.count", "identifier")
        )

        def settle(ctx: MessageContext, rate: Rate, identifier: str, passed: bool, messages: int) -> None:
            limit = rate.messages
            values = {
                allowed: limit,
                used: messages,
                available: limit - messages if limit > messages else 0,
                exceeded: 0 if passed else 1,
                identified: identifier,
            }
            ctx.variables.update(values)
            if not passed:
                if refused:
                    about = {"policy": policy, "limit": limit, "window": rate.period}
                    refused({**tell(ctx, identifier), **about})
                raise self.fault("SpikeArrestViolation", rate=rate)

        def counted(count: Count, ctx: MessageContext, rate: Rate, identifier: str) -> None:
            settle(ctx, rate, identifier, count.allowed, count.used)

        def spaced(passed: bool, ctx: MessageContext, rate: Rate, identifier: str) -> None:
            settle(ctx, rate, identifier, passed, 0 if passed else rate.messages)

        def spike_arrest(ctx: MessageContext) -> Awaitable[object] | None:
            rate = rate_of(ctx)
            identifier = identifier_of(ctx)
            weight = 1 if weight_of is None else weight_of(ctx)
            space = start + ctx.deployment.proxy + end
            if effective:
                count = store.roll(space, identifier, weight, rate.messages, rate.period)
                return then(count, counted, ctx, rate, identifier)
            passed = store.spike(space, identifier, rate.spacing, weight)
            if isinstance(passed, bool):  # at once, as most stores answer
                settle(ctx, rate, identifier, passed, 0 if passed else rate.messages)
                return None
            return then(passed, spaced, ctx, rate, identifier)

        return spike_arrest
