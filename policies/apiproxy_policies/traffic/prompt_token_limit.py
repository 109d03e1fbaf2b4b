"""PromptTokenLimit: keeps the tokens of prompts below a rate."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from apiproxy_policies.traffic.quota_counter import Reference, compile_identifier
from apiproxy_policies.traffic.rate import RATE, Rate, compile_rate
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Count,
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

#: Where requests to Gemini hold the prompt of the user.
PROMPT = "{jsonPath('$.contents[-1].parts[-1].text',request.content,true)}"

_WORD = re.compile(r"[A-Za-z]+|\d{1,3}|\s+|.", re.DOTALL)


def count_tokens(prompt: str) -> int:
    """About how many tokens a prompt has.

    No model's own tokenizer is here, so this is an estimate that needs no vocabulary and differs from what Apigee
    counts: a word of Latin letters is a token for every six letters begun, up to three digits are one, and so is every
    other character that is no blank.
    """
    tokens = 0
    for word in _WORD.findall(prompt):
        if word.isspace():
            continue
        tokens += -(-len(word) // 6) if word[0].isalpha() and word.isascii() else 1
    return tokens


class PromptTokenLimit(Policy):
    """Protect a language model against prompts with too many tokens in a short time.

    It is a SpikeArrest whose messages weigh as many tokens as their prompt has. Up to the rate's number of tokens pass in
    any minute (pm) or second (ps); a prompt that alone has more never passes. Tokens are estimated: see
    `count_tokens`. With or without `<UseEffectiveCount>`, tokens count over all workers and machines.
    """

    tag = "PromptTokenLimit"
    family = "traffic"
    prefix = "ratelimit"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/prompt-token-limit-policy"
    faults = fault_table(
        "policies.prompttokenlimit",
        (
            "PromptTokenLimitViolation",
            429,
            "Prompt token limit violation. Allowed rate : {rate}",
            "the prompts of the period have more tokens than the rate allows",
        ),
        (
            "FailedToExtractUserPrompt",
            400,
            "Failed to extract user prompt in PromptTokenLimit policy {policy}",
            "<UserPromptSource> does not resolve",
        ),
        (
            "FailedToCalculateUserPromptTokens",
            500,
            "Failed to calculate user prompt tokens in PromptTokenLimit policy {policy}",
            "Apigee's tokenizer fails; the estimate that is made here never does",
        ),
        (
            "FailedToResolvePromptTokenLimitRate",
            500,
            "Failed to resolve rate reference {reference} in PromptTokenLimit policy {policy}",
            "the variable of <Rate> does not resolve to a rate and there is no text",
        ),
    )
    deploy_errors = {
        "InvalidAllowedRate": "Invalid rate {rate} in PromptTokenLimit policy {policy}",
    }
    variables = {
        "ratelimit.{policy}.userPromptTokenCount": "tokens of the prompt",
        "ratelimit.{policy}.resolvedUserPrompt": "the prompt",
        "ratelimit.{policy}.failed": "true when the prompt was refused or the policy failed otherwise",
    }
    example = """
<PromptTokenLimit name="PTL-PerApp">
  <UserPromptSource>{jsonPath('$.messages[-1].content',request.content,true)}</UserPromptSource>
  <Rate>1000pm</Rate>
  <Identifier ref="client_id"/>
</PromptTokenLimit>"""

    prompt_source: str | None = child("UserPromptSource", doc="template of the prompt; by default Gemini's")
    rate: Value[Rate] | None = child(
        "Rate",
        RATE,
        required=True,
        ref=True,
        template=True,
        doc="50ps is 50 tokens a second, 1000pm is 1000 a minute",
        error="InvalidAllowedRate",
        message=deploy_errors["InvalidAllowedRate"].replace("{rate}", "{value}"),
    )
    identifier: Reference | None = nested("Identifier", Reference, doc="whose tokens are counted together")
    use_effective_count: bool = child(
        "UseEffectiveCount", BOOLEAN, default=False, doc="no effect: tokens count over all workers"
    )
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables", BOOLEAN, default=False, doc="true: an unresolved variable is empty"
    )

    def compile(self, site: Site) -> StepFunction:
        assert self.rate is not None
        rate_of = compile_rate(
            self.rate,
            site,
            lambda reference: self.fault("FailedToResolvePromptTokenLimitRate", reference=reference),
        )
        prompt_of = site.template(
            self.prompt_source or PROMPT,
            self.node,
            ignore_unresolved=self.ignore_unresolved,
            unresolved=lambda name: self.fault("FailedToExtractUserPrompt"),
        )
        identifier_of = compile_identifier(self.identifier, site)
        store, deployment = site.store, site.deployment
        start, end = f"prompt/{deployment.organization}/{deployment.environment}/", f"/{self.name}"
        counted, resolved = (
            f"ratelimit.{self.name}.{each}" for each in ("userPromptTokenCount", "resolvedUserPrompt")
        )
        required = not self.ignore_unresolved

        def prompt_token_limit(ctx: MessageContext) -> Awaitable[object] | None:
            rate, prompt = rate_of(ctx), prompt_of(ctx)
            if required and not prompt:
                raise self.fault("FailedToExtractUserPrompt")
            tokens = count_tokens(prompt)
            ctx.variables.update({counted: tokens, resolved: prompt})

            def settle(count: Count) -> None:
                if not count.allowed:
                    raise self.fault("PromptTokenLimitViolation", rate=rate)

            space = start + ctx.deployment.proxy + end
            return then(store.roll(space, identifier_of(ctx), tokens, rate.messages, rate.period), settle)

        return prompt_token_limit
