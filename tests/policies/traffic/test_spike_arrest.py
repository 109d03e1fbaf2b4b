"""SpikeArrest: smoothing, sliding windows, rates from variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apiproxy_policies.traffic.rate import Rate, parse_rate

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, steps, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, findings_of, run


def policy(rate: str = "30pm", body: str = "", attributes: str = "", name: str = "SA") -> str:
    return f'<SpikeArrest name="{name}"><Rate{attributes}>{rate}</Rate>{body}</SpikeArrest>'


EFFECTIVE = "<UseEffectiveCount>true</UseEffectiveCount>"


async def passes(step: Any, **variables: Any) -> bool:
    try:
        await run(step, context(variables=variables))
    except Fault as fault:
        if fault.name != "SpikeArrestViolation":
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        ("12", "12"),
        ("12ph", "12ph"),
        ("1.5ps", "1.5ps"),
        ("-3ps", "-3ps"),
        ("0ps", "0ps"),
        ("ps", "ps"),
        ("", ""),
    ],
)
def test_a_rate_that_is_none_is_refused(rate: str, shown: str) -> None:
    assert deploy_errors(policy(rate)) == ["InvalidAllowedRate"]
    message = f"Invalid spike arrest rate {shown} in Spike Arrest policy SA"
    assert [finding.message for finding in findings_of(policy(rate))] == [message]


def test_a_rate_is_required() -> None:
    assert deploy_errors('<SpikeArrest name="SA"/>') == ["InvalidAllowedRate"]


@pytest.mark.parametrize(
    ("written", "rate", "spacing"),
    [("30pm", Rate(30, 60), 2.0), ("10ps", Rate(10, 1), 0.1), (" 5 PS ", Rate(5, 1), 0.2)],
)
def test_a_rate_says_how_far_apart_messages_are(written: str, rate: Rate, spacing: float) -> None:
    assert parse_rate(written) == rate
    assert rate.spacing == spacing


async def test_smoothing_spaces_messages_evenly(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(policy("30pm"), using=using)
    start = world.time
    for offset, expected in (
        (0, True),
        (0, False),
        (1.9, False),
        (2, True),
        (3.9, False),
        (60, True),
        (60, False),
    ):
        world.time = start + offset
        assert await passes(step) is expected, offset


async def test_a_weight_keeps_the_next_message_away_for_longer(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(policy("10ps", '<MessageWeight ref="w"/>'), using=using)
    start = world.time
    for offset, weight, expected in (
        (0, 3, True),
        (0.2, 1, False),
        (0.3, 1, True),
        (0.39, 1, False),
        (0.4, 1, True),
    ):
        world.time = start + offset
        assert await passes(step, w=weight) is expected, offset


async def test_the_effective_count_lets_a_burst_pass_up_to_the_rate(
    using: Services, world: FrozenWorld
) -> None:
    step = compile_policy(policy("3pm", EFFECTIVE), using=using)
    start = world.time
    assert [await passes(step) for _ in range(4)] == [True, True, True, False]
    world.time = start + 59.9
    assert not await passes(step)
    world.time = start + 60
    assert [await passes(step) for _ in range(4)] == [True, True, True, False]


async def test_identifiers_are_counted_apart(using: Services) -> None:
    step = compile_policy(policy("1ps", '<Identifier ref="who"/>'), using=using)
    assert [await passes(step, who=who) for who in ("a", "b", "a", "b")] == [True, True, False, False]
    assert [await passes(step), await passes(step)] == [True, False]


async def test_policies_and_proxies_are_counted_apart(using: Services) -> None:
    one, other = (compile_policy(policy("1ps", name=name), using=using) for name in ("A", "B"))
    assert [await passes(one), await passes(other), await passes(one)] == [True, True, False]
    ctx = context()
    ctx.deployment.proxy = "another-proxy"
    await run(one, ctx)


@pytest.mark.parametrize(
    ("rate", "attributes", "variables", "used"),
    [
        ("1ps", ' ref="r"', {"r": "10pm"}, "10, periodInMicroseconds=60000000"),
        ("1ps", ' ref="r"', {}, "1, periodInMicroseconds=1000000"),
        ("", ' ref="r"', {"r": "5ps"}, "5, periodInMicroseconds=1000000"),
        ("{n}pm", "", {"n": 7}, "7, periodInMicroseconds=60000000"),
    ],
)
async def test_the_rate_may_come_from_variables(
    using: Services, rate: str, attributes: str, variables: dict[str, Any], used: str
) -> None:
    step = compile_policy(policy(rate, attributes=attributes), using=using)
    assert await passes(step, **variables)
    fault = await fault_of(step, context(variables=variables))
    assert (fault.code, fault.status) == ("policies.ratelimit.SpikeArrestViolation", 429)
    rest = f"MessageRate{{messagesPerPeriod={used}, maxBurstMessageCount=1.0}}"
    assert fault.text == f"Spike arrest violation. Allowed rate : {rest}"


@pytest.mark.parametrize("variables", [{}, {"r": "fast"}])
async def test_a_rate_nobody_gives_is_a_fault(variables: dict[str, Any]) -> None:
    fault = await fault_of(compile_policy(policy("", attributes=' ref="r"')), context(variables=variables))
    assert (fault.code, fault.status) == ("policies.ratelimit.FailedToResolveSpikeArrestRate", 500)
    assert fault.text == "Failed to resolve Spike Arrest Rate reference r in SpikeArrest policy SA"


async def test_a_weight_that_is_no_integer_is_a_fault() -> None:
    step = compile_policy(policy(body='<MessageWeight ref="w"/>'))
    fault = await fault_of(step, context(variables={"w": "heavy"}))
    assert (fault.code, fault.text) == (
        "policies.ratelimit.InvalidMessageWeight",
        "Invalid message weight value heavy",
    )


@pytest.mark.parametrize(("body", "available"), [(EFFECTIVE, (1, 0, 0)), ("", (2, 0, 0))])
async def test_variables_tell_whether_messages_are_let_through(
    using: Services, body: str, available: tuple[int, ...]
) -> None:
    step = compile_policy(policy("2pm", body), using=using)
    seen = []
    for _ in range(3):
        ctx = context()
        try:
            await run(step, ctx)
        except Fault:
            assert ctx.variables["ratelimit.SA.exceed.count"] == 1
        else:
            assert ctx.variables["ratelimit.SA.exceed.count"] == 0
        seen.append(ctx.variables["ratelimit.SA.available.count"])
        assert ctx.variables["ratelimit.SA.allowed.count"] == 2
    assert tuple(seen) == available


async def test_a_burst_is_cut_over_http(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "spiky",
        {
            "proxies/default.xml": proxy(request=steps("SA"), routes='<RouteRule name="none"/>'),
            "policies/SA.xml": policy("1pm", '<Identifier ref="request.queryparam.id"/>'),
        },
    )
    async with house(path) as gateway:
        replies = [await gateway.get(f"/t?id={who}") for who in ("a", "a", "b")]
    assert [reply.status for reply in replies] == [200, 429, 200]
    assert replies[1].reason == "Too Many Requests"
    assert replies[1].fault()[0] == "policies.ratelimit.SpikeArrestViolation"
