"""OAuthV2: issuing tokens and codes, and refreshing them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import (
    SlowStore,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    load,
    read,
    request,
    run,
)
from tests.policies.security.oauthkit import (
    CALLBACK,
    NOW,
    basic,
    body_of,
    form,
    generate,
    issued,
    oauth,
    oauth_services,
    stored,
)

CC = {"grant_type": "client_credentials"}
PASSWORD = {"grant_type": "password", "username": "bob", "password": "x"}
RESPONSE = "<GenerateResponse/>"
RFC = "<RFCCompliantRequestResponse>true</RFCCompliantRequestResponse>"


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest) -> Services:
    return oauth_services(store=request.param(FrozenWorld(now=NOW)))


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (generate(RESPONSE), []),
        ('<OAuthV2 name="O"/>', []),
        (oauth("Frobnicate"), ["InvalidOperation"]),
        (oauth("verifyaccesstoken"), []),
        (generate("<ExpiresIn>-1</ExpiresIn>"), []),
        (generate("<ExpiresIn>0</ExpiresIn>"), ["InvalidValueForExpiresIn"]),
        (generate("<ExpiresIn>soon</ExpiresIn>"), ["InvalidValueForExpiresIn"]),
        (generate('<ExpiresIn ref="a.b"/>'), []),
        (
            generate("<RefreshTokenExpiresIn>-2</RefreshTokenExpiresIn>"),
            ["InvalidValueForRefreshTokenExpiresIn"],
        ),
        (generate(grants="magic"), ["InvalidGrantType"]),
        (oauth("VerifyAccessToken", "<ExpiresIn>1</ExpiresIn>"), ["ExpiresInNotApplicableForOperation"]),
        (
            oauth("VerifyAccessToken", "<RefreshTokenExpiresIn>1</RefreshTokenExpiresIn>"),
            ["RefreshTokenExpiresInNotApplicableForOperation"],
        ),
        (
            oauth(
                "VerifyAccessToken",
                "<SupportedGrantTypes><GrantType>password</GrantType></SupportedGrantTypes>",
            ),
            ["GrantTypesNotApplicableForOperation"],
        ),
        # what editors leave behind in every policy
        (oauth("VerifyAccessToken", "<SupportedGrantTypes/><Tokens/><Attributes/><GenerateResponse/>"), []),
        (oauth("InvalidateToken", '<Tokens><Token type="accesstoken"/></Tokens>'), ["TokenValueRequired"]),
    ],
)
def test_declaration(xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml) == errors


def test_example_is_clean() -> None:
    policy, _ = load(generate())
    assert deploy_errors(type(policy).example) == []


def test_attributes_of_every_attributes_element_count() -> None:
    policy, _ = load(generate('<Attributes/><Attributes><Attribute name="a">1</Attribute></Attributes>'))
    assert [item.name for item in policy.custom_attributes] == ["a"]


# ---- client_credentials


async def test_response_has_apigees_shape(using: Services) -> None:
    xml = generate(
        RESPONSE + '<Attributes><Attribute name="tier">1</Attribute>'
        '<Attribute name="secret" display="false">x</Attribute></Attributes>'
        "<ExpiresIn>1800000</ExpiresIn>"
    )
    ctx = await run(compile_policy(xml, using=using), form(CC))
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.headers.get("Content-Type")) == (200, "application/json")
    body = json.loads(ctx.response.body)
    token = body.pop("access_token")
    assert len(token) >= 28
    assert body == {
        "issued_at": "1000000000",
        "application_name": "app-1",
        "scope": "read write",
        "status": "approved",
        "api_product_list": "[gold]",
        "api_product_list_json": ["gold"],
        "expires_in": "1799",
        "developer.email": "ada@example.com",
        "organization_id": "0",
        "token_type": "BearerToken",
        "client_id": "k",
        "organization_name": "hybrid",
        "refresh_token_expires_in": "0",
        "refresh_count": "0",
        "tier": "1",
    }
    assert read(ctx, "apigee.access_token") == token
    assert read(ctx, "oauthv2accesstoken.OA.access_token") == token
    assert read(ctx, "oauthv2accesstoken.OA.secret") == "x"


async def test_response_tells_the_end_user_of_the_token(using: Services) -> None:
    step = compile_policy(generate(f"{RESPONSE}<AppEndUser>user</AppEndUser>"), using=using)
    for user in ("bob", None):
        ctx = form(CC)
        ctx.variables["user"] = user
        await run(step, ctx)
        assert ctx.response is not None
        assert json.loads(ctx.response.body).get("app_enduser") == user
        assert read(ctx, "oauthv2accesstoken.OA.app_enduser") == user


async def test_rfc_response_has_numbers_and_no_store(using: Services) -> None:
    ctx = await run(compile_policy(generate(RESPONSE + RFC), using=using), form(CC))
    assert ctx.response is not None
    body = json.loads(ctx.response.body)
    assert (body["token_type"], body["expires_in"], body["refresh_token_expires_in"]) == ("Bearer", 1799, 0)
    assert ctx.response.headers.get("Cache-Control") == "no-store"
    assert ctx.response.headers.get("Pragma") == "no-cache"


async def test_without_generate_response_only_variables_are_set(using: Services) -> None:
    ctx = await run(compile_policy(generate(), using=using), form(CC))
    assert ctx.response is None
    assert read(ctx, "oauthv2accesstoken.OA.token_type") == "BearerToken"
    assert read(ctx, "oauthv2accesstoken.OA.expires_in") == "1799"
    assert read(ctx, "oauthv2accesstoken.OA.client_id") == "k"
    assert read(ctx, "oauthv2accesstoken.OA.refresh_token") is None


@pytest.mark.parametrize("headers", [basic(), {}])
async def test_client_comes_from_basic_header_or_form(using: Services, headers: dict[str, str]) -> None:
    fields = CC if headers else {**CC, "client_id": "k", "client_secret": "s"}
    ctx = await run(compile_policy(generate(), using=using), form(fields, headers))
    assert read(ctx, "oauthv2accesstoken.OA.client_id") == "k"


async def test_client_id_comes_from_the_named_variable(using: Services) -> None:
    step = compile_policy(generate("<ClientId>the.client</ClientId>"), using=using)
    ctx = form({**CC, "client_secret": "s"}, {})
    ctx.variables["the.client"] = "k"
    assert read(await run(step, ctx), "oauthv2accesstoken.OA.client_id") == "k"


@pytest.mark.parametrize(
    ("setting", "query", "seconds"),
    [
        ("<ExpiresIn>60000</ExpiresIn>", "", "59"),
        ('<ExpiresIn ref="request.queryparam.ms">60000</ExpiresIn>', "ms=9000", "8"),
        ('<ExpiresIn ref="request.queryparam.ms">60000</ExpiresIn>', "", "59"),
        ('<ExpiresIn ref="request.queryparam.ms">60000</ExpiresIn>', "ms=soon", "59"),
        ('<ExpiresIn ref="request.queryparam.ms">60000</ExpiresIn>', "ms=-1", "0"),
    ],
)
async def test_lifetime_is_in_milliseconds_and_a_variable_wins(
    setting: str, query: str, seconds: str
) -> None:
    step = compile_policy(generate(setting), using=oauth_services())
    assert read(await run(step, form(CC, query=query)), "oauthv2accesstoken.OA.expires_in") == seconds


@pytest.mark.parametrize(
    ("requested", "granted"), [("", "read write"), ("read", "read"), ("write other read", "write read")]
)
async def test_requested_scopes_are_cut_to_those_of_the_products(requested: str, granted: str) -> None:
    step = compile_policy(generate("<Scope>request.formparam.scope</Scope>"), using=oauth_services())
    ctx = await run(step, form({**CC, "scope": requested}))
    assert read(ctx, "oauthv2accesstoken.OA.scope") == granted


async def test_external_token_is_kept_in_place_of_a_generated_one(using: Services) -> None:
    step = compile_policy(
        generate("<ExternalAccessToken>mine</ExternalAccessToken><StoreToken>true</StoreToken>"), using=using
    )
    ctx = form(CC)
    ctx.variables["mine"] = "external"
    await run(step, ctx)
    assert await settled(stored(using).access.get("external")) is not None


async def test_store_token_false_keeps_nothing(using: Services) -> None:
    step = compile_policy(generate("<StoreToken>false</StoreToken>"), using=using)
    ctx = await run(step, form(CC))
    assert await settled(stored(using).access.get(read(ctx, "apigee.access_token"))) is None


async def test_external_authorization_needs_no_secret_but_its_variable(using: Services) -> None:
    step = compile_policy(generate("<ExternalAuthorization>true</ExternalAuthorization>"), using=using)
    ctx = form({**CC, "client_id": "k"}, {})
    ctx.variables["oauth_external_authorization_status"] = "true"
    assert read(await run(step, ctx), "oauthv2accesstoken.OA.client_id") == "k"
    fault = await fault_of(step, form({**CC, "client_id": "k"}, {}))
    assert fault.code == "oauth.v2.InvalidClientIdentifier"


async def test_unset_end_user_is_no_fault(using: Services) -> None:
    step = compile_policy(generate("<AppEndUser>request.queryparam.user</AppEndUser>"), using=using)
    ctx = await run(step, form(CC))
    token = await settled(stored(using).access.get(read(ctx, "apigee.access_token")))
    assert token is not None
    assert token.end_user == ""


# ---- refusals, as fault and as body

REFUSED: list[Any] = [
    ({}, basic(), "parameter", 400, "invalid_request", "Required param : grant_type"),
    (
        {"grant_type": "password"},
        basic(),
        "grant",
        400,
        "invalid_request",
        "Unsupported grant type : password",
    ),
    (CC, basic("k", "wrong"), "client", 401, "invalid_client", "ClientId is Invalid"),
    (CC, basic("nobody", "s"), "client", 401, "invalid_client", "ClientId is Invalid"),
    (CC, {}, "client", 401, "invalid_client", "ClientId is Invalid"),
    ({**CC, "scope": "admin"}, basic(), "scope", 400, "invalid_scope", "Invalid Scope"),
]


@pytest.mark.parametrize(("fields", "headers", "kind", "status", "error", "text"), REFUSED)
async def test_refusal_with_a_body(
    fields: dict[str, str], headers: dict[str, str], kind: str, status: int, error: str, text: str
) -> None:
    xml = generate(RESPONSE + "<Scope>request.formparam.scope</Scope>")
    fault = await fault_of(compile_policy(xml, using=oauth_services()), form(fields, headers))
    assert fault.status == status
    assert fault.message is not None
    assert fault.message.body.decode() == f'{{"ErrorCode" : "{error}", "Error" :"{text}"}}'
    assert fault.message.headers.get("Content-Type") == "application/json"
    assert fault.variables["oauthV2.OA.fault.cause"] == text


@pytest.mark.parametrize(
    ("fields", "headers", "error"),
    [
        ({}, basic(), "invalid_request"),
        ({"grant_type": "password"}, basic(), "unsupported_grant_type"),
        (CC, basic("k", "wrong"), "invalid_client"),
    ],
)
async def test_refusal_in_rfc_mode(fields: dict[str, str], headers: dict[str, str], error: str) -> None:
    step = compile_policy(generate(RESPONSE + RFC), using=oauth_services())
    body = body_of(await fault_of(step, form(fields, headers)))
    assert body["error"] == error
    assert set(body) == {"error", "error_description"}


async def test_refusals_without_a_body_are_faults() -> None:
    step = compile_policy(generate("<Scope>request.formparam.scope</Scope>"), using=oauth_services())
    found = []
    for fields, headers, *_ in REFUSED:
        fault = await fault_of(step, form(fields, headers))
        assert fault.message is None
        found.append((fault.code, fault.status))
    assert found == [
        ("steps.oauth.v2.invalid_request", 500),
        ("steps.oauth.v2.UnSupportedGrantType", 500),
        ("oauth.v2.InvalidClientIdentifier", 500),
        ("oauth.v2.InvalidClientIdentifier", 500),
        ("oauth.v2.InvalidClientIdentifier", 500),
        ("steps.oauth.v2.invalid_scope", 400),
    ]


async def test_generate_error_response_alone_gives_bodies_and_a_realm() -> None:
    xml = generate("<GenerateErrorResponse><Realm>shop</Realm></GenerateErrorResponse>")
    fault = await fault_of(compile_policy(xml, using=oauth_services()), form(CC, {}))
    assert fault.message is not None
    assert fault.message.headers.get("WWW-Authenticate") == 'Bearer realm="shop",error="invalid_client"'


async def test_client_credentials_are_not_supported_unless_listed() -> None:
    step = compile_policy(oauth("GenerateAccessToken"), using=oauth_services())
    fault = await fault_of(step, form(CC))
    assert fault.text == "Unsupported grant type : client_credentials"


async def test_form_parameters_need_their_content_type() -> None:
    ctx = context(request=request("POST", headers=basic(), body=urlencode(CC), type="text/plain"))
    fault = await fault_of(compile_policy(generate(RESPONSE), using=oauth_services()), ctx)
    assert fault.text == "Required param : grant_type"


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_password_grant_needs_both_parameters(missing: str) -> None:
    step = compile_policy(generate(RESPONSE, "password"), using=oauth_services())
    fields = {name: value for name, value in PASSWORD.items() if name != missing}
    assert (await fault_of(step, form(fields))).text == f"Required param : {missing}"


async def test_app_that_is_not_approved_gets_no_token() -> None:
    step = compile_policy(generate(), using=oauth_services(status="revoked"))
    assert (await fault_of(step, form(CC))).code == "keymanagement.service.invalid_client-app_not_approved"


# ---- refresh tokens


async def test_password_grant_gives_a_refresh_token(using: Services) -> None:
    xml = generate(RESPONSE + "<RefreshTokenExpiresIn>60000</RefreshTokenExpiresIn>", "password")
    ctx = await run(compile_policy(xml, using=using), form(PASSWORD))
    assert ctx.response is not None
    body = json.loads(ctx.response.body)
    assert body["refresh_token"] == read(ctx, "oauthv2accesstoken.OA.refresh_token")
    assert (body["refresh_token_status"], body["refresh_token_expires_in"]) == ("approved", "59")
    assert body["refresh_token_issued_at"] == "1000000000"


@pytest.mark.parametrize(("profile", "seconds"), [("apigeex", str(30 * 24 * 3600 - 1)), ("apigee", "0")])
async def test_default_lifetime_of_a_refresh_token(profile: str, seconds: str) -> None:
    made = await issued(oauth_services(settings={"profile": profile}))
    assert made["refresh_token_expires_in"] == seconds


def refreshing(body: str = "") -> str:
    return oauth("RefreshAccessToken", body, "REF")


def asking(token: str) -> MessageContext:
    return form({"grant_type": "refresh_token", "refresh_token": token})


async def test_refresh_gives_new_tokens_and_ends_the_old_ones(using: Services) -> None:
    body = '<Attributes><Attribute name="a">1</Attribute></Attributes><AppEndUser>request.formparam.username</AppEndUser>'
    old = await issued(using, body=body)
    ctx = await run(compile_policy(refreshing(), using=using), asking(old["refresh_token"]))
    access, refresh = (
        read(ctx, f"oauthv2accesstoken.REF.{name}") for name in ("access_token", "refresh_token")
    )
    assert access != old["access_token"]
    assert refresh != old["refresh_token"]
    assert read(ctx, "oauthv2accesstoken.REF.refresh_count") == "1"
    assert read(ctx, "oauthv2accesstoken.REF.a") == "1"
    tokens = stored(using)
    assert await settled(tokens.access.get(old["access_token"])) is None
    assert await settled(tokens.refresh.get(old["refresh_token"])) is None
    renewed = await settled(tokens.access.get(access))
    assert renewed is not None
    assert (renewed.end_user, renewed.scope, renewed.grant_type) == ("bob", "read write", "password")
    fault = await fault_of(compile_policy(refreshing(), using=using), asking(old["refresh_token"]))
    assert fault.text == "Invalid Refresh Token"


async def test_reused_refresh_token_stays_good(using: Services) -> None:
    old = await issued(using)
    step = compile_policy(refreshing("<ReuseRefreshToken>true</ReuseRefreshToken>"), using=using)
    for count in ("1", "2"):
        ctx = await run(step, asking(old["refresh_token"]))
        assert read(ctx, "oauthv2accesstoken.REF.refresh_token") == old["refresh_token"]
        assert read(ctx, "oauthv2accesstoken.REF.refresh_count") == count
    assert await settled(stored(using).access.get(old["access_token"])) is None


async def test_expired_refresh_token(using: Services) -> None:
    made = await issued(using, body="<RefreshTokenExpiresIn>5000</RefreshTokenExpiresIn>")
    assert isinstance(using.world, FrozenWorld)
    using.world.time = NOW + 5
    step = compile_policy(refreshing(RESPONSE), using=using)
    fault = await fault_of(step, asking(made["refresh_token"]))
    assert fault.message is not None
    assert fault.message.body == b'{"ErrorCode" : "invalid_request", "Error" :"Refresh Token expired"}'
    assert fault.variables["oauthV2.REF.fault.cause"] == "Refresh Token expired"
    step = compile_policy(refreshing(RESPONSE + RFC), using=using)
    assert body_of(await fault_of(step, asking(made["refresh_token"])))["error"] == "invalid_grant"


async def test_refresh_token_of_another_client_is_not_taken(using: Services) -> None:
    made = await issued(using)
    ctx = form({"grant_type": "refresh_token", "refresh_token": made["refresh_token"]}, basic("k2", "s2"))
    assert (await fault_of(compile_policy(refreshing(), using=using), ctx)).text == "Invalid Refresh Token"


@pytest.mark.parametrize(
    ("body", "fields", "code", "text"),
    [
        ("", {}, "steps.oauth.v2.invalid_request", "Required param : grant_type"),
        ("", {"grant_type": "x"}, "steps.oauth.v2.UnSupportedGrantType", "Unsupported grant type : x"),
        (
            "",
            {"grant_type": "refresh_token"},
            "steps.oauth.v2.invalid_request",
            "Required param : refresh_token",
        ),
        (
            "<RefreshToken>a.b</RefreshToken>",
            {"grant_type": "refresh_token"},
            "steps.oauth.v2.FailedToResolveRefreshToken",
            "Failed to resolve refresh token variable a.b",
        ),
    ],
)
async def test_refresh_needs_its_parameters(body: str, fields: dict[str, str], code: str, text: str) -> None:
    fault = await fault_of(compile_policy(refreshing(body), using=oauth_services()), form(fields))
    assert (fault.code, fault.text) == (code, text)


# ---- authorization codes


def authorizing(body: str = "") -> str:
    return oauth("GenerateAuthorizationCode", body, "AC")


def authorize(**query: str) -> MessageContext:
    asked = {"client_id": "k", "response_type": "code", "redirect_uri": CALLBACK, **query}
    return context(request=request(query=urlencode({n: v for n, v in asked.items() if v})))


async def code_for(using: Services, body: str = "", **query: str) -> str:
    ctx = await run(compile_policy(authorizing(body), using=using), authorize(**query))
    code: str = read(ctx, "oauthv2authcode.AC.code")
    return code


def exchanging(code: str, **fields: str) -> MessageContext:
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **fields}
    return form({name: value for name, value in asked.items() if value})


EXCHANGE = generate(RESPONSE, "authorization_code")


async def test_authorization_code_redirects_to_the_client(using: Services) -> None:
    xml = authorizing(RESPONSE + "<Scope>request.queryparam.scope</Scope>")
    ctx = await run(compile_policy(xml, using=using), authorize(state="a&b", scope="read"))
    assert ctx.response is not None
    location = urlsplit(ctx.response.headers.get("Location") or "")
    assert ctx.response.status == 302
    assert location._replace(query="").geturl() == CALLBACK
    code = read(ctx, "oauthv2authcode.AC.code")
    assert parse_qs(location.query) == {"code": [code], "scope": ["read"], "state": ["a&b"]}
    assert read(ctx, "oauthv2authcode.AC.redirect_uri") == CALLBACK
    assert read(ctx, "oauthv2authcode.AC.client_id") == "k"


async def test_attribute_of_a_variable_that_is_not_set_is_empty(using: Services) -> None:
    body = '<Attributes><Attribute name="state" ref="nowhere"/><Attribute name="tier" ref="nowhere">1</Attribute></Attributes>'
    code = await code_for(using, body)
    ctx = await run(compile_policy(EXCHANGE, using=using), exchanging(code))
    assert (read(ctx, "oauthv2accesstoken.OA.state"), read(ctx, "oauthv2accesstoken.OA.tier")) == ("", "1")


async def test_code_is_exchanged_once_with_scope_and_attributes(using: Services) -> None:
    body = '<Scope>request.queryparam.scope</Scope><Attributes><Attribute name="sub">bob</Attribute></Attributes>'
    code = await code_for(using, body, scope="write")
    step = compile_policy(EXCHANGE, using=using)
    ctx = await run(step, exchanging(code))
    assert read(ctx, "oauthv2accesstoken.OA.scope") == "write"
    assert read(ctx, "oauthv2accesstoken.OA.sub") == "bob"
    assert read(ctx, "oauthv2accesstoken.OA.refresh_token")
    fault = await fault_of(step, exchanging(code))
    assert fault.message is not None
    assert fault.message.body == b'{"ErrorCode" : "invalid_request", "Error" :"Invalid Authorization Code"}'
    assert fault.name == "invalid_request-authorization_code_invalid"
    assert fault.variables["oauthV2.OA.fault.cause"] == "Invalid Authorization Code"


async def test_code_expires(using: Services) -> None:
    code = await code_for(using, "<ExpiresIn>5000</ExpiresIn>")
    assert isinstance(using.world, FrozenWorld)
    using.world.time = NOW + 5
    fault = await fault_of(compile_policy(EXCHANGE, using=using), exchanging(code))
    assert fault.text == "Invalid Authorization Code"


@pytest.mark.parametrize(
    ("asked", "given", "text"),
    [
        (CALLBACK, "https://evil.example", "Invalid redirect_uri : https://evil.example"),
        (CALLBACK, "", "Required param : redirect_uri"),
        ("", "https://evil.example", "Invalid redirect_uri : https://evil.example"),
        (CALLBACK, CALLBACK, ""),
        ("", "", ""),
        ("", CALLBACK, ""),
    ],
)
async def test_redirect_uri_must_be_the_one_of_the_code(asked: str, given: str, text: str) -> None:
    using = oauth_services()
    code = await code_for(using, redirect_uri=asked)
    step = compile_policy(EXCHANGE, using=using)
    if text:
        assert (await fault_of(step, exchanging(code, redirect_uri=given))).text == text
    else:
        assert (await run(step, exchanging(code, redirect_uri=given))).response is not None


VERIFIER = "v" * 43
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("challenge", "method", "verifier", "passes"),
    [
        (S256, "S256", VERIFIER, True),
        (S256, "S256", "wrong", False),
        (S256, "S256", "", False),
        (VERIFIER, "plain", VERIFIER, True),
        (VERIFIER, "", "wrong", False),
    ],
)
async def test_code_with_a_challenge_needs_its_verifier(
    challenge: str, method: str, verifier: str, passes: bool
) -> None:
    using = oauth_services()
    code = await code_for(using, code_challenge=challenge, code_challenge_method=method)
    step = compile_policy(EXCHANGE, using=using)
    if passes:
        assert (await run(step, exchanging(code, code_verifier=verifier))).response is not None
    else:
        assert body_of(await fault_of(step, exchanging(code, code_verifier=verifier)))["ErrorCode"] == (
            "invalid_grant"
        )


async def test_code_of_another_client_is_not_taken() -> None:
    using = oauth_services()
    code = await code_for(using)
    ctx = form(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}, basic("k2", "s2")
    )
    assert (await fault_of(compile_policy(EXCHANGE, using=using), ctx)).text == "Invalid Authorization Code"


async def test_exchange_needs_a_code() -> None:
    step = compile_policy(EXCHANGE, using=oauth_services())
    assert (await fault_of(step, exchanging(""))).text == "Required param : code"


async def test_external_code_is_kept() -> None:
    using = oauth_services()
    step = compile_policy(
        authorizing("<ExternalAuthorizationCode>request.queryparam.theirs</ExternalAuthorizationCode>"),
        using=using,
    )
    await run(step, authorize(theirs="external-code"))
    assert await settled(stored(using).codes.get("external-code")) is not None


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"client_id": ""}, 400, "The request is missing a required parameter : client_id"),
        ({"client_id": "nobody"}, 401, "Invalid client id : nobody. ClientId is Invalid"),
        ({"response_type": ""}, 400, "The request is missing a required parameter : response_type"),
        ({"response_type": "token"}, 400, "Response type must be code"),
        ({"redirect_uri": "https://evil.example"}, 400, "Invalid redirection uri https://evil.example"),
        ({"client_id": "k2", "redirect_uri": ""}, 400, "Redirection URI is required"),
    ],
)
async def test_authorization_request_is_checked(query: dict[str, str], status: int, text: str) -> None:
    step = compile_policy(authorizing(RESPONSE), using=oauth_services())
    fault = await fault_of(step, authorize(**query))
    assert fault.message is not None
    assert (fault.status, fault.message.status) == (status, status)
    assert body_of(fault) == {"ErrorCode": "invalid_request", "Error": text}


# ---- implicit


async def test_implicit_token_travels_in_the_fragment() -> None:
    xml = oauth("GenerateAccessTokenImplicitGrant", RESPONSE)
    ctx = await run(compile_policy(xml, using=oauth_services()), authorize(response_type="token", state="s"))
    assert ctx.response is not None
    location = urlsplit(ctx.response.headers.get("Location") or "")
    found = {name: value[0] for name, value in parse_qs(location.fragment).items()}
    assert ctx.response.status == 302
    assert location.query == ""
    assert found.pop("access_token") == read(ctx, "apigee.access_token")
    assert found == {"expires_in": "1799", "token_type": "BearerToken", "scope": "read write", "state": "s"}
    assert read(ctx, "oauthv2accesstoken.OA.refresh_token") is None


async def test_implicit_needs_response_type_token() -> None:
    step = compile_policy(oauth("GenerateAccessTokenImplicitGrant", RESPONSE), using=oauth_services())
    assert (await fault_of(step, authorize())).text == "Response type must be token"


# ---- variables that the policy names


@pytest.mark.parametrize(
    ("body", "fields", "name"),
    [
        ("<ClientId>a.b</ClientId>", CC, "FailedToResolveClientId"),
        ("<Code>a.b</Code>", {"grant_type": "authorization_code"}, "FailedToResolveAuthorizationCode"),
    ],
)
async def test_named_variable_that_is_not_set(body: str, fields: dict[str, str], name: str) -> None:
    xml = generate(body, "client_credentials authorization_code")
    fault = await fault_of(compile_policy(xml, using=oauth_services()), form(fields))
    assert (fault.code, fault.status) == (f"steps.oauth.v2.{name}", 500)
    assert fault.text.endswith("variable a.b")
