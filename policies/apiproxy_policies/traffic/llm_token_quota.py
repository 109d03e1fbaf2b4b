"""LLMTokenQuota: counts the tokens of language models over minutes to months."""

from __future__ import annotations

from typing import ClassVar

from apiproxy_policies.traffic.quota import FindPart, Quota, Weight
from apiproxy_policies.traffic.quota_counter import Reference, whole_number
from apiproxy_runtime.policy.api import (
    MessageContext,
    Node,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
)

#: Where Gemini says how many tokens it has made.
USAGE = "{jsonPath('$.usageMetadata.candidatesTokenCount',response.content,true)}"
LONGEST = 2**63 - 1


class LLMTokenQuota(Quota):
    """Count the tokens that language models use, and refuse messages once a budget is used up.

    It is a Quota whose messages weigh as many tokens as `<LLMTokenUsageSource>` says; windows, limits, products
    (`llmQuota`) and `<SharedName>` are those of Quota. One policy with `<EnforceOnly>` refuses in the request flow, before
    the call and by what is counted so far, so that one call may go beyond the budget; another with `<CountOnly>` and the
    same `<SharedName>` counts in the response flow.

    A counter is a model's own where `<LLMModelSource>` names the model; without the element all models share one, since
    the request does not say which model will answer. In an EventFlow an event that tells no usage counts nothing.
    """

    tag = "LLMTokenQuota"
    family = "traffic"
    prefix = "ratelimit"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/llm-token-quota-policy"
    faults = {
        **fault_table(
            "policies.llmtokenquota",
            (
                "LLMTokenQuotaViolation",
                429,
                "Rate limit quota violation. LLM token quota limit exceeded. Identifier : {identifier}",
                "the budget of tokens is used up",
            ),
            (
                "FailedToResolveModelName",
                400,
                "Failed to resolve model name in LLMTokenQuota policy {policy}",
                "<LLMModelSource> is empty for this message",
            ),
            (
                "FailedToResolveTokenUsageCount",
                500,
                "Failed to resolve token usage count in LLMTokenQuota policy {policy}",
                "<LLMTokenUsageSource> is no integer for this message",
            ),
            (
                "MessageTemplateExtractionFailed",
                400,
                "Message template extraction failed in LLMTokenQuota policy {policy}",
                "Apigee cannot run the template of a source; here one of the two faults above says so",
            ),
            (
                "InvalidConfiguration",
                500,
                "CountOnly and EnforceOnly exclude each other in LLMTokenQuota policy {policy}",
                "the policy has both <CountOnly> and <EnforceOnly>",
            ),
        ),
        **{name: fault for name, fault in Quota.faults.items() if name.startswith("FailedToResolve")},
    }
    variables = {
        **{name: meaning for name, meaning in Quota.variables.items() if not name.endswith(".allowed.count")},
        "ratelimit.{policy}.allowed.count": "the budget; the largest long with <CountOnly>",
        "ratelimit.{policy}.used.count": "tokens counted in the window",
        "ratelimit.{policy}.available.count": "tokens left",
    }
    example = """
<LLMTokenQuota name="LTQ-Enforce" type="calendar">
  <Identifier ref="client_id"/>
  <Allow count="1000" countRef="verifyapikey.VAK-Key.apiproduct.developer.llmQuota.limit"/>
  <Interval>1</Interval>
  <TimeUnit>hour</TimeUnit>
  <StartTime>2025-01-01 00:00:00</StartTime>
  <LLMModelSource>{model}</LLMModelSource>
  <EnforceOnly>true</EnforceOnly>
  <SharedName>tokens</SharedName>
</LLMTokenQuota>"""

    violation = "LLMTokenQuotaViolation"
    reported_limit: ClassVar[int | None] = LONGEST
    product_quota = "apiproduct.developer.llmQuota"

    type: str | None = attribute("type", default="calendar", doc="calendar, flexi or rollingwindow")
    message_weight: Reference | None = nested("MessageWeight", Reference, doc="no effect: tokens count")
    usage_source: str | None = child("LLMTokenUsageSource", doc="template of the tokens that were used")
    model_source: str | None = child("LLMModelSource", doc="template of the model's name")

    def weight(self, site: Site) -> Weight | None:
        # what does not resolve has a fault of its own, so the template itself must not raise
        render = site.template(self.usage_source or USAGE, self._child("LLMTokenUsageSource"))

        def tokens(ctx: MessageContext) -> int:
            number = whole_number(render(ctx).strip('[]"'))
            if number is not None and number >= 0:
                return number
            if ctx.flow_name == "EventFlow":
                return 0
            raise self.fault("FailedToResolveTokenUsageCount")

        return tokens

    def part(self, site: Site) -> FindPart | None:
        if not self.model_source:
            return None
        render = site.template(self.model_source, self._child("LLMModelSource"), ignore_unresolved=False)

        def model(ctx: MessageContext) -> str:
            name = render(ctx)
            if not name:
                raise self.fault("FailedToResolveModelName")
            return name

        return model

    def _child(self, tag: str) -> Node:
        return next((node for node in self.node.children if node.tag == tag), self.node)

    def compile(self, site: Site) -> StepFunction:
        if not (self.count_only and self.enforce_only):
            return super().compile(site)

        def refuse(ctx: MessageContext) -> None:
            raise self.fault("InvalidConfiguration")

        return refuse
