"""GetOAuthV2Info, SetOAuthV2Info, DeleteOAuthV2Info and RevokeOAuthV2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.state.tokens import Code
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import SlowStore, compile_policy, context, deploy_errors, fault_of, load, read, run
from tests.policies.security.oauthkit import CALLBACK, NOW, bearer, issued, oauth, oauth_services, stored


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest) -> Services:
    return oauth_services(store=request.param(FrozenWorld(now=NOW)))


def later(using: Services, seconds: float) -> None:
    assert isinstance(using.world, FrozenWorld)
    using.world.time += seconds


def info(body: str, kind: str = "GetOAuthV2Info") -> str:
    return f'<{kind} name="I">{body}</{kind}>'


async def profile(using: Services, body: str, value: str, prefix: str) -> dict[str, Any]:
    """The variables of a lookup of `value`, by their short names."""
    ctx = await run(compile_policy(info(body), using=using), context(variables={"the.value": value}))
    return {
        name.removeprefix(f"{prefix}.I."): found
        for name, found in ctx.variables.items()
        if name.startswith(f"{prefix}.I.")
    }


async def failure(
    using: Services, xml: str, variables: Mapping[str, str] | None = None
) -> tuple[str, int, str]:
    fault = await fault_of(compile_policy(xml, using=using), context(variables=variables or {}))
    assert fault.variables["oauthV2.I.fault.name"] == fault.name
    assert fault.variables["oauthV2.I.fault.cause"] == fault.text
    return fault.code, fault.status, fault.text


@pytest.mark.parametrize("kind", ["GetOAuthV2Info", "SetOAuthV2Info", "DeleteOAuthV2Info", "RevokeOAuthV2"])
def test_examples_are_clean(kind: str) -> None:
    policy, _ = load(info("", kind))
    assert deploy_errors(type(policy).example) == []


# ---- GetOAuthV2Info

ACCESS = '<AccessToken ref="the.value"/>'
REFRESH = '<RefreshToken ref="the.value"/>'
CODE = '<AuthorizationCode ref="the.value"/>'
CLIENT = '<ClientId ref="the.value"/>'
IGNORE = "<IgnoreAccessTokenStatus>true</IgnoreAccessTokenStatus>"
TIER = '<Attributes><Attribute name="tier">1</Attribute></Attributes>'


async def test_profile_of_an_access_token(using: Services) -> None:
    made = await issued(using, body=TIER)
    later(using, 100)
    found = await profile(using, ACCESS, made["access_token"], "oauthv2accesstoken")
    expected = {
        "developer.id": "hybrid@@@dev-1",
        "developer.app.name": "app",
        "developer.app.id": "app-1",
        "developer.email": "ada@example.com",
        "organization_name": "hybrid",
        "api_product_list": "[gold]",
        "access_token": made["access_token"],
        "scope": "read write",
        "expires_in": "1699",
        "status": "approved",
        "client_id": "k",
        "accesstoken.tier": "1",
        "refresh_token": made["refresh_token"],
        "refresh_token_status": "approved",
        "refresh_token_expires_in": str(30 * 24 * 3600 - 101),
        "refresh_token_issued_at": "1000000000",
        "refresh_count": "0",
    }
    assert {name: found.get(name) for name in expected} == expected


async def test_profile_of_a_refresh_token(using: Services) -> None:
    made = await issued(using, body=TIER)
    found = await profile(using, REFRESH, made["refresh_token"], "oauthv2refreshtoken")
    assert found["refresh_token"] == made["refresh_token"]
    assert found["access_token"] == made["access_token"]
    assert found["accesstoken.tier"] == "1"


async def test_profile_of_a_client(using: Services) -> None:
    assert await profile(using, CLIENT, "k", "oauthv2client") == {
        "client_id": "k",
        "client_secret": "s",
        "redirection_uris": CALLBACK,
        "developer.email": "ada@example.com",
        "developer.app.name": "app",
        "developer.app.id": "app-1",
        "developer.id": "hybrid@@@dev-1",
    }


def code(**fields: Any) -> Code:
    given: dict[str, Any] = {
        "value": "c",
        "client_id": "k",
        "app_id": "app-1",
        "issued_at": 1_000_000_000,
        **fields,
    }
    return Code(**given)


async def test_profile_of_a_code_whatever_its_status(using: Services) -> None:
    await settled(
        stored(using).codes.put(
            code(status="used", redirect_uri=CALLBACK, attributes={"scope": "own", "state1": "x"})
        )
    )
    found = await profile(using, CODE, "c", "oauthv2authcode")
    expected = {"code": "c", "client_id": "k", "redirect_uri": CALLBACK, "status": "used", "state1": "x"}
    assert {name: found[name] for name in expected} == expected
    # an attribute shows where the code itself has nothing of that name
    assert found["scope"] == "own"


async def test_access_token_of_the_form_is_the_default(using: Services) -> None:
    assert (await failure(using, info("")))[0] == "steps.oauth.v2.invalid_access_token"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ACCESS, ("steps.oauth.v2.invalid_access_token", 500, "Invalid Access Token")),
        (REFRESH, ("steps.oauth.v2.invalid_refresh_token", 500, "Invalid Refresh Token")),
        (
            CODE,
            (
                "keymanagement.service.invalid_request-authorization_code_invalid",
                404,
                "Invalid Authorization Code",
            ),
        ),
        (CLIENT, ("keymanagement.service.invalid_client-invalid_client_id", 500, "ClientId is Invalid")),
    ],
)
async def test_unknown_values(using: Services, body: str, expected: tuple[str, int, str]) -> None:
    assert await failure(using, info(body), {"the.value": "nobody"}) == expected


async def test_literal_value_is_looked_up(using: Services) -> None:
    xml = info("<ClientId>k</ClientId>")
    assert read(await run(compile_policy(xml, using=using)), "oauthv2client.I.client_id") == "k"


async def test_expired_ones_are_found_when_status_is_ignored(using: Services) -> None:
    made = await issued(
        using, body="<ExpiresIn>1000</ExpiresIn><RefreshTokenExpiresIn>1000</RefreshTokenExpiresIn>"
    )
    await settled(stored(using).codes.put(code(expires_at=1_000_001_000)))
    later(using, 1)
    for body, value, name in (
        (ACCESS, made["access_token"], "access_token_expired"),
        (REFRESH, made["refresh_token"], "refresh_token_expired"),
        (CODE, "c", "authorization_code_expired"),
    ):
        assert (await failure(using, info(body), {"the.value": value}))[:2] == (f"steps.oauth.v2.{name}", 500)
        await run(compile_policy(info(body + IGNORE), using=using), context(variables={"the.value": value}))


async def test_token_without_a_product_for_this_call() -> None:
    using = oauth_services(product={"proxies": ["other"]})
    made = await issued(using)
    assert await failure(using, info(ACCESS), {"the.value": made["access_token"]}) == (
        "steps.oauth.v2.InvalidAPICallAsNoApiProductMatchFound",
        401,
        "Invalid API call as no apiproduct match found",
    )


# ---- SetOAuthV2Info

SET = '<AccessToken ref="the.value"/><Attributes><Attribute name="tier" ref="new.tier">2</Attribute></Attributes>'


async def test_changed_attribute_shows_at_the_next_verification(using: Services) -> None:
    token = (await issued(using, body=TIER))["access_token"]
    step = compile_policy(info(SET, "SetOAuthV2Info"), using=using)
    ctx = await run(step, context(variables={"the.value": token}))
    assert read(ctx, "oauthv2accesstoken.I.tier") == "2"
    assert read(ctx, "oauthv2accesstoken.I.access_token") == token
    await run(step, context(variables={"the.value": token, "new.tier": "9"}))
    ctx = await run(compile_policy(oauth("VerifyAccessToken"), using=using), bearer(token))
    assert read(ctx, "accesstoken.tier") == "9"


async def test_what_a_token_is_cannot_be_changed(using: Services) -> None:
    token = (await issued(using))["access_token"]
    body = SET.replace('"tier"', '"scope"')
    await run(
        compile_policy(info(body, "SetOAuthV2Info"), using=using), context(variables={"the.value": token})
    )
    ctx = await run(compile_policy(oauth("VerifyAccessToken"), using=using), bearer(token))
    assert (read(ctx, "scope"), read(ctx, "accesstoken.scope")) == ("read write", "2")


async def test_set_refusals(using: Services) -> None:
    xml = info(SET, "SetOAuthV2Info")
    assert await failure(using, xml) == (
        "steps.oauth.v2.FailedToResolveAccessToken",
        500,
        "Failed to resolve access token variable the.value",
    )
    assert await failure(using, xml, {"the.value": "x"}) == (
        "keymanagement.service.invalid_access_token",
        404,
        "Invalid Access Token",
    )
    token = (await issued(using, body="<ExpiresIn>1000</ExpiresIn>"))["access_token"]
    later(using, 1)
    assert (await failure(using, xml, {"the.value": token}))[:2] == (
        "keymanagement.service.access_token_expired",
        500,
    )


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (info(SET, "SetOAuthV2Info"), []),
        (info(SET.split("<Attributes>")[0], "SetOAuthV2Info"), ["AttributesRequired"]),
        (info(SET[SET.index("<Attributes>") :], "SetOAuthV2Info"), ["AccessTokenRequired"]),
        (info(ACCESS, "DeleteOAuthV2Info"), []),
        (info("", "DeleteOAuthV2Info"), ["InvalidParameter"]),
        (info(ACCESS + CODE, "DeleteOAuthV2Info"), ["InvalidParameter"]),
    ],
)
def test_declarations(xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml) == errors


# ---- DeleteOAuthV2Info


async def test_deleted_token_is_unknown_and_its_refresh_token_stays(using: Services) -> None:
    made = await issued(using)
    step = compile_policy(info(ACCESS, "DeleteOAuthV2Info"), using=using)
    await run(step, context(variables={"the.value": made["access_token"]}))
    verify = compile_policy(oauth("VerifyAccessToken"), using=using)
    assert (await fault_of(verify, bearer(made["access_token"]))).name == "invalid_access_token"
    assert await settled(stored(using).refresh.get(made["refresh_token"])) is not None
    assert (await failure(using, info(ACCESS, "DeleteOAuthV2Info"), {"the.value": "x"}))[:2] == (
        "keymanagement.service.invalid_access_token",
        404,
    )


async def test_deleted_code(using: Services) -> None:
    await settled(stored(using).codes.put(code()))
    xml = info(CODE, "DeleteOAuthV2Info")
    await run(compile_policy(xml, using=using), context(variables={"the.value": "c"}))
    assert (await failure(using, xml, {"the.value": "c"}))[:2] == (
        "keymanagement.service.invalid_request-authorization_code_invalid",
        404,
    )


@pytest.mark.parametrize(
    ("body", "name"), [(ACCESS, "FailedToResolveAccessToken"), (CODE, "FailedToResolveAuthorizationCode")]
)
async def test_delete_needs_a_value(body: str, name: str) -> None:
    found = await failure(oauth_services(), info(body, "DeleteOAuthV2Info"))
    assert found[:2] == (f"steps.oauth.v2.{name}", 500)


# ---- RevokeOAuthV2

APP, USER = '<AppId ref="the.app"/>', '<EndUserId ref="the.user"/>'
BY_USER = "<AppEndUser>request.formparam.username</AppEndUser>"


async def statuses(using: Services, made: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    found = []
    for one in made:
        access = await settled(stored(using).access.get(one["access_token"]))
        refresh = await settled(stored(using).refresh.get(one["refresh_token"]))
        assert access is not None
        assert refresh is not None
        found.append((access.status, refresh.status, access.revoke_reason))
    return found


REVOKED, KEPT = ("revoked", "revoked"), ("approved", "approved", "")


@pytest.mark.parametrize(
    ("body", "variables", "expected"),
    [
        (APP, {"the.app": "app-1"}, [(*REVOKED, "REVOKED_BY_APP")] * 2),
        (USER, {"the.user": "bob"}, [(*REVOKED, "REVOKED_BY_ENDUSER"), KEPT]),
        (
            APP + USER,
            {"the.app": "app-1", "the.user": "bob"},
            [(*REVOKED, "REVOKED_BY_APP_ENDUSER"), KEPT],
        ),
        (APP + USER, {"the.app": "app-2", "the.user": "bob"}, [KEPT, KEPT]),
        (APP + USER, {"the.user": "bob"}, [(*REVOKED, "REVOKED_BY_ENDUSER"), KEPT]),
        (
            USER + "<Cascade>false</Cascade>",
            {"the.user": "bob"},
            [("revoked", "approved", "REVOKED_BY_ENDUSER"), KEPT],
        ),
        (
            APP + "<RevokeBeforeTimestamp>999999000</RevokeBeforeTimestamp>",
            {"the.app": "app-1"},
            [KEPT, KEPT],
        ),
    ],
)
async def test_revoked_tokens(
    using: Services, body: str, variables: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    made = [
        await issued(using, {"grant_type": "password", "username": user, "password": "x"}, BY_USER)
        for user in ("bob", "eve")
    ]
    step = compile_policy(info(body, "RevokeOAuthV2"), using=using)
    await run(step, context(variables=variables))
    assert await statuses(using, made) == expected


@pytest.mark.parametrize(
    ("body", "variables", "code"),
    [
        (APP + USER, {}, "steps.oauth.v2.EmptyAppAndEndUserId"),
        (APP, {"the.app": "unknown"}, "keymanagement.service.app_id_not_found"),
        (
            APP + "<RevokeBeforeTimestamp>soon</RevokeBeforeTimestamp>",
            {"the.app": "app-1"},
            "steps.oauth.v2.InvalidTimestamp",
        ),
    ],
)
async def test_revoke_refusals(body: str, variables: dict[str, str], code: str) -> None:
    assert (await failure(oauth_services(), info(body, "RevokeOAuthV2"), variables))[:2] == (code, 500)
