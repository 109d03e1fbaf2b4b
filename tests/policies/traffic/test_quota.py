"""Quota: limits, windows, classes, weights, products, and pairs that share a counter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from apiproxy_policies.traffic.quota_window import calendar_end, clock_end, start_time

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import TestData, read_test_files
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, show, steps, write_bundle
from tests.policies.kit import Files, compile_policy, context, deploy_errors, fault_of, findings_of, run

HOUR = "<Interval>1</Interval><TimeUnit>hour</TimeUnit>"


def policy(body: str = HOUR, allow: str = '<Allow count="2"/>', type: str = "", name: str = "Q") -> str:
    kind = f' type="{type}"' if type else ""
    return f'<Quota name="{name}"{kind}>{allow}{body}</Quota>'


async def outcomes(step: Any, times: int, variables: Mapping[str, Any] | None = None) -> list[bool]:
    """Whether each of some calls was let through."""
    passed = []
    for _ in range(times):
        try:
            await run(step, context(variables=variables))
            passed.append(True)
        except Fault:
            passed.append(False)
    return passed


def counts(ctx: Any, name: str = "Q") -> dict[str, Any]:
    start = f"ratelimit.{name}."
    return {key[len(start) :]: value for key, value in ctx.variables.items() if key.startswith(start)}


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        (policy("<Interval>0.5</Interval><TimeUnit>hour</TimeUnit>"), "InvalidQuotaInterval"),
        (policy("<Interval>0</Interval><TimeUnit>hour</TimeUnit>"), "InvalidQuotaInterval"),
        (policy("<Interval>1</Interval><TimeUnit>year</TimeUnit>"), "InvalidQuotaTimeUnit"),
        (policy("<Interval>1</Interval><TimeUnit>hours</TimeUnit>"), "InvalidQuotaTimeUnit"),
        (policy(type="rolling"), "InvalidQuotaType"),
        (policy(HOUR + "<StartTime>7-16-2017 12:00:00</StartTime>", type="calendar"), "InvalidStartTime"),
        (policy(HOUR + "<StartTime>2017-02-30 12:00:00</StartTime>", type="calendar"), "InvalidStartTime"),
        (
            policy(HOUR + "<StartTime>2017-07-16 12:00:00</StartTime>", type="rollingwindow"),
            "StartTimeNotSupported",
        ),
        (policy(HOUR + "<StartTime>2017-07-16 12:00:00</StartTime>"), "StartTimeNotSupported"),
        (
            policy("<Interval>1</Interval><TimeUnit>second</TimeUnit><Distributed>true</Distributed>"),
            "InvalidTimeUnitForDistributedQuota",
        ),
        (
            policy(
                HOUR
                + "<AsynchronousConfiguration><SyncIntervalInSeconds>-1</SyncIntervalInSeconds></AsynchronousConfiguration>"
            ),
            "InvalidSynchronizeIntervalForAsyncConfiguration",
        ),
        (
            policy(
                HOUR
                + "<Synchronous>true</Synchronous><AsynchronousConfiguration><SyncMessageCount>5</SyncMessageCount></AsynchronousConfiguration>"
            ),
            "InvalidAsynchronizeConfigurationForSynchronousQuota",
        ),
    ],
)
def test_what_apigee_refuses_is_refused_under_its_name(xml: str, error: str) -> None:
    assert deploy_errors(xml) == [error]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (
            policy("<Interval>0.1</Interval><TimeUnit>hour</TimeUnit>"),
            "Invalid quota interval 0.1 in quota policy Q.",
        ),
        (
            policy("<Interval>1</Interval><TimeUnit>eon</TimeUnit>"),
            "Invalid quota interval time unit eon in quota policy Q in Revision 1 of application test-proxy, in organization hybrid.",
        ),
        (policy(type="rolling"), "No enum constant com.apigee.quota.types.QuotaType.rolling."),
    ],
)
def test_messages_are_apigees(xml: str, message: str) -> None:
    assert [finding.message for finding in findings_of(xml)] == [message]


@pytest.mark.parametrize(
    "xml",
    [
        policy(type="default"),
        policy("<Interval>1</Interval><TimeUnit>second</TimeUnit>"),
        policy(HOUR + "<StartTime>2016-3-31 00:00:00</StartTime>", type="calendar"),
        policy(HOUR + "<StartTime>2021-4-8 12:00:00</StartTime>", type="flexi"),
        policy('<Interval ref="a"/><TimeUnit ref="b"/>', allow='<Allow countRef="c">5</Allow>'),
        policy("<UseQuotaConfigInAPIProduct stepName='VA'/>", allow=""),
        policy(
            HOUR
            + "<Synchronous>false</Synchronous><AsynchronousConfiguration><SyncIntervalInSeconds>20</SyncIntervalInSeconds><SyncMessageCount>5</SyncMessageCount></AsynchronousConfiguration>"
        ),
    ],
)
def test_what_real_bundles_say_is_accepted(xml: str) -> None:
    assert deploy_errors(xml) == []


# ---- windows


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("interval", "unit", "end"),
    [
        (1, "second", "2023-11-14 22:13:21"),
        (1, "minute", "2023-11-14 22:14:00"),
        (5, "minute", "2023-11-14 22:18:00"),
        (1, "hour", "2023-11-14 23:00:00"),
        (1, "day", "2023-11-15 00:00:00"),
        (1, "week", "2023-11-19 00:00:00"),
        (1, "month", "2023-12-01 00:00:00"),
        (2, "month", "2024-01-01 00:00:00"),
        (1, "year", "2024-01-01 00:00:00"),
    ],
)
def test_without_type_windows_end_with_the_clocks_unit(interval: int, unit: str, end: str) -> None:
    assert clock_end(moment("2023-11-14 22:13:20"), interval, unit) == moment(end)


@pytest.mark.parametrize(
    ("now", "interval", "unit", "end"),
    [
        ("2023-01-01 10:30:00", 1, "hour", "2023-01-01 11:30:00"),
        ("2023-01-01 11:29:59", 1, "hour", "2023-01-01 11:30:00"),
        ("2023-01-03 00:00:00", 2, "day", "2023-01-03 10:30:00"),
        ("2023-01-29 10:29:59", 1, "month", "2023-01-29 10:30:00"),
        ("2022-12-31 10:29:00", 1, "day", "2022-12-31 10:30:00"),
    ],
)
def test_calendar_windows_are_counted_from_the_start_time(
    now: str, interval: int, unit: str, end: str
) -> None:
    assert calendar_end(start_time("2023-1-1 10:30:00"))(moment(now), interval, unit) == moment(end)


async def test_a_calendar_window_begins_anew_for_all_at_once(using: Services, world: FrozenWorld) -> None:
    step = compile_policy(
        policy(HOUR + "<StartTime>2023-11-14 22:15:00</StartTime>", type="calendar"), using=using
    )
    assert await outcomes(step, 3) == [True, True, False]
    world.time = moment("2023-11-14 22:15:00")
    assert await outcomes(step, 3) == [True, True, False]


async def test_a_flexi_window_begins_with_the_first_message_of_each_identifier(
    using: Services, world: FrozenWorld
) -> None:
    step = compile_policy(policy(f'<Identifier ref="who"/>{HOUR}', type="flexi"), using=using)
    start = world.time
    assert await outcomes(step, 3, {"who": "a"}) == [True, True, False]
    world.time = start + 1800
    assert await outcomes(step, 3, {"who": "b"}) == [True, True, False]
    world.time = start + 3600
    assert await outcomes(step, 1, {"who": "a"}) == [True]
    assert await outcomes(step, 1, {"who": "b"}) == [False]


async def test_a_rolling_window_lets_through_as_its_oldest_messages_leave(
    using: Services, world: FrozenWorld
) -> None:
    step = compile_policy(policy(type="rollingwindow"), using=using)
    start = world.time
    for offset, passed in ((0, True), (1800, True), (3599, False), (3600, True), (3601, False), (5400, True)):
        world.time = start + offset
        assert await outcomes(step, 1) == [passed], offset


# ---- limits


async def test_variables_tell_the_counts(using: Services) -> None:
    step = compile_policy(policy(), using=using)
    ctx = await run(step)
    assert counts(ctx) == {
        "allowed.count": 2,
        "used.count": 1,
        "available.count": 1,
        "exceed.count": 0,
        "total.exceed.count": 0,
        "expiry.time": int(moment("2023-11-14 23:00:00")) * 1000,
        "identifier": "_default",
    }


async def test_a_refused_message_leaves_the_count_and_is_counted_as_such(using: Services) -> None:
    step = compile_policy(policy(), using=using)
    await outcomes(step, 3)
    ctx = context()
    fault = await fault_of(step, ctx)
    assert (fault.code, fault.status) == ("policies.ratelimit.QuotaViolation", 429)
    assert fault.text == "Rate limit quota violation. Quota limit  exceeded. Identifier : _default"
    found = counts(ctx)
    assert (found["used.count"], found["available.count"]) == (2, 0)
    assert (found["exceed.count"], found["total.exceed.count"]) == (1, 2)


async def test_the_fault_names_the_identifier(using: Services) -> None:
    step = compile_policy(
        policy(f'<Identifier ref="request.queryparam.apikey"/>{HOUR}', '<Allow count="0"/>'), using=using
    )
    fault = await fault_of(step, context(variables={"request.queryparam.apikey": "k7"}))
    assert fault.text.endswith("Identifier : k7")


@pytest.mark.parametrize(
    ("allow", "variables", "limit"),
    [
        ('<Allow count="7"/>', {}, 7),
        ('<Allow count="7" countRef="n"/>', {"n": "3"}, 3),
        ('<Allow count="7" countRef="n"/>', {"n": 3}, 3),
        ('<Allow count="7" countRef="n"/>', {}, 7),
        ('<Allow count="7" countRef="n"/>', {"n": "many"}, 7),
        ('<Allow countRef="n"/>', {}, 2000),
        ("", {}, 2000),
    ],
)
async def test_the_limit_comes_from_the_variable_then_the_count_then_is_2000(
    allow: str, variables: dict[str, Any], limit: int
) -> None:
    ctx = await run(compile_policy(policy(allow=allow)), context(variables=variables))
    assert counts(ctx)["allowed.count"] == limit


CLASSES = """<Class ref="request.header.tier"><Allow class="gold" count="3"/>
<Allow class="silver" count="1" countRef="silver.limit"/></Class>"""


@pytest.mark.parametrize("allow", [f'<Allow count="2">{CLASSES}</Allow>', f'<Allow count="2"/>{CLASSES}'])
async def test_classes_have_limits_and_counters_of_their_own(using: Services, allow: str) -> None:
    step = compile_policy(policy(allow=allow), using=using)
    gold = {"request.header.tier": "gold"}
    assert await outcomes(step, 4, gold) == [True, True, True, False]
    assert await outcomes(step, 2, {"request.header.tier": "silver"}) == [True, False]
    assert await outcomes(step, 3, {"request.header.tier": "lead"}) == [True, True, False]
    ctx = context(variables=gold)
    await fault_of(step, ctx)
    found = counts(ctx)
    assert (found["class"], found["class.allowed.count"], found["class.used.count"]) == ("gold", 3, 3)
    assert (found["class.available.count"], found["class.exceed.count"]) == (0, 1)
    assert found["class.total.exceed.count"] == 2


# ---- intervals


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (
            '<Interval ref="i"/><TimeUnit>hour</TimeUnit>',
            "FailedToResolveQuotaIntervalReference",
            "Failed to resolve quota interval reference i in quota policy {1}",
        ),
        (
            "<TimeUnit>hour</TimeUnit>",
            "FailedToResolveQuotaIntervalReference",
            "Failed to resolve quota interval reference null in quota policy {1}",
        ),
        (
            '<Interval>1</Interval><TimeUnit ref="u"/>',
            "FailedToResolveQuotaIntervalTimeUnitReference",
            "Failed to resolve quota time unit reference u in quota policy {1}",
        ),
    ],
)
async def test_an_interval_nobody_gives_is_a_fault(body: str, code: str, text: str) -> None:
    fault = await fault_of(compile_policy(policy(body)))
    assert (fault.code, fault.status, fault.text) == (f"policies.ratelimit.{code}", 500, text)


@pytest.mark.parametrize(
    ("variables", "end"),
    [
        ({}, "2023-11-14 22:14:00"),
        ({"i": "2"}, "2023-11-14 22:15:00"),
        ({"u": "day"}, "2023-11-15 00:00:00"),
        ({"i": 1, "u": "year"}, "2024-01-01 00:00:00"),
    ],
)
async def test_texts_stand_in_for_references_that_do_not_resolve(
    using: Services, variables: dict[str, Any], end: str
) -> None:
    step = compile_policy(
        policy('<Interval ref="i">1</Interval><TimeUnit ref="u">minute</TimeUnit>'), using=using
    )
    ctx = await run(step, context(variables=variables))
    assert counts(ctx)["expiry.time"] == moment(end) * 1000


# ---- weights


async def test_a_message_counts_for_its_weight(using: Services) -> None:
    step = compile_policy(policy(f'<MessageWeight ref="w"/>{HOUR}', allow='<Allow count="10"/>'), using=using)
    assert await outcomes(step, 2, {"w": "4"}) == [True, True]
    assert await outcomes(step, 1, {"w": "4"}) == [False]
    assert await outcomes(step, 2, {"w": 0}) == [True, True]
    assert await outcomes(step, 3) == [True, True, False]


@pytest.mark.parametrize("weight", ["two", "1.5", "-1"])
async def test_a_weight_that_is_no_integer_is_a_fault(weight: str) -> None:
    step = compile_policy(policy(f'<MessageWeight ref="w"/>{HOUR}'))
    fault = await fault_of(step, context(variables={"w": weight}))
    assert (fault.code, fault.status) == ("policies.ratelimit.InvalidMessageWeight", 500)
    assert fault.text == f"Invalid message weight value {weight}"


# ---- shared counters


async def test_policies_do_not_share_counters_unless_they_share_a_name(using: Services) -> None:
    one, other = (compile_policy(policy(name=name), using=using) for name in ("A", "B"))
    assert await outcomes(one, 3) == [True, True, False]
    assert await outcomes(other, 3) == [True, True, False]
    shared = HOUR + "<SharedName>s</SharedName>"
    one, other = (compile_policy(policy(shared, name=name), using=using) for name in ("A", "B"))
    assert await outcomes(one, 1) == [True]
    assert await outcomes(other, 2) == [True, False]


async def test_one_proxy_does_not_count_for_another(using: Services) -> None:
    step = compile_policy(policy(allow='<Allow count="1"/>'), using=using)
    await run(step)
    other = context()
    other.deployment.proxy = "another-proxy"
    await run(step, other)
    assert counts(other)["used.count"] == 1


@pytest.mark.parametrize("type", ["", "flexi", "rollingwindow"])
async def test_one_policy_enforces_what_the_other_counts(using: Services, type: str) -> None:
    shared = HOUR + "<SharedName>s</SharedName>"
    allow = '<Allow count="100"/>'
    enforce = compile_policy(policy(shared + "<EnforceOnly>true</EnforceOnly>", allow, type), using=using)
    count = compile_policy(
        policy(shared + '<CountOnly>true</CountOnly><MessageWeight ref="w"/>', allow, type, "C"), using=using
    )
    assert await outcomes(enforce, 3) == [True, True, True]
    for used in (60, 120):
        assert await outcomes(enforce, 1) == [True]
        ctx = await run(count, context(variables={"w": 60}))
        assert counts(ctx, "C")["used.count"] == used
        assert counts(ctx, "C")["available.count"] == max(100 - used, 0)
        assert counts(ctx, "C")["exceed.count"] == 0
    ctx = context()
    assert (await fault_of(enforce, ctx)).name == "QuotaViolation"
    assert (counts(ctx)["used.count"], counts(ctx)["exceed.count"]) == (120, 1)
    assert (await run(count, context(variables={"w": 1}))).variables["ratelimit.C.used.count"] == 121


async def test_enforcing_refuses_once_the_limit_is_reached(using: Services) -> None:
    shared = HOUR + "<SharedName>s</SharedName>"
    enforce = compile_policy(policy(shared + "<EnforceOnly>true</EnforceOnly>"), using=using)
    count = compile_policy(policy(shared + "<CountOnly>true</CountOnly>", name="C"), using=using)
    for passed in (True, True, False):
        assert await outcomes(enforce, 1) == [passed]
        assert await outcomes(count, 1) == [True]


# ---- products


def product_policy(default: str = "") -> str:
    use = f'<UseQuotaConfigInAPIProduct stepName="VA">{default}</UseQuotaConfigInAPIProduct>'
    return policy(use, allow="")


DEFAULT = (
    """<DefaultConfig><Allow>1</Allow><Interval>1</Interval><TimeUnit>minute</TimeUnit></DefaultConfig>"""
)


def of_product(app: str = "a", prefix: str = "verifyapikey.VA.", **rest: str) -> dict[str, str]:
    return {
        f"{prefix}apiproduct.developer.quota.limit": "2",
        f"{prefix}apiproduct.developer.quota.interval": "1",
        f"{prefix}apiproduct.developer.quota.timeunit": "hour",
        "developer.app.id": app,
        "apiproduct.name": "p",
        **rest,
    }


@pytest.mark.parametrize("prefix", ["verifyapikey.VA.", ""])
async def test_the_product_of_the_step_gives_the_limit(using: Services, prefix: str) -> None:
    step = compile_policy(product_policy(DEFAULT), using=using)
    assert await outcomes(step, 3, of_product(prefix=prefix)) == [True, True, False]


async def test_a_product_limits_each_app_and_operation(using: Services) -> None:
    step = compile_policy(product_policy(), using=using)
    assert await outcomes(step, 3, of_product("a")) == [True, True, False]
    assert await outcomes(step, 3, of_product("b")) == [True, True, False]
    other = of_product("a", **{"apiproduct.operation.resource": "/x"})
    assert await outcomes(step, 3, other) == [True, True, False]


async def test_the_default_configuration_holds_for_products_without_quota(using: Services) -> None:
    for allow in ("<Allow>1</Allow>", '<Allow count="1"/>'):
        step = compile_policy(product_policy(DEFAULT.replace("<Allow>1</Allow>", allow)), using=using)
        assert await outcomes(step, 2, {"developer.app.id": allow}) == [True, False]


async def test_without_product_quota_and_default_nothing_is_limited(using: Services) -> None:
    step = compile_policy(product_policy(), using=using)
    ctx = await run(step)
    assert counts(ctx) == {}


# ---- over HTTP


def one_app(limit: int) -> TestData:
    """One app with the key `k`, of a product with a quota."""
    findings = Findings()
    product = {"name": "p", "quota": str(limit), "quotaInterval": "1", "quotaTimeUnit": "hour"}
    app = {
        "name": "a",
        "developerEmail": "ada@example.com",
        "credentials": [{"consumerKey": "k", "consumerSecret": "s", "apiProducts": [{"apiproduct": "p"}]}],
    }
    files = Files(
        {
            "products.json": json.dumps([product]),
            "developers.json": json.dumps([{"email": "ada@example.com"}]),
            "developerapps.json": json.dumps([app]),
        }
    )
    found = read_test_files(files, files.files(), findings)
    assert not findings.errors, findings.errors
    return found


async def test_a_client_meets_the_quota_of_its_product(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "limited",
        {
            "proxies/default.xml": proxy(
                request=steps("VA", "Q"), response=steps("show"), routes='<RouteRule name="none"/>'
            ),
            "policies/VA.xml": '<VerifyAPIKey name="VA"><APIKey ref="request.queryparam.apikey"/></VerifyAPIKey>',
            "policies/Q.xml": product_policy(DEFAULT),
            "policies/show.xml": show("show", X_Left="{ratelimit.Q.available.count}"),
        },
    )
    async with house(path, test_data=one_app(2)) as gateway:
        replies = [await gateway.get("/t?apikey=k") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.headers.get("X-Left") for reply in replies] == ["1", "0", None]
    code, text = replies[2].fault()
    assert code == "policies.ratelimit.QuotaViolation"
    assert text == "Rate limit quota violation. Quota limit  exceeded. Identifier : _default"
