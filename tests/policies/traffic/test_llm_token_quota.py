"""LLMTokenQuota: budgets of tokens, by model, enforced before the call and counted after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, response, run

HOUR = "<Interval>1</Interval><TimeUnit>hour</TimeUnit><StartTime>2023-01-01 00:00:00</StartTime>"


def policy(rest: str = "", name: str = "L", allow: str = '<Allow count="100"/>', type: str = "") -> str:
    kind = f' type="{type}"' if type else ""
    return f'<LLMTokenQuota name="{name}"{kind}>{allow}{HOUR}{rest}</LLMTokenQuota>'


def pair(using: Services, rest: str = "") -> tuple[Any, Any]:
    """The policy of the request and that of the response."""
    shared = f"{rest}<SharedName>s</SharedName>"
    return (
        compile_policy(policy(shared + "<EnforceOnly>true</EnforceOnly>", "E"), using=using),
        compile_policy(policy(shared + "<CountOnly>true</CountOnly>", "C"), using=using),
    )


def answered(tokens: object, **variables: Any) -> MessageContext:
    """The response flow of a call that used some tokens."""
    body = json.dumps({"usageMetadata": {"candidatesTokenCount": tokens}})
    return context(response=response(body=body, type="application/json"), variables=variables)


def test_it_is_checked_as_a_quota_is() -> None:
    assert deploy_errors(policy()) == []
    assert deploy_errors(policy(type="rollingwindow")) == ["StartTimeNotSupported"]
    assert deploy_errors(policy().replace("2023-01-01", "01-01-2023")) == ["InvalidStartTime"]


async def test_one_call_may_go_beyond_the_budget_and_the_next_is_refused(
    using: Services, world: FrozenWorld
) -> None:
    enforce, count = pair(using)
    for used in (60, 120):
        await run(enforce)
        ctx = await run(count, answered(60))
        assert ctx.variables["ratelimit.C.used.count"] == used
        assert ctx.variables["ratelimit.C.allowed.count"] == 2**63 - 1
    ctx = context()
    fault = await fault_of(enforce, ctx)
    assert (fault.code, fault.status) == ("policies.llmtokenquota.LLMTokenQuotaViolation", 429)
    assert ctx.variables["ratelimit.E.exceed.count"] == 1
    assert (ctx.variables["ratelimit.E.allowed.count"], ctx.variables["ratelimit.E.available.count"]) == (
        100,
        0,
    )
    world.time += 3600
    await run(enforce)


async def test_models_have_budgets_of_their_own(using: Services) -> None:
    enforce, count = pair(using, "<LLMModelSource>{model}</LLMModelSource>")
    await run(count, answered(100, model="large"))
    await fault_of(enforce, context(variables={"model": "large"}))
    await run(enforce, context(variables={"model": "small"}))


async def test_identifiers_have_budgets_of_their_own(using: Services) -> None:
    enforce, count = pair(using, '<Identifier ref="who"/>')
    await run(count, answered(100, who="a"))
    assert (await fault_of(enforce, context(variables={"who": "a"}))).text.endswith("Identifier : a")
    await run(enforce, context(variables={"who": "b"}))


@pytest.mark.parametrize("written", [7, "7"])
async def test_the_template_says_what_was_used(using: Services, written: object) -> None:
    source = "<LLMTokenUsageSource>{jsonPath('$.usage[*].total',response.content,true)}</LLMTokenUsageSource>"
    step = compile_policy(policy(source), using=using)
    body = json.dumps({"usage": [{"total": written}]})
    ctx = await run(step, context(response=response(body=body, type="application/json")))
    assert ctx.variables["ratelimit.L.used.count"] == 7


async def test_a_policy_that_does_both_refuses_what_goes_beyond(using: Services) -> None:
    step = compile_policy(policy(), using=using)
    await run(step, answered(100))
    assert (await fault_of(step, answered(1))).name == "LLMTokenQuotaViolation"


@pytest.mark.parametrize(
    ("rest", "ctx", "code", "status"),
    [
        ("", answered("many"), "policies.llmtokenquota.FailedToResolveTokenUsageCount", 500),
        ("", answered(None), "policies.llmtokenquota.FailedToResolveTokenUsageCount", 500),
        ("<LLMModelSource>{nobody}</LLMModelSource>", answered(1), "entities.UnresolvedVariable", 500),
        (
            "<LLMModelSource>{empty}</LLMModelSource>",
            answered(1, empty=""),
            "policies.llmtokenquota.FailedToResolveModelName",
            400,
        ),
        (
            "<CountOnly>true</CountOnly><EnforceOnly>true</EnforceOnly><SharedName>s</SharedName>",
            answered(1),
            "policies.llmtokenquota.InvalidConfiguration",
            500,
        ),
    ],
)
async def test_what_does_not_resolve_is_a_fault(
    rest: str, ctx: MessageContext, code: str, status: int
) -> None:
    fault = await fault_of(compile_policy(policy(rest)), ctx)
    assert (fault.code, fault.status) == (code, status)


async def test_an_event_without_usage_counts_nothing(using: Services) -> None:
    source = (
        "<LLMTokenUsageSource>{jsonPath('$.used',response.event.current.data,true)}</LLMTokenUsageSource>"
        "<CountOnly>true</CountOnly><SharedName>s</SharedName>"
    )
    step = compile_policy(policy(source), using=using)
    for data, used in (('{"text":"a"}', 0), ('{"used":5}', 5)):
        ctx = context(variables={"response.event.current.data": data})
        ctx.flow_name = "EventFlow"
        assert (await run(step, ctx)).variables["ratelimit.L.used.count"] == used


async def test_a_product_gives_the_budget(using: Services) -> None:
    allow = '<Allow count="1" countRef="verifyapikey.VA.apiproduct.developer.llmQuota.limit"/>'
    step = compile_policy(policy(allow=allow), using=using)
    limit = {"verifyapikey.VA.apiproduct.developer.llmQuota.limit": "50"}
    assert (await run(step, answered(50, **limit))).variables["ratelimit.L.allowed.count"] == 50


async def test_a_client_is_refused_when_its_tokens_are_used_up(tmp_path: Path) -> None:
    async def model(asked: web.Request) -> web.Response:
        return web.json_response({"usageMetadata": {"candidatesTokenCount": 70}})

    shared = "<SharedName>s</SharedName>"
    path = write_bundle(
        tmp_path,
        "tokens",
        {
            "proxies/default.xml": proxy(request=steps("E")),
            "targets/default.xml": target(response=steps("C")),
            "policies/E.xml": policy(shared + "<EnforceOnly>true</EnforceOnly>", "E"),
            "policies/C.xml": policy(shared + "<CountOnly>true</CountOnly>", "C"),
        },
    )
    async with house(path, answer=model) as gateway:
        replies = [await gateway.get("/t") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].fault()[0] == "policies.llmtokenquota.LLMTokenQuotaViolation"
    assert len(gateway.upstream.seen) == 2
