"""PromptTokenLimit: tokens of prompts in a minute or second."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from apiproxy_policies.traffic.prompt_token_limit import count_tokens
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, steps, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, request, run

CHAT = "<UserPromptSource>{jsonPath('$.messages[-1].content',request.content,true)}</UserPromptSource>"


def policy(rate: str = "10pm", rest: str = CHAT) -> str:
    return f'<PromptTokenLimit name="P">{rest}<Rate>{rate}</Rate></PromptTokenLimit>'


def gemini(prompt: str) -> MessageContext:
    return asking({"contents": [{"parts": [{"text": "before"}]}, {"parts": [{"text": prompt}]}]})


def chat(prompt: str) -> MessageContext:
    return asking({"messages": [{"content": "before"}, {"content": prompt}]})


def asking(body: object) -> MessageContext:
    return context(request("POST", "/", body=json.dumps(body), type="application/json"))


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        ("", 0),
        ("   ", 0),
        ("why is the sky blue?", 6),
        ("internationalization", 4),
        ("in 2024", 3),
        ("日本語", 3),
        ("a\nb", 2),
    ],
)
def test_tokens_are_estimated(prompt: str, tokens: int) -> None:
    assert count_tokens(prompt) == tokens


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_prompt_in_two_paragraphs_has_the_tokens_of_both(one: str, other: str) -> None:
    assert count_tokens(f"{one} \n{other}") == count_tokens(one) + count_tokens(other)


@pytest.mark.parametrize("rate", ["", "10", "fast", "0pm"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    assert deploy_errors(policy(rate)) == ["InvalidAllowedRate"]


async def test_prompts_pass_until_their_tokens_reach_the_rate(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(policy("10pm"), using=using)
    ctx = await run(step, chat("one two three four five six"))
    assert ctx.variables["ratelimit.P.userPromptTokenCount"] == 6
    assert ctx.variables["ratelimit.P.resolvedUserPrompt"] == "one two three four five six"
    fault = await fault_of(step, chat("one two three four five"))
    assert (fault.code, fault.status) == ("policies.prompttokenlimit.PromptTokenLimitViolation", 429)
    await run(step, chat("one two three four"))
    world.time += 60
    await run(step, chat("one two three four five"))


async def test_a_prompt_larger_than_the_rate_never_passes(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(policy("3ps"), using=using)
    for _ in range(3):
        assert (await fault_of(step, chat("one two three four"))).name == "PromptTokenLimitViolation"
        world.time += 60


async def test_without_source_the_prompt_is_geminis(using: Services) -> None:
    ctx = await run(compile_policy(policy(rest=""), using=using), gemini("one two"))
    assert ctx.variables["ratelimit.P.resolvedUserPrompt"] == "one two"


async def test_identifiers_are_counted_apart(using: Services) -> None:
    step = compile_policy(policy("2pm", '<Identifier ref="request.header.who"/>' + CHAT), using=using)
    for who in ("a", "b"):
        ctx = chat("one two")
        ctx.request.headers.set("Who", who)
        await run(step, ctx)
        await fault_of(step, ctx)


async def test_a_prompt_that_is_not_there_is_a_fault_unless_that_is_ignored() -> None:
    fault = await fault_of(compile_policy(policy()), asking({"other": 1}))
    assert (fault.code, fault.status) == ("policies.prompttokenlimit.FailedToExtractUserPrompt", 400)
    ignoring = CHAT + "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"
    ctx = await run(compile_policy(policy(rest=ignoring)), asking({"other": 1}))
    assert ctx.variables["ratelimit.P.userPromptTokenCount"] == 0


async def test_a_rate_nobody_gives_is_a_fault() -> None:
    xml = policy("").replace("<Rate>", '<Rate ref="r">')
    fault = await fault_of(compile_policy(xml), chat("x"))
    assert (fault.code, fault.status) == (
        "policies.prompttokenlimit.FailedToResolvePromptTokenLimitRate",
        500,
    )


async def test_a_client_with_long_prompts_is_refused(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "prompts",
        {
            "proxies/default.xml": proxy(request=steps("P"), routes='<RouteRule name="none"/>'),
            "policies/P.xml": policy("4pm"),
        },
    )
    async with house(path) as gateway:
        statuses = [
            (await gateway.call("POST", "/t", json={"messages": [{"content": prompt}]})).status
            for prompt in ("one two three", "four five", "four")
        ]
    assert statuses == [200, 429, 200]
