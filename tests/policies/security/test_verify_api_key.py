"""VerifyAPIKey: which keys pass, which faults the others get, and what is known of the caller afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from apiproxy_policies.security.verify_api_key import VerifyAPIKey

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.gateway.observation import observe
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.world import FrozenWorld
from tests.consumers import app, data
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    load,
    parse,
    read,
    request,
    run,
    services,
    site_for,
)

POLICY = '<VerifyAPIKey name="VAK"><APIKey ref="request.queryparam.apikey"/></VerifyAPIKey>'
PRODUCT = {
    "name": "gold",
    "proxies": ["test-proxy"],
    "apiResources": ["/users/**"],
    "quota": "3",
    "quotaInterval": "2",
    "quotaTimeUnit": "hour",
    "attributes": [{"name": "tier", "value": "1"}],
    "scopes": ["read"],
}


def having(
    products: list[Any] | None = None, developer: dict[str, Any] | None = None, **fields: Any
) -> Services:
    """Services that know one product (gold), one developer, and one app with the key `k`."""
    products = [PRODUCT] if products is None else products
    names = fields.pop("names", [product["name"] for product in products])
    owner = {
        "email": "ada@example.com",
        "developerId": "dev-1",
        "firstName": "Ada",
        "lastName": "Byron",
        "userName": "ada",
        "attributes": [{"name": "level", "value": "9"}],
        **(developer or {}),
    }
    known = {
        "appId": "app-1",
        "displayName": "The App",
        "callbackUrl": "https://app.example/cb",
        "attributes": [{"name": "colour", "value": "blue"}],
        **fields,
    }
    return services(test_data=data(products, [app(*names, **known)], [owner]), world=FrozenWorld(now=1000.0))


def call(key: str = "k", path: str = "/users/7", verb: str = "GET") -> MessageContext:
    return context(request=request(verb, query=f"apikey={key}"), path_suffix=path)


async def verified(using: Services, **parts: Any) -> MessageContext:
    return await run(compile_policy(POLICY, using=using), call(**parts))


async def refused(using: Services, **parts: Any) -> tuple[str, int, str]:
    fault = await fault_of(compile_policy(POLICY, using=using), call(**parts))
    return fault.code, fault.status, fault.text


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (POLICY, []),
        ('<VerifyAPIKey name="V"><APIKey>literal</APIKey></VerifyAPIKey>', []),
        ('<VerifyAPIKey name="V"><APIKey/></VerifyAPIKey>', ["SpecifyValueOrRefApiKey"]),
        ('<VerifyAPIKey name="V"/>', ["SpecifyValueOrRefApiKey"]),
        (
            '<VerifyAPIKey name="V"><APIKey ref="a"/><CacheExpiryInSeconds>0</CacheExpiryInSeconds></VerifyAPIKey>',
            ["InvalidElement"],
        ),
    ],
)
def test_declaration(xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml) == errors


def test_example_is_clean() -> None:
    policy, findings = load(POLICY)
    assert findings == []
    assert deploy_errors(type(policy).example) == []


# ---- who passes


async def test_literal_key_passes() -> None:
    step = compile_policy('<VerifyAPIKey name="V"><APIKey>k</APIKey></VerifyAPIKey>', using=having())
    assert (await run(step, call(""))).variables["client_id"] == "k"


async def test_variables_of_key_app_and_developer() -> None:
    ctx = await verified(having())
    expected = {
        "client_id": "k",
        "client_secret": "s",
        "redirection_uris": "https://app.example/cb",
        "developer.app.id": "app-1",
        "developer.app.name": "app",
        "DisplayName": "The App",
        "colour": "blue",
        "app.name": "app",
        "app.id": "app-1",
        "app.callbackUrl": "https://app.example/cb",
        "app.DisplayName": "The App",
        "app.status": "approved",
        "app.apiproducts": ("gold",),
        "app.appType": "Developer",
        "app.appParentStatus": "active",
        "app.appParentId": "hybrid@@@dev-1",
        "app.colour": "blue",
        "developer.id": "hybrid@@@dev-1",
        "developer.userName": "ada",
        "developer.firstName": "Ada",
        "developer.lastName": "Byron",
        "developer.email": "ada@example.com",
        "developer.status": "active",
        "developer.apps": ("app",),
        "developer.level": "9",
        "apiproduct.name": "gold",
        "apiproduct.tier": "1",
        "apiproduct.developer.quota.limit": "3",
        "apiproduct.developer.quota.interval": "2",
        "apiproduct.developer.quota.timeunit": "hour",
    }
    assert {name: read(ctx, f"verifyapikey.VAK.{name}") for name in expected} == expected


async def test_variables_without_prefix() -> None:
    ctx = await verified(having())
    expected = {
        "client_id": "k",
        "apiproduct.name": "gold",
        "apiproduct.developer.quota.limit": "3",
        "developer.app.name": "app",
        "developer.email": "ada@example.com",
        "app.colour": "blue",
        "apigee.client_id": "k",
        "apigee.developer.id": "hybrid@@@dev-1",
        "apigee.developer.email": "ada@example.com",
        "apigee.developer.app.name": "app",
        "apigee.apiproduct.name": "gold",
    }
    assert {name: read(ctx, name) for name in expected} == expected


async def test_operation_of_the_call_shows_with_its_own_quota() -> None:
    configs = [
        {
            "apiSource": "test-proxy",
            "operations": [{"resource": "/*/orders", "methods": ["GET"]}],
            "quota": {"limit": "7", "interval": "1", "timeUnit": "day"},
            "attributes": [{"name": "cost", "value": "5"}],
        }
    ]
    using = having([{"name": "ops", "quota": "3", "operationGroup": {"operationConfigs": configs}}])
    ctx = await verified(using, path="/shop/orders")
    expected = {
        "apiproduct.operation": "test-proxy",
        "apiproduct.operation.resource": "/*/orders",
        "apiproduct.operation.methods": ("GET",),
        "apiproduct.operation.attributes.cost": "5",
        "apiproduct.developer.quota.limit": "7",
        "apiproduct.developer.quota.timeunit": "day",
    }
    assert {name: read(ctx, name) for name in expected} == expected
    assert {name: read(ctx, f"verifyapikey.VAK.{name}") for name in expected} == expected
    assert (await refused(using, path="/shop/orders", verb="POST"))[
        0
    ] == "oauth.v2.InvalidApiKeyForGivenResource"


async def test_product_variables_are_not_there_without_a_quota() -> None:
    ctx = await verified(having([{"name": "plain"}]))
    assert read(ctx, "verifyapikey.VAK.apiproduct.name") == "plain"
    assert read(ctx, "verifyapikey.VAK.apiproduct.developer.quota.limit") is None


async def test_two_policies_of_one_request_keep_their_own_variables() -> None:
    using = having()
    other = compile_policy(POLICY.replace("VAK", "Other"), using=using)
    ctx = await run(other, await verified(using))
    assert read(ctx, "verifyapikey.VAK.client_id") == read(ctx, "verifyapikey.Other.client_id") == "k"


async def test_new_catalog_counts_at_once() -> None:
    using = having()
    step = compile_policy(POLICY, using=using)
    await run(step, call())
    using.catalog = having(credential={"status": "revoked"}).catalog
    assert (await fault_of(step, call())).code == "oauth.v2.InvalidApiKey"


# ---- who does not


async def test_unset_variable_names_itself() -> None:
    step = compile_policy(POLICY, using=having())
    fault = await fault_of(step, context())
    assert (fault.code, fault.status, fault.name) == (
        "steps.oauth.v2.FailedToResolveAPIKey",
        401,
        "FailedToResolveAPIKey",
    )
    assert fault.text == "Failed to resolve API Key variable request.queryparam.apikey"


@pytest.mark.parametrize(
    ("using", "parts", "expected"),
    [
        (having(), {"key": "nobody"}, ("oauth.v2.InvalidApiKey", 401, "Invalid ApiKey")),
        (
            having(credential={"status": "revoked"}),
            {},
            ("oauth.v2.InvalidApiKey", 401, "Invalid ApiKey"),
        ),
        (
            having(credential={"expiresAt": 999_999}),
            {},
            ("oauth.v2.InvalidApiKey", 401, "Invalid ApiKey"),
        ),
        (
            having(credential={"status": "pending"}),
            {},
            ("oauth.v2.ApiKeyNotApproved", 401, "ApiKey is not approved"),
        ),
        (
            having(status="revoked"),
            {},
            (
                "keymanagement.service.invalid_client-app_not_approved",
                401,
                "invalid client app - not approved",
            ),
        ),
        (
            having(developer={"status": "inactive"}),
            {},
            ("keymanagement.service.DeveloperStatusNotActive", 401, "Developer Status is not Active"),
        ),
        (
            having(names=[]),
            {},
            (
                "keymanagement.service.consumer_key_missing_api_product_association",
                400,
                "Consumer key is not associated with any API product",
            ),
        ),
        (
            having(),
            {"path": "/other"},
            ("oauth.v2.InvalidApiKeyForGivenResource", 401, "Invalid ApiKey for given resource"),
        ),
        (
            having([{"name": "p", "environments": ["prod"]}]),
            {},
            ("oauth.v2.InvalidApiKeyForGivenResource", 401, "Invalid ApiKey for given resource"),
        ),
        (
            having([{"name": "p", "proxies": ["other"]}]),
            {},
            ("oauth.v2.InvalidApiKeyForGivenResource", 401, "Invalid ApiKey for given resource"),
        ),
    ],
)
async def test_refusals(using: Services, parts: dict[str, Any], expected: tuple[str, int, str]) -> None:
    assert await refused(using, **parts) == expected


async def test_key_that_expires_later_passes() -> None:
    assert (await verified(having(credential={"expiresAt": 1_000_001}))).variables["client_id"] == "k"


def test_failure_sets_both_variables() -> None:
    policy, _ = load(POLICY)
    assert policy.failed_variables() == ("verifyapikey.VAK.failed", "oauthV2.VAK.failed")


async def test_observer_sees_every_variable() -> None:
    seen: dict[str, Any] = {}

    class Observer:
        def variable_read(self, name: str, value: Any) -> None:
            pass

        def variable_written(self, name: str, value: Any, done: bool, before: Any) -> None:
            seen[name] = value

    findings = Findings()
    policy = VerifyAPIKey.parse(parse(POLICY), findings)
    site = site_for(policy, findings, having())
    site.observed = True
    ctx = call()
    observe(ctx, Observer())
    await run(policy.compile(site), ctx)
    assert seen == ctx.variables
    assert seen["verifyapikey.VAK.client_id"] == "k"
