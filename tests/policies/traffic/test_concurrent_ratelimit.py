"""ConcurrentRatelimit: connections are taken, given back, and free again when they are lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.message.context import MessageContext, TargetCall
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.program.compile import compile_proxy
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, response, run, services


def policy(count: str = "2", ttl: str = "", identifier: str = "", tag: str = "ConcurrentRatelimit") -> str:
    allow = f'<AllowConnections count="{count}"{ttl}/>'
    return f'<{tag} name="CR">{allow}<Distributed>true</Distributed>{identifier}</{tag}>'


def calling(name: str = "default", **variables: str) -> MessageContext:
    ctx = context(variables=variables)
    ctx.target = TargetCall(name, lambda ctx: None)
    return ctx


def answered(ctx: MessageContext) -> MessageContext:
    ctx.response, ctx.in_response = response(), True
    return ctx


def fault_rules(*policies: str) -> str:
    return f"<DefaultFaultRule>{steps(*policies)}</DefaultFaultRule>"


# ---- declaration


def test_the_count_is_an_integer() -> None:
    assert deploy_errors(policy("many")) == ["InvalidCountValue"]
    assert deploy_errors('<ConcurrentRatelimit name="CR"><AllowConnections/></ConcurrentRatelimit>') == [
        "InvalidCountValue"
    ]
    assert deploy_errors(policy(tag="ConcurrentRateLimit")) == []


@pytest.mark.parametrize(
    ("proxy_xml", "target_xml", "errors"),
    [
        (proxy(), target(request=steps("CR"), response=steps("CR"), extra=fault_rules("CR")), []),
        (
            proxy(),
            target(request=steps("CR"), response=steps("CR")),
            ["ConcurrentRatelimitStepAttachmentMissingAtTargetEndpoint"],
        ),
        (
            proxy(),
            target(request=steps("CR"), extra=fault_rules("CR")),
            ["ConcurrentRatelimitStepAttachmentMissingAtTargetEndpoint"],
        ),
        (
            proxy(request=steps("CR")),
            target(),
            ["ConcurrentRatelimitStepAttachmentNotAllowedAtProxyEndpoint"],
        ),
    ],
)
def test_it_is_attached_to_all_three_places_of_a_target(
    tmp_path: Path, proxy_xml: str, target_xml: str, errors: list[str]
) -> None:
    files = {"proxies/default.xml": proxy_xml, "targets/default.xml": target_xml, "policies/CR.xml": policy()}
    findings = Findings()
    bundle = read_bundle(write_bundle(tmp_path, "b", files), findings)
    assert bundle is not None
    compile_proxy(bundle, services(), findings)
    assert [finding.name for finding in findings.errors] == errors


# ---- behaviour


async def test_connections_are_taken_and_given_back(using: Services) -> None:
    step = compile_policy(policy(), using=using)
    first, second = await run(step, calling()), await run(step, calling())
    assert second.variables["concurrentratelimit.CR.allowed.count"] == 2
    assert second.variables["concurrentratelimit.CR.used.count"] == 2
    assert second.variables["concurrentratelimit.CR.available.count"] == 0
    assert second.variables["concurrentratelimit.CR.identifier"] == "default"
    fault = await fault_of(step, calling())
    assert (fault.code, fault.status) == ("policies.concurrentratelimit.ConcurrentRatelimitViolation", 503)
    assert fault.text == "ConcurrentRatelimit connection exceeded. Allowed connections : 2"
    await run(step, answered(first))
    third = await run(step, calling())
    assert third.variables["concurrentratelimit.CR.used.count"] == 2


async def test_the_fault_rule_gives_back_only_what_the_call_has_taken(using: Services) -> None:
    step = compile_policy(policy("1"), using=using)
    holder, refused = await run(step, calling()), calling()
    refused.fault = await fault_of(step, refused)
    await run(step, refused)
    await fault_of(step, calling())
    holder.fault = Fault("target.failed")
    await run(step, holder)
    await run(step, holder)
    await run(step, calling())
    await fault_of(step, calling())


async def test_a_lost_connection_is_free_again_after_its_time(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(policy("1", ' ttl="30"'), using=using)
    await run(step, calling())
    world.time += 29
    await fault_of(step, calling())
    world.time += 1
    await run(step, calling())


@pytest.mark.parametrize(
    ("identifier", "one", "other", "shared"),
    [
        ("", calling("a"), calling("b"), False),
        ('<TargetIdentifier name="n"/>', calling("a"), calling("b"), True),
        ('<TargetIdentifier ref="who"/>', calling(who="a"), calling(who="b"), False),
        ('<TargetIdentifier name="n" ref="who"/>', calling(), calling(who="n"), True),
    ],
)
async def test_calls_count_for_their_target_or_name(
    using: Services, identifier: str, one: MessageContext, other: MessageContext, shared: bool
) -> None:
    step = compile_policy(policy("1", identifier=identifier), using=using)
    await run(step, one)
    if shared:
        await fault_of(step, other)
    else:
        await run(step, other)


async def test_a_target_serves_no_more_calls_at_a_time(tmp_path: Path) -> None:
    most = under_way = 0

    async def slow(asked: web.Request) -> web.Response:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.2)
        under_way -= 1
        return web.Response(status=500 if asked.path == "/bad" else 200)

    path = write_bundle(
        tmp_path,
        "concurrent",
        {
            "proxies/default.xml": proxy(),
            "targets/default.xml": target(request=steps("CR"), response=steps("CR"), extra=fault_rules("CR")),
            "policies/CR.xml": policy("3"),
        },
    )
    async with house(path, answer=slow) as gateway:
        replies = await asyncio.gather(*(gateway.get("/t") for _ in range(8)))
        assert sorted(reply.status for reply in replies) == [200] * 3 + [503] * 5
        assert most == 3
        replies = await asyncio.gather(*(gateway.get("/t/bad") for _ in range(3)))
        assert [reply.status for reply in replies] == [500] * 3
        assert (await gateway.get("/t")).status == 200
