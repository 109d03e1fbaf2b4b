"""ResetQuota: what a Quota has counted goes down, never below zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import House, house, proxy, show, steps, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, findings_of

HOUR = "<Interval>1</Interval><TimeUnit>hour</TimeUnit>"


def reset(quota: str, name: str = "RQ") -> str:
    return f'<ResetQuota name="{name}">{quota}</ResetQuota>'


def give_back(amount: str = "<Allow>2</Allow>", attributes: str = 'name="_default"') -> str:
    return f'<Quota name="Q"><Identifier {attributes}>{amount}</Identifier></Quota>'


def bundle(
    folder: Path, xml: str, quota: str = HOUR, type: str = "", allow: str = '<Allow count="3"/>'
) -> Path:
    """Every call passes the Quota; one that says `reset` passes the ResetQuota first."""
    kind = f' type="{type}"' if type else ""
    return write_bundle(
        folder,
        "resetting",
        {
            "proxies/default.xml": proxy(
                request=steps(RQ="request.queryparam.reset != null") + steps("Q"),
                response=steps("show"),
                routes='<RouteRule name="none"/>',
            ),
            "policies/Q.xml": f'<Quota name="Q"{kind}>{allow}{quota}</Quota>',
            "policies/RQ.xml": xml,
            "policies/show.xml": show("show", X_Used="{ratelimit.Q.used.count}"),
        },
    )


async def used(gateway: House, query: str = "") -> int | None:
    """What the Quota has counted; None when it refused the call."""
    reply = await gateway.get(f"/t?{query}")
    if reply.status == 200:
        return int(reply.headers["X-Used"])
    assert reply.status == 429
    return None


@pytest.mark.parametrize(
    ("xml", "error", "message"),
    [
        (reset(""), "InvalidRLPolicyDefinition", "Invalid rate limit policy RQ"),
        (reset("<Quota/>"), "InvalidRLPolicyDefinition", "Invalid rate limit policy RQ"),
        (
            reset(give_back("<Allow>10.0</Allow>")),
            "InvalidCount",
            "Invalid count value 10.0 for identifier _default in RQ.",
        ),
        (
            reset(
                '<Quota name="Q"><Class name="gold"><Identifier name="x"><Allow>many</Allow></Identifier></Class></Quota>'
            ),
            "InvalidCount",
            "Invalid count value many for identifier x in RQ.",
        ),
    ],
)
def test_what_apigee_refuses_is_refused_under_its_name(xml: str, error: str, message: str) -> None:
    assert deploy_errors(xml) == [error]
    assert [finding.message for finding in findings_of(xml)] == [message]


@pytest.mark.parametrize("type", ["", "flexi", "rollingwindow"])
async def test_the_count_goes_down_by_the_amount(tmp_path: Path, type: str) -> None:
    async with house(bundle(tmp_path, reset(give_back()), type=type)) as gateway:
        assert [await used(gateway) for _ in range(4)] == [1, 2, 3, None]
        assert await used(gateway, "reset=1") == 2
        assert [await used(gateway) for _ in range(2)] == [3, None]


async def test_the_count_never_goes_below_zero(tmp_path: Path) -> None:
    async with house(bundle(tmp_path, reset(give_back("<Allow>100</Allow>")))) as gateway:
        await used(gateway)
        assert [await used(gateway, "reset=1"), await used(gateway), await used(gateway)] == [1, 2, 3]
        assert await used(gateway) is None


async def test_only_the_identifier_that_is_named_gets_calls_back(tmp_path: Path) -> None:
    xml = reset(give_back('<Allow ref="request.queryparam.n">1</Allow>', 'ref="request.queryparam.who"'))
    quota = f'<Identifier ref="request.queryparam.id"/>{HOUR}'
    async with house(bundle(tmp_path, xml, quota)) as gateway:
        for who in ("a", "b"):
            assert [await used(gateway, f"id={who}") for _ in range(4)] == [1, 2, 3, None]
        assert await used(gateway, "id=a&reset=1&who=a&n=2") == 2
        assert await used(gateway, "id=b") is None
        assert await used(gateway, "id=b&reset=1&who=b") == 3


async def test_a_class_has_counts_of_its_own(tmp_path: Path) -> None:
    xml = reset(
        '<Quota name="Q"><Class ref="request.queryparam.tier"><Identifier name="_default">'
        "<Allow>1</Allow></Identifier></Class></Quota>"
    )
    allow = '<Allow count="3"><Class ref="request.queryparam.tier"><Allow class="gold" count="1"/></Class></Allow>'
    async with house(bundle(tmp_path, xml, allow=allow)) as gateway:
        assert [await used(gateway, "tier=gold") for _ in range(2)] == [1, None]
        assert await used(gateway, "tier=gold&reset=1") == 1


async def test_a_shared_counter_is_lowered_through_its_policy(tmp_path: Path) -> None:
    quota = HOUR + "<SharedName>s</SharedName>"
    async with house(bundle(tmp_path, reset(give_back()), quota)) as gateway:
        assert [await used(gateway) for _ in range(4)] == [1, 2, 3, None]
        assert await used(gateway, "reset=1") == 2


async def test_an_amount_that_does_not_resolve_changes_nothing(tmp_path: Path) -> None:
    async with house(bundle(tmp_path, reset(give_back('<Allow ref="nowhere"/>')))) as gateway:
        assert [await used(gateway) for _ in range(3)] == [1, 2, 3]
        reply = await gateway.get("/t?reset=1")
        assert reply.fault()[0] == "policies.ratelimit.QuotaViolation"


@pytest.mark.parametrize(
    ("quota", "variables", "code", "text"),
    [
        ('<Quota name="none"/>', {}, "InvalidRLPolicy", "Invalid rate limit policy none"),
        ('<Quota ref="q"/>', {"q": "other"}, "InvalidRLPolicy", "Invalid rate limit policy other"),
        ('<Quota ref="q"/>', {}, "FailedToResolveRLPolicy", "Failed to resolve rate limit policy"),
    ],
)
async def test_a_policy_that_is_not_there_is_a_fault(
    quota: str, variables: dict[str, str], code: str, text: str
) -> None:
    fault = await fault_of(compile_policy(reset(quota)), context(variables=variables))
    assert (fault.code, fault.status, fault.text) == (f"policies.resetquota.{code}", 500, text)
