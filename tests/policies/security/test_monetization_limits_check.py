"""MonetizationLimitsCheck: what test data says of subscriptions and wallets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiproxy_runtime.policy.site import Services
from tests.consumers import DEVELOPER, app, data
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, load, read, run, services

PLAIN = '<MonetizationLimitsCheck name="M"><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></MonetizationLimitsCheck>'
BLOCKING = """<MonetizationLimitsCheck name="M"><FaultResponse><Set>
<Payload contentType="application/json">{"why":"{mint.limitscheck.status_message}"}</Payload>
<StatusCode>402</StatusCode></Set></FaultResponse></MonetizationLimitsCheck>"""
CALLER = {"client_id": "k", "apiproduct.name": "gold"}


def having(monetized: bool = True, **attributes: str) -> Services:
    listed = [{"name": name.replace("__", "."), "value": value} for name, value in attributes.items()]
    product: dict[str, Any] = {"name": "gold"}
    if monetized:
        product["attributes"] = [{"name": "mint.monetized", "value": "true"}]
    return services(test_data=data([product], [app("gold")], [{**DEVELOPER, "attributes": listed}]))


SUBSCRIBED = {"mint__subscriptions": "silver, gold"}
PREPAID = {**SUBSCRIBED, "MINT_BILLING_TYPE": "PREPAID"}


@pytest.mark.parametrize(
    ("using", "status"),
    [
        (having(monetized=False), "limits_status_ok"),
        (having(), "mint.service.subscription_not_found_for_developer"),
        (having(mint__subscriptions="silver"), "mint.service.subscription_not_found_for_developer"),
        (having(**SUBSCRIBED), "limits_status_ok"),
        (having(**PREPAID), "mint.service.wallet_not_found_for_developer"),
        (having(**PREPAID, mint__balance="0"), "mint.service.developer_usage_exceeds_balance"),
        (having(**PREPAID, mint__balance="0.5"), "limits_status_ok"),
        (
            having(**PREPAID, mint__balance="5", mint__wallet="blocked"),
            "mint.service.wallet_blocked_due_to_inactivity",
        ),
    ],
)
async def test_status(using: Services, status: str) -> None:
    blocked = status != "limits_status_ok"
    ctx = await run(compile_policy(PLAIN, using=using), context(variables=CALLER))
    assert read(ctx, "mint.limitscheck.status_message") == status
    assert read(ctx, "mint.limitscheck.is_request_blocked") is blocked
    assert read(ctx, "mint.limitscheck.isRequestBlocked") is blocked
    step = compile_policy(BLOCKING, using=using)
    if not blocked:
        await run(step, context(variables=CALLER))
        return
    fault = await fault_of(step, context(variables=CALLER))
    assert (fault.code, fault.status) == (status, 402)
    assert fault.message is not None
    assert json.loads(fault.message.body) == {"why": status}


async def test_variables_of_a_prepaid_subscription() -> None:
    using = having(**PREPAID, mint__balance="12.5", mint__currency="EUR")
    ctx = await run(compile_policy(PLAIN, using=using), context(variables=CALLER))
    expected = {
        "mint.limitscheck.is_subscription_found": True,
        "mint.limitscheck.purchased_product_name": "gold",
        "mint.limitscheck.prepaid_developer_balance": "12.5",
        "mint.limitscheck.prepaid_developer_currency": "EUR",
        "mint.mintng_is_apiproduct_monetized": True,
    }
    assert {name: read(ctx, name) for name in expected} == expected


async def test_nobody_verified_means_nobody_blocked() -> None:
    ctx = await run(compile_policy(BLOCKING, using=having()), context())
    assert read(ctx, "mint.limitscheck.is_request_blocked") is False


async def test_fault_without_payload_has_the_default_body() -> None:
    xml = BLOCKING[: BLOCKING.index("<Payload")] + BLOCKING[BLOCKING.index("<StatusCode>") :]
    fault = await fault_of(compile_policy(xml, using=having()), context(variables=CALLER))
    assert fault.message is not None
    assert json.loads(fault.message.body)["fault"]["detail"]["errorcode"] == fault.code


def test_example_is_clean() -> None:
    policy, findings = load(PLAIN)
    assert findings == []
    assert deploy_errors(type(policy).example) == []
