"""ResetQuota: gives back messages that a Quota policy has counted."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct

from apiproxy_policies.traffic.quota import Quota
from apiproxy_policies.traffic.quota_counter import (
    NO_IDENTIFIER,
    Counters,
    counter_key,
    whole_number,
)
from apiproxy_policies.traffic.quota_terms import FindTerms
from apiproxy_policies.traffic.quota_window import start_time
from apiproxy_runtime.policy.api import (
    VARIABLE,
    Element,
    Findings,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text_of,
    then,
)

logger = logging.getLogger("apiproxy")

Find = Callable[[MessageContext], str]


class Named(Element):
    """What a name or a variable names; the variable wins when it resolves."""

    value: str = attribute("name", default="", doc="the name")
    ref: str = attribute("ref", VARIABLE, default="", doc="variable that holds the name")

    def compile(self, site: Site) -> Find:
        literal = self.value
        if not self.ref:
            return lambda ctx: literal
        get = site.getter(self.ref)
        return lambda ctx: text_of(get(ctx)) or literal


class Identifier(Named):
    """Whose count is lowered, as the Quota's own identifier names them, and by how many messages."""

    allow: Value[str] | None = child("Allow", ref=True, doc="how many messages are given back")


class Class(Named):
    """A class of the Quota, and the identifiers in it."""

    identifiers: tuple[Identifier, ...] = many("Identifier", Identifier, doc="whose count is lowered")


class QuotaName(Named):
    """The Quota policy, and whose counts are lowered."""

    identifiers: tuple[Identifier, ...] = many("Identifier", Identifier, doc="whose count is lowered")
    classes: tuple[Class, ...] = many("Class", Class, doc="counts of a class")


class Target(Struct, frozen=True):
    """A Quota policy of the bundle: where it counts, and in which windows."""

    counters: Counters
    terms: FindTerms


class ResetQuota(Policy):
    """Lower the count of a Quota policy, so that more messages are let through before its window ends.

    The count goes down by `<Allow>`, never below zero. An `<Allow>` whose variable does not resolve changes nothing:
    the client meets the Quota's own violation (ResetQuota reference: the fault is seen in the debug session only).
    """

    tag = "ResetQuota"
    family = "traffic"
    prefix = "resetquota"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/reset-quota-policy"
    faults = fault_table(
        "policies.resetquota",
        (
            "InvalidRLPolicy",
            500,
            "Invalid rate limit policy {quota}",
            "the proxy has no Quota policy of that name",
        ),
        (
            "FailedToResolveRLPolicy",
            500,
            "Failed to resolve rate limit policy",
            "the variable that names the Quota policy does not resolve",
        ),
        (
            "FailedToResolveAllowCountRef",
            500,
            "Failed to resolve allow count reference {reference} for identifier {identifier} in ResetQuotaStepDefinition:{policy};API Proxy:{proxy};Revision:{rev};Environment:{env};Organization:{org}",
            "the variable of <Allow> does not resolve; only debug sessions show it",
        ),
    )
    deploy_errors = {
        "InvalidCount": "Invalid count value {value} for identifier {identifier} in {policy}.",
        "InvalidRLPolicyDefinition": "Invalid rate limit policy {policy}",
    }
    variables = {"resetquota.{policy}.failed": "true when the policy failed"}
    example = """
<ResetQuota name="RQ-PerApp">
  <Quota name="Q-PerApp">
    <Identifier ref="client_id">
      <Allow>50</Allow>
    </Identifier>
  </Quota>
</ResetQuota>"""

    quota: QuotaName | None = nested("Quota", QuotaName, doc="the Quota policy whose counts are lowered")

    def check(self, site: Site) -> None:
        if self.quota is None or not (self.quota.value or self.quota.ref):
            cure = 'Write <Quota name="…"> with the name of a Quota policy of this proxy.'
            site.error(self.node, "InvalidRLPolicyDefinition", cure)
            return
        for identifier in _identifiers(self.quota):
            text = identifier.allow.text if identifier.allow is not None else None
            if text is not None and whole_number(text) is None:
                site.error(
                    identifier.node,
                    "InvalidCount",
                    "Write an integer, such as <Allow>50</Allow>.",
                    value=text,
                    identifier=identifier.value or identifier.ref,
                )
            if identifier.allow is None:
                site.warning(
                    identifier.node,
                    "MissingAllow",
                    "<Identifier> gives nothing back",
                    "Write <Allow>50</Allow>.",
                )

    def compile(self, site: Site) -> StepFunction:
        quota = self.quota
        assert quota is not None
        targets = {
            name: Target(each.counters(site), each.terms(site)) for name, each in _quotas(site).items()
        }
        name_of = quota.compile(site)
        resets = [
            *(self._reset(identifier, None, site) for identifier in quota.identifiers),
            *(
                self._reset(identifier, group.compile(site), site)
                for group in quota.classes
                for identifier in group.identifiers
            ),
        ]

        async def wait(answers: list[Awaitable[object]]) -> None:
            for answer in answers:
                await answer

        def reset_quota(ctx: MessageContext) -> Awaitable[object] | None:
            name = name_of(ctx)
            if not name:
                raise self.fault("FailedToResolveRLPolicy")
            target = targets.get(name)
            if target is None:
                raise self.fault("InvalidRLPolicy", quota=name)
            waiting = [answer for reset in resets if (answer := reset(ctx, target)) is not None]
            return wait(waiting) if waiting else None

        return reset_quota

    def _reset(
        self, identifier: Identifier, class_of: Find | None, site: Site
    ) -> Callable[[MessageContext, Target], Awaitable[object] | None]:
        allow = identifier.allow
        allow_of = site.value(allow) if allow is not None else lambda ctx: None
        reference = (allow.ref if allow is not None else None) or "null"
        name_of, deployment = identifier.compile(site), site.deployment

        def reset(ctx: MessageContext, target: Target) -> Awaitable[object] | None:
            name = name_of(ctx) or NO_IDENTIFIER
            amount = whole_number(allow_of(ctx))
            if amount is None:
                fault = self.fault(
                    "FailedToResolveAllowCountRef",
                    reference=reference,
                    identifier=name,
                    proxy=deployment.proxy,
                    rev=deployment.revision,
                    env=deployment.environment,
                    org=deployment.organization,
                )
                logger.info("%s", fault)
                return None
            terms = target.terms(ctx)
            if terms is None or amount < 1:
                return None
            key = counter_key(name, class_of(ctx) if class_of is not None else None, terms.extra)
            return then(
                target.counters.add(ctx, key, -amount, None, terms.interval, terms.unit), lambda count: None
            )

        return reset


def _identifiers(quota: QuotaName) -> list[Identifier]:
    return [*quota.identifiers, *(each for group in quota.classes for each in group.identifiers)]


def _quotas(site: Site) -> dict[str, Quota]:
    """The Quota policies of the bundle; what is wrong with them is said where they are compiled."""
    found = {}
    for source in site.bundle.policies.values():
        if source.element == Quota.tag:
            quota = Quota.parse(source.node, Findings())
            quota.name = source.name
            try:
                start_time(quota.start_time or "2000-01-01 00:00:00")
            except ValueError:
                continue
            found[source.name] = quota
    return found
