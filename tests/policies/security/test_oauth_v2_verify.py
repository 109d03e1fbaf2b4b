"""OAuthV2: verifying tokens, opaque and JWT, and revoking them one by one."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jws

from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import SlowStore, compile_policy, context, fault_of, findings_of, read, request, run
from tests.policies.security.oauthkit import (
    NOW,
    bearer,
    form,
    issued,
    oauth,
    oauth_services,
    stored,
)

VERIFY = oauth("VerifyAccessToken")


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest) -> Services:
    return oauth_services(store=request.param(FrozenWorld(now=NOW)))


def later(using: Services, seconds: float) -> None:
    assert isinstance(using.world, FrozenWorld)
    using.world.time += seconds


async def test_good_token_sets_the_variables(using: Services) -> None:
    body = '<Attributes><Attribute name="tier">1</Attribute></Attributes><AppEndUser>request.formparam.username</AppEndUser>'
    token = (await issued(using, body=body))["access_token"]
    later(using, 100)
    ctx = await run(compile_policy(VERIFY, using=using), bearer(token))
    expected = {
        "organization_name": "hybrid",
        "client_id": "k",
        "grant_type": "password",
        "token_type": "BearerToken",
        "access_token": token,
        "accesstoken.tier": "1",
        "issued_at": "1000000000",
        "expires_in": "1699",
        "status": "approved",
        "scope": "read write",
        "developer.id": "hybrid@@@dev-1",
        "developer.email": "ada@example.com",
        "developer.app.name": "app",
        "app.name": "app",
        "app.id": "app-1",
        "apiproduct.name": "gold",
        "apigee.access_token": token,
        "apigee.client_id": "k",
        "apigee.developer.email": "ada@example.com",
    }
    assert {name: read(ctx, name) for name in expected} == expected


CHALLENGE = 'Bearer realm="null",error="invalid_token",error_description="{code}: {text}"'


async def denied(using: Services, ctx: Any, xml: str = VERIFY) -> tuple[str, int, str]:
    """Code, status and text of the fault, whose variables and challenge must agree with them."""
    fault = await fault_of(compile_policy(xml, using=using), ctx)
    assert fault.variables == {
        "oauthV2.OA.fault.name": fault.code,
        "oauthV2.OA.fault.cause": fault.text,
    }
    assert fault.message is not None
    if fault.status == 401:
        challenge = fault.message.headers.get("WWW-Authenticate")
        assert challenge == CHALLENGE.format(code=fault.code, text=fault.text)
    return fault.code, fault.status, fault.text


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "k"}, {"Authorization": "Basic k"}, {"Authorization": "bearer k"}]
)
async def test_token_must_stand_behind_its_prefix(headers: dict[str, str]) -> None:
    ctx = context(request=request(headers=headers))
    assert await denied(oauth_services(), ctx) == ("oauth.v2.InvalidAccessToken", 401, "Invalid access token")


async def test_unknown_token_has_another_code_and_capitals() -> None:
    assert await denied(oauth_services(), bearer("nobody")) == (
        "keymanagement.service.invalid_access_token",
        401,
        "Invalid Access Token",
    )


async def test_expired_token(using: Services) -> None:
    token = (await issued(using, body="<ExpiresIn>5000</ExpiresIn>"))["access_token"]
    later(using, 5)
    assert await denied(using, bearer(token)) == (
        "keymanagement.service.access_token_expired",
        401,
        "Access Token expired",
    )


async def test_prefix_is_case_insensitive_in_rfc_mode_and_can_be_another(using: Services) -> None:
    token = (await issued(using))["access_token"]
    rfc = "<RFCCompliantRequestResponse>true</RFCCompliantRequestResponse>"
    await run(compile_policy(oauth("VerifyAccessToken", rfc), using=using), bearer(token, prefix="bEARER"))
    own = "<AccessTokenPrefix>KEY</AccessTokenPrefix>"
    step = compile_policy(oauth("VerifyAccessToken", own), using=using)
    await run(step, bearer(token, prefix="KEY"))
    assert (await fault_of(step, bearer(token))).code == "oauth.v2.InvalidAccessToken"


async def test_quotes_around_the_whole_header_do_not_count(using: Services) -> None:
    token = (await issued(using))["access_token"]
    step = compile_policy(oauth("VerifyAccessToken"), using=using)
    await run(step, context(request=request(headers={"Authorization": f'"Bearer {token}"'})))
    for value, code in (
        ('"Bearer unknown"', "keymanagement.service.invalid_access_token"),
        (f'"Bearer {token}', "oauth.v2.InvalidAccessToken"),
        ('"', "oauth.v2.InvalidAccessToken"),
    ):
        fault = await fault_of(step, context(request=request(headers={"Authorization": value})))
        assert fault.code == code


@pytest.mark.parametrize("prefix", ["", "Bearer "])
async def test_token_in_a_variable_needs_no_prefix(using: Services, prefix: str) -> None:
    token = (await issued(using))["access_token"]
    step = compile_policy(
        oauth("VerifyAccessToken", "<AccessToken>request.header.token</AccessToken>"), using=using
    )
    ctx = await run(step, context(request=request(headers={"Token": prefix + token})))
    assert read(ctx, "access_token") == token
    assert (await fault_of(step, context())).code == "oauth.v2.InvalidAccessToken"


@pytest.mark.parametrize(
    ("required", "passes"), [("read", True), ("admin read", True), ("admin", False), ("", True)]
)
async def test_token_needs_one_of_the_scopes(required: str, passes: bool) -> None:
    using = oauth_services()
    token = (await issued(using))["access_token"]
    step = compile_policy(oauth("VerifyAccessToken", f"<Scope>{required}</Scope>"), using=using)
    if passes:
        await run(step, bearer(token))
        return
    fault = await fault_of(step, bearer(token))
    assert (fault.code, fault.status) == ("steps.oauth.v2.InsufficientScope", 403)
    assert fault.text == "Required scope(s): [admin]"


async def test_several_missing_scopes_are_listed() -> None:
    using = oauth_services()
    token = (await issued(using))["access_token"]
    step = compile_policy(oauth("VerifyAccessToken", "<Scope>a b</Scope>"), using=using)
    assert (await fault_of(step, bearer(token))).text == "Required scope(s): [a, b]"


OPERATIONS = {
    "operationGroup": {
        "operationConfigs": [
            {"apiSource": "test-proxy", "operations": [{"resource": "/users", "methods": ["GET"]}]}
        ]
    }
}
NO_PRODUCT = (
    "keymanagement.service.InvalidAPICallAsNoApiProductMatchFound",
    401,
    "Invalid API call as no apiproduct match found",
)


@pytest.mark.parametrize(
    ("product", "path", "verb", "expected"),
    [
        (OPERATIONS, "/users", "GET", None),
        (OPERATIONS, "/users", "POST", NO_PRODUCT),
        (OPERATIONS, "/other", "GET", NO_PRODUCT),
        ({"proxies": ["other"]}, "/", "GET", NO_PRODUCT),
        ({"environments": ["prod"]}, "/", "GET", NO_PRODUCT),
        (
            {"proxies": ["test-proxy"], "apiResources": ["/users"]},
            "/other",
            "GET",
            (
                "keymanagement.service.apiresource_doesnot_exist",
                401,
                "APIResource /other does not exist",
            ),
        ),
    ],
)
async def test_product_of_the_token_must_cover_the_call(
    product: dict[str, Any], path: str, verb: str, expected: tuple[str, int, str] | None
) -> None:
    using = oauth_services(product=product)
    token = (await issued(using))["access_token"]
    ctx = bearer(token, path, verb)
    if expected is None:
        assert (
            read(await run(compile_policy(VERIFY, using=using), ctx), "apiproduct.operation.resource") == path
        )
    else:
        assert await denied(using, ctx) == expected


async def test_token_keeps_to_the_products_it_was_made_with() -> None:
    using = oauth_services()
    token = (await issued(using))["access_token"]
    tokens = stored(using)

    def other(record: Any) -> bool:
        record.products = ["bare"]
        return True

    await settled(tokens.access.update(token, other))
    assert await denied(using, bearer(token)) == NO_PRODUCT


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"status": "revoked"}, "invalid_client-app_not_approved"),
        ({"credential": {"status": "revoked"}}, "invalid_client-app_not_approved"),
        ({"key": "other"}, "invalid_access_token"),
    ],
)
async def test_token_dies_with_its_app(fields: dict[str, Any], name: str) -> None:
    using = oauth_services()
    token = (await issued(using))["access_token"]
    using.catalog = oauth_services(**fields).catalog
    fault = await fault_of(compile_policy(VERIFY, using=using), bearer(token))
    assert (fault.name, fault.status) == (name, 401)


# ---- InvalidateToken and ValidateToken


def tokens_policy(operation: str, kind: str, cascade: str = "false", variable: str = "the.token") -> str:
    listed = f'<Tokens><Token type="{kind}" cascade="{cascade}">{variable}</Token></Tokens>'
    return oauth(operation, listed)


@pytest.mark.parametrize(
    ("kind", "cascade", "access", "refresh"),
    [
        ("accesstoken", "false", "revoked", "approved"),
        ("accesstoken", "true", "revoked", "revoked"),
        ("refreshtoken", "false", "approved", "revoked"),
        ("refreshtoken", "true", "revoked", "revoked"),
    ],
)
async def test_invalidated_token_and_its_pair(
    using: Services, kind: str, cascade: str, access: str, refresh: str
) -> None:
    made = await issued(using)
    ctx = context(variables={"the.token": made["access_token" if kind == "accesstoken" else "refresh_token"]})
    await run(compile_policy(tokens_policy("InvalidateToken", kind, cascade), using=using), ctx)
    tokens = stored(using)
    first = await settled(tokens.access.get(made["access_token"]))
    second = await settled(tokens.refresh.get(made["refresh_token"]))
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (access, refresh)
    if access == "revoked":
        assert (await denied(using, bearer(made["access_token"])))[0] == (
            "keymanagement.service.access_token_not_approved"
        )
    await run(compile_policy(tokens_policy("ValidateToken", kind, cascade), using=using), ctx)
    await run(compile_policy(VERIFY, using=using), bearer(made["access_token"]))


@pytest.mark.parametrize(
    ("kind", "variables", "code", "status"),
    [
        ("accesstoken", {}, "steps.oauth.v2.FailedToResolveToken", 500),
        ("accesstoken", {"the.token": "x"}, "keymanagement.service.invalid_access_token", 401),
        ("refreshtoken", {"the.token": "x"}, "keymanagement.service.invalid_refresh_token", 401),
    ],
)
async def test_token_to_invalidate_must_be_there(
    kind: str, variables: dict[str, str], code: str, status: int
) -> None:
    step = compile_policy(tokens_policy("InvalidateToken", kind), using=oauth_services())
    fault = await fault_of(step, context(variables=variables))
    assert (fault.code, fault.status) == (code, status)


# ---- JWT

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    RSA.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
SECRET = "0123456789abcdef0123456789abcdef"
KEYS = {
    "HS256": ("SecretKey", SECRET, "SecretKey", SECRET),
    "RS256": ("PrivateKey", PRIVATE, "PublicKey", PUBLIC),
    "RS512": ("PrivateKey", PRIVATE, "PublicKey", PUBLIC),
}
GRANTS = "<SupportedGrantTypes><GrantType>client_credentials</GrantType><GrantType>password</GrantType></SupportedGrantTypes>"


def jwt_policy(operation: str, algorithm: str, element: str, body: str = "") -> str:
    key = f'<Algorithm>{algorithm}</Algorithm><{element}><Value ref="private.key"/></{element}>'
    return oauth(operation, key + body)


async def jwt_for(using: Services, algorithm: str, body: str = "", grant: str = "password") -> dict[str, Any]:
    element, key, _, _ = KEYS[algorithm]
    ctx = form({"grant_type": grant, "username": "bob", "password": "x"})
    ctx.variables["private.key"] = key
    xml = jwt_policy("GenerateJWTAccessToken", algorithm, element, GRANTS + body)
    await run(compile_policy(xml, using=using), ctx)
    return {name.rpartition(".")[2]: value for name, value in ctx.variables.items() if ".OA." in name}


def verifying(algorithm: str, token: str, key: str | None = None) -> tuple[str, Any]:
    _, _, element, own = KEYS[algorithm]
    ctx = bearer(token)
    ctx.variables["private.key"] = own if key is None else key
    return jwt_policy("VerifyJWTAccessToken", algorithm, element), ctx


@pytest.mark.parametrize("algorithm", KEYS)
async def test_jwt_is_verified_without_the_store(using: Services, algorithm: str) -> None:
    body = '<Attributes><Attribute name="tier">1</Attribute></Attributes><ExpiresIn>5000</ExpiresIn>'
    token = (await jwt_for(using, algorithm, body))["access_token"]
    assert token.count(".") == 2
    elsewhere = oauth_services()
    xml, ctx = verifying(algorithm, token)
    await run(compile_policy(xml, using=elsewhere), ctx)
    expected = {
        "client_id": "k",
        "scope": "read write",
        "accesstoken.tier": "1",
        "apiproduct.name": "gold",
        "access_token": token,
        "grant_type": "password",
    }
    assert {name: read(ctx, name) for name in expected} == expected
    later(elsewhere, 5)
    assert (await denied(elsewhere, ctx, xml))[0] == "keymanagement.service.access_token_expired"


async def test_jwt_of_another_key_or_algorithm_or_none_is_refused() -> None:
    using = oauth_services()
    token = (await jwt_for(using, "HS256", grant="client_credentials"))["access_token"]
    cases = [
        (verifying("HS256", token, "another-key-another-key-another-key"), "JWTSignatureMismatch"),
        (verifying("RS256", token), "JWTAlgorithmMismatch"),
        (verifying("HS256", "no.jwt"), "JWTDecodingFailed"),
        (verifying("HS256", "a.b.c"), "JWTDecodingFailed"),
        (verifying("HS256", token[:-8] + "AAAAAAAA"), "JWTSignatureMismatch"),
    ]
    found = [(await denied(using, ctx, xml))[0] for (xml, ctx), _ in cases]
    assert found == [f"steps.oauth.v2.{name}" for _, name in cases]


async def test_public_key_is_no_secret_for_hmac() -> None:
    """The classic forgery: a token signed with the public key as if it were an HMAC secret."""
    head, claims = (
        urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256"}', b'{"client_id":"k"}')
    )
    signature = hmac.new(PUBLIC.strip().encode(), head + b"." + claims, "sha256").digest()
    forged = b".".join((head, claims, urlsafe_b64encode(signature).rstrip(b"="))).decode()
    xml, ctx = verifying("RS256", forged)
    assert (await denied(oauth_services(), ctx, xml))[0] == "steps.oauth.v2.JWTAlgorithmMismatch"


@pytest.mark.parametrize(
    "payload", [b"[]", b"7", b"not json", b'{"exp":true}', b'{"api_product_list":7,"exp":"x","client_id":[]}']
)
async def test_strange_claims_raise_faults_and_nothing_else(payload: bytes) -> None:
    key = jwk.OctKey.import_key(SECRET.encode())
    token = jws.serialize_compact({"alg": "HS256"}, payload, key, algorithms=["HS256"])
    xml, ctx = verifying("HS256", token)
    assert (await denied(oauth_services(), ctx, xml))[1] == 401


async def test_jwt_grant_gives_a_refresh_token_that_is_stored() -> None:
    using = oauth_services()
    made = await jwt_for(using, "HS256")
    ctx = form({"grant_type": "refresh_token", "refresh_token": made["refresh_token"]})
    ctx.variables["private.key"] = SECRET
    await run(compile_policy(jwt_policy("RefreshJWTAccessToken", "HS256", "SecretKey"), using=using), ctx)
    renewed = read(ctx, "oauthv2accesstoken.OA.access_token")
    assert renewed.count(".") == 2
    xml, ctx = verifying("HS256", renewed)
    await run(compile_policy(xml, using=using), ctx)


@pytest.mark.parametrize(("key", "name"), [("", "FailedToResolveKey"), ("no pem", "KeyParsingFailed")])
async def test_key_must_be_there_and_readable(key: str, name: str) -> None:
    ctx = form({"grant_type": "client_credentials"})
    ctx.variables["private.key"] = key
    xml = jwt_policy("GenerateJWTAccessToken", "RS256", "PrivateKey", GRANTS)
    fault = await fault_of(compile_policy(xml, using=oauth_services()), ctx)
    assert (fault.name, fault.status) == (name, 500)


def test_jwt_operation_without_key_is_a_warning() -> None:
    found = findings_of(oauth("VerifyJWTAccessToken"))
    assert [(finding.severity, finding.name) for finding in found] == [
        ("warning", "AlgorithmRequired"),
        ("warning", "KeyRequired"),
    ]


async def test_token_whose_products_are_gone() -> None:
    using = oauth_services()
    token = (await issued(using))["access_token"]

    def gone(record: Any) -> bool:
        record.products = ["gone"]
        return True

    await settled(stored(using).access.update(token, gone))
    assert (await denied(using, bearer(token)))[0] == "keymanagement.service.apiproduct_doesnot_exist"
