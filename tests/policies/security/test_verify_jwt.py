"""VerifyJWT: which tokens pass, what is known of them afterwards, and by which name the others are refused."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    Answers,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    read,
    request,
    response,
    run,
    services,
)
from tests.policies.security.tokens import (
    NOW,
    SECRET,
    b64,
    ec_key,
    jwk,
    jwks,
    private_pem,
    public_pem,
    raw,
    rsa_key,
    signature,
    token,
)

HS256 = '<Algorithm>HS256</Algorithm><SecretKey><Value ref="private.key"/></SecretKey>'
RS = '<Algorithm>{}</Algorithm><PublicKey><Value ref="public.key"/></PublicKey>'
SOURCE = "<Source>token</Source>"
HEADER = '{"alg":"HS256"}'


def policy(content: str) -> str:
    return f'<VerifyJWT name="J">{content}</VerifyJWT>'


def around(text: str | None, variables: dict[str, Any] | None = None) -> MessageContext:
    return context(variables={"private.key": SECRET, "token": text, **(variables or {})})


async def verified(
    text: str,
    content: str = "",
    variables: dict[str, Any] | None = None,
    *,
    keys: str = HS256,
    now: float = NOW,
) -> MessageContext:
    step = compile_policy(policy(keys + SOURCE + content), world=FrozenWorld(now))
    return await run(step, around(text, variables))


async def refused(
    text: str | None,
    content: str = "",
    variables: dict[str, Any] | None = None,
    *,
    keys: str = HS256,
    now: float = NOW,
    **parts: Any,
) -> Fault:
    step = compile_policy(policy(keys + SOURCE + content), world=FrozenWorld(now), **parts)
    return await fault_of(step, around(text, variables))


# ---- signatures


@pytest.mark.parametrize("size", ["256", "384", "512"])
@pytest.mark.parametrize("family", ["HS", "RS", "PS", "ES"])
async def test_genuine_token_passes_and_a_forged_one_does_not(family: str, size: str) -> None:
    curve = {"256": "P-256", "384": "P-384", "512": "P-521"}[size]
    key: Any = {"HS": SECRET, "ES": None}.get(family, rsa_key()) or ec_key(curve)
    keys, variables = HS256.replace("HS256", f"HS{size}"), {}
    if family != "HS":
        keys, variables = RS.format(f"{family}{size}"), {"public.key": public_pem(key)}
    good = token({"sub": "ada"}, alg=f"{family}{size}", key=key)

    ctx = await verified(good, "", variables, keys=keys)
    assert read(ctx, "jwt.J.valid") is True
    assert read(ctx, "jwt.J.claim.subject") == "ada"

    header, _, signed = good.split(".")
    fault = await refused(f"{header}.{b64('{}')}.{signed}", "", variables, keys=keys)
    assert (fault.code, fault.text) == ("steps.jwt.InvalidToken", "Invalid token: policy(J)")


async def test_token_of_rfc_7515_passes() -> None:
    keys = '<Algorithm>HS256</Algorithm><SecretKey encoding="base64url"><Value ref="private.k"/></SecretKey>'
    secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    text = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    ctx = await verified(text, "<Issuer>joe</Issuer>", {"private.k": secret}, keys=keys, now=1_300_000_000)
    assert read(ctx, "jwt.J.claim.http://example.com/is_root") is True


async def test_signature_cannot_be_spelt_in_a_second_way() -> None:
    good = token({})
    last = {"A": "B", "E": "F", "I": "J", "M": "N", "Q": "R", "U": "V", "Y": "Z", "c": "d", "g": "h"}
    last |= {"k": "l", "o": "p", "s": "t", "w": "x", "0": "1", "4": "5", "8": "9"}
    assert (await refused(good[:-1] + last[good[-1]])).code == "steps.jwt.FailedToDecode"


async def test_one_of_several_algorithms_will_do() -> None:
    keys = RS.format("RS256, RS512")
    variables = {"public.key": public_pem(rsa_key())}
    for alg in ("RS256", "RS512"):
        await verified(token({}, alg=alg, key=rsa_key()), "", variables, keys=keys)
    fault = await refused(token({}, alg="RS384", key=rsa_key()), "", variables, keys=keys)
    assert fault.code == "steps.jwt.AlgorithmInTokenNotPresentInConfiguration"


async def test_certificate_stands_for_its_key() -> None:
    keys = "<Algorithm>RS256</Algorithm><PublicKey><Certificate>\n  {}</Certificate></PublicKey>"
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    begin = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, rsa_key().public_key(), 1, begin, begin + timedelta(days=1))
        .sign(rsa_key(), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    await verified(token({}, alg="RS256", key=rsa_key()), keys=keys.format(certificate))


# ---- where the token is


@pytest.mark.parametrize("source", ["", "<Source>request.header.authorization</Source>"])
async def test_bearer_token_of_the_authorization_header_is_the_default(source: str) -> None:
    step = compile_policy(policy(HS256 + source))
    for scheme in ("Bearer", "bearer", "BEARER "):
        message = request(headers={"Authorization": f"{scheme} {token({})}"})
        await run(step, context(message, variables={"private.key": SECRET}))


@pytest.mark.parametrize("header", ["Basic YTpi", "", "eyJh.eyJh.eyJh"])
async def test_header_without_bearer_token_is_invalid(header: str) -> None:
    step = compile_policy(policy(HS256))
    fault = await fault_of(step, context(request(headers={"Authorization": header})))
    assert (fault.code, fault.status) == ("steps.jwt.InvalidToken", 401)


async def test_another_variable_must_hold_the_bare_token() -> None:
    fault = await refused(f"Bearer {token({})}")
    assert (fault.code, fault.text) == ("steps.jwt.InvalidToken", "Invalid token: policy(J)")


async def test_missing_variable_is_a_fault() -> None:
    fault = await refused(None)
    assert fault.code == "steps.jwt.FailedToResolveVariable"
    assert fault.text == "Failed to Resolve Variable : policy(J) variable(token)"
    step = compile_policy(policy(HS256))
    assert "variable(request.header.authorization)" in (await fault_of(step)).text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("opaque", "FailedToDecode"),
        ("a.b", "FailedToDecode"),
        ("a.b.c.d", "FailedToDecode"),
        ("a.b.c.d.e.f", "FailedToDecode"),
        ("", "FailedToDecode"),
        ("é.b.c", "InvalidToken"),
        (raw("[1]"), "InvalidJsonFormat"),
        (raw("no json"), "InvalidJsonFormat"),
        (raw(b"\xff{}"), "InvalidJsonFormat"),
        (raw(HEADER).replace(".e30.", ".!."), "FailedToDecode"),
        (raw(HEADER, "7"), "InvalidJsonFormat"),
        (raw(HEADER, '{"a":NaN}'), "InvalidJsonFormat"),
        (raw(HEADER, "[" * 50000), "InvalidJsonFormat"),
        (raw(HEADER, '{"a":' + "9" * 5000 + "}"), "InvalidJsonFormat"),
        (raw(HEADER, signed="A"), "FailedToDecode"),
        (raw(HEADER, signed=""), "InvalidToken"),
        (raw('{"alg":"none"}', signed=""), "AlgorithmMismatch"),
        (raw("{}"), "NoAlgorithmFoundInHeader"),
        (raw('{"alg":7}'), "NoAlgorithmFoundInHeader"),
    ],
)  # fmt: skip
async def test_malformed_tokens(text: str, code: str) -> None:
    fault = await refused(text)
    assert (fault.code, fault.status) == (f"steps.jwt.{code}", 401)


async def test_algorithm_is_named_when_it_is_not_the_one() -> None:
    fault = await refused(token({}, alg="HS512"))
    assert fault.code == "steps.jwt.AlgorithmMismatch"
    assert fault.text == (
        "Algorithm in header did not match any algorithm specified in Configuration: policy(J) algorithm(HS512)"
    )


async def test_public_key_is_no_secret_for_hs256() -> None:
    """The old attack: sign with the published key as if it were a secret."""
    pem = public_pem(rsa_key())
    forged = token({}, alg="HS256", key=pem)
    fault = await refused(forged, "", {"public.key": pem}, keys=RS.format("RS256"))
    assert fault.code == "steps.jwt.AlgorithmMismatch"


# ---- times

TIMES = [
    ({"exp": NOW + 1}, "", ""),
    ({"exp": NOW}, "", "TokenExpired"),
    ({"exp": NOW - 1}, "", "TokenExpired"),
    ({"exp": NOW - 29}, "<TimeAllowance>30s</TimeAllowance>", ""),
    ({"exp": NOW - 30}, "<TimeAllowance>30s</TimeAllowance>", "TokenExpired"),
    ({"exp": NOW - 29}, '<TimeAllowance ref="slack">1s</TimeAllowance>', ""),
    ({"exp": NOW - 29}, "<TimeAllowance>30</TimeAllowance>", "TokenExpired"),
    ({"exp": "soon"}, "", "InvalidClaim"),
    ({"exp": 10**400, "nbf": -(10**400), "iat": 0.5}, "<TimeAllowance>30s</TimeAllowance>", ""),
    ({"exp": 10**400, "iat": 0.5}, "<MaxLifespan>1w</MaxLifespan>", "InvalidClaim"),
    ({"nbf": NOW}, "", ""),
    ({"nbf": NOW + 1}, "", "TokenNotYetValid"),
    ({"nbf": NOW + 30}, "<TimeAllowance>30s</TimeAllowance>", ""),
    ({"nbf": True}, "", "InvalidClaim"),
    ({"iat": NOW}, "", ""),
    ({"iat": NOW + 1}, "", "TokenNotYetValid"),
    ({"iat": NOW + 1}, "<TimeAllowance>1s</TimeAllowance>", ""),
    ({"iat": NOW + 900}, "<IgnoreIssuedAt>true</IgnoreIssuedAt>", ""),
    ({"iat": NOW, "exp": NOW + 300}, "<MaxLifespan>5m</MaxLifespan>", ""),
    ({"iat": NOW, "exp": NOW + 301}, "<MaxLifespan>5m</MaxLifespan>", "InvalidClaim"),
    ({"iat": NOW - 900, "nbf": NOW, "exp": NOW + 300}, "<MaxLifespan>5m</MaxLifespan>", ""),
    (
        {"iat": NOW - 900, "nbf": NOW, "exp": NOW + 300},
        '<MaxLifespan useIssueTime="true">5m</MaxLifespan>',
        "InvalidClaim",
    ),
    ({"iat": NOW, "exp": NOW + 300}, '<MaxLifespan ref="lifespan"/>', ""),
    ({"iat": NOW}, "<MaxLifespan>1w</MaxLifespan>", "InvalidClaim"),
    ({"exp": NOW + 9}, "<MaxLifespan>1w</MaxLifespan>", "InvalidClaim"),
]
TEXTS = {
    "TokenExpired": "The Token has expired: policy(J)",
    "TokenNotYetValid": "The Token is not yet valid: policy(J)",
}


@pytest.mark.parametrize(("claims", "content", "code"), TIMES)
async def test_times(claims: dict[str, Any], content: str, code: str) -> None:
    variables = {"slack": "30s", "lifespan": "300s"}
    if not code:
        await verified(token(claims), content, variables)
        return
    fault = await refused(token(claims), content, variables)
    assert fault.code == f"steps.jwt.{code}"
    assert fault.text == TEXTS.get(code, fault.text)


# ---- claims

CLAIMS = {"sub": "ada", "iss": "urn://idp", "aud": ["orders", "bills"], "jti": "id-1", "n": 5, "b": True}
CLAIMS |= {"list": ["x", "y"], "map": {"a": 1}, "text": "5"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<Subject>ada</Subject>", ""),
        ('<Subject ref="who">eve</Subject>', ""),
        ("<Subject>eve</Subject>", "JwtSubjectMismatch"),
        ("<Issuer>urn://idp</Issuer>", ""),
        ("<Issuer>urn://other</Issuer>", "JwtIssuerMismatch"),
        ("<Audience>orders</Audience>", ""),
        ("<Audience>stock, bills</Audience>", ""),
        ('<Audience ref="all"/>', ""),
        ("<Audience>stock</Audience>", "JwtAudienceMismatch"),
        ("<Audience>ord</Audience>", "JwtAudienceMismatch"),
        ("<Id>id-1</Id>", ""),
        ("<Id/>", ""),
        ("<Id>id-2</Id>", "InvalidClaim jti"),
        ('<Subject ref="no"/>', "FailedToResolveVariable no"),
        ('<Audience ref="no"/>', "FailedToResolveVariable no"),
        (
            '<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><Subject ref="no"/>',
            "JwtSubjectMismatch",
        ),
        (
            '<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><Audience ref="no"/>',
            "JwtAudienceMismatch",
        ),
    ],
)
async def test_registered_claims_must_be_what_the_policy_says(content: str, code: str) -> None:
    variables = {"who": "ada", "all": ["stock", "orders"]}
    if not code:
        await verified(token(CLAIMS), content, variables)
        return
    name, _, detail = code.partition(" ")
    fault = await refused(token(CLAIMS), content, variables)
    assert (fault.code, fault.status) == (f"steps.jwt.{name}", 401)
    assert detail in fault.text


@pytest.mark.parametrize("audience", ["orders", ["orders"], ["x", "orders"]])
async def test_audience_of_a_token_is_a_text_or_a_list(audience: object) -> None:
    await verified(token({"aud": audience}), "<Audience>orders</Audience>")


@pytest.mark.parametrize(
    "content", ["<Subject>ada</Subject>", "<Issuer>x</Issuer>", "<Audience>x</Audience>"]
)
async def test_missing_claim_is_a_mismatch(content: str) -> None:
    assert (await refused(token({}), content)).name.endswith("Mismatch")


@pytest.mark.parametrize(
    ("content", "claim"),
    [("<Subject>x</Subject>", "sub"), ("<Issuer>x</Issuer>", "iss"), ("<Audience>x</Audience>", "aud")],
)
async def test_setting_gives_mismatches_their_older_name(content: str, claim: str) -> None:
    using = services(settings={"jwt.claim-faults": "InvalidClaim"}, world=FrozenWorld(NOW))
    step = compile_policy(policy(HS256 + SOURCE + content), using=using)
    fault = await fault_of(step, around(token(CLAIMS)))
    assert (fault.code, fault.text) == ("steps.jwt.InvalidClaim", f"Invalid Claim: policy(J) claim({claim})")


@pytest.mark.parametrize(
    ("claim", "passes"),
    [
        ('<Claim name="text">5</Claim>', True),
        ('<Claim name="n" type="number">5</Claim>', True),
        ('<Claim name="n">5</Claim>', False),
        ('<Claim name="text" type="number">5</Claim>', False),
        ('<Claim name="b" type="boolean">true</Claim>', True),
        ('<Claim name="b" type="number">1</Claim>', False),
        ('<Claim name="list" array="true">x,y</Claim>', True),
        ('<Claim name="list" array="true">x</Claim>', False),
        ('<Claim name="list" array="true" ref="some"/>', True),
        ('<Claim name="map" type="map">{"a": 1}</Claim>', True),
        ('<Claim name="map" type="map">{"a": 2}</Claim>', False),
        ('<Claim name="none">x</Claim>', False),
    ],
)
async def test_additional_claims_must_be_equal(claim: str, passes: bool) -> None:
    content = f"<AdditionalClaims>{claim}</AdditionalClaims>"
    variables = {"some": ["x", "y"]}
    if passes:
        await verified(token(CLAIMS), content, variables)
    else:
        assert (await refused(token(CLAIMS), content, variables)).code == "steps.jwt.InvalidClaim"


async def test_claims_may_be_asked_for_by_an_object() -> None:
    content = '<AdditionalClaims ref="must"/>'
    await verified(token(CLAIMS), content, {"must": '{"n":5,"map":{"a":1}}'})
    fault = await refused(token(CLAIMS), content, {"must": '{"n":6}'})
    assert fault.text == "Invalid Claim: policy(J) claim(n)"


async def test_headers_may_be_asked_for() -> None:
    content = '<AdditionalHeaders><Claim name="tenant">blue</Claim></AdditionalHeaders>'
    await verified(token({}, {"tenant": "blue"}), content)
    for header in ({"tenant": "red"}, {}):
        fault = await refused(token({}, header), content)
        assert fault.text == "Invalid Claim: policy(J) claim(tenant)"


@pytest.mark.parametrize(
    ("critical", "content", "unhandled"),
    [
        (["tenant"], "", "tenant"),
        (["tenant"], "<KnownHeaders>tenant, other</KnownHeaders>", ""),
        (["tenant"], '<KnownHeaders ref="known"/>', ""),
        (["tenant", "more"], "<KnownHeaders>tenant</KnownHeaders>", "more"),
        (["tenant"], "<IgnoreCriticalHeaders>true</IgnoreCriticalHeaders>", ""),
        ("tenant", "<KnownHeaders>tenant</KnownHeaders>", "crit"),
        ([], "", "crit"),
    ],
)
async def test_critical_headers_must_be_known(critical: object, content: str, unhandled: str) -> None:
    text = token({}, {"crit": critical, "tenant": "blue"})
    if not unhandled:
        await verified(text, content, {"known": ["tenant"]})
        return
    fault = await refused(text, content)
    assert fault.code == "steps.jwt.UnhandledCriticalHeader"
    assert f"header({unhandled})" in fault.text


# ---- keys

SET = '<Algorithm>{alg}</Algorithm><PublicKey><JWKS ref="keys"/></PublicKey>'


@pytest.mark.parametrize(
    ("header", "keys", "code"),
    [
        ({"kid": "one"}, lambda: jwks(jwk(rsa_key(), "one")), ""),
        ({"kid": "one"}, lambda: json.dumps(jwk(rsa_key(), "one")), ""),
        ({"kid": "one"}, lambda: jwks(jwk(ec_key(), "one"), jwk(rsa_key(), "one")), ""),
        (
            {"kid": "one"},
            lambda: jwks(jwk(rsa_key(), "one", use="enc"), jwk(rsa_key(), "one", use="sig")),
            "",
        ),
        ({"kid": "one"}, lambda: jwks({"kty": "new", "kid": "x"}, jwk(rsa_key(), "one")), ""),
        ({}, lambda: jwks(jwk(rsa_key(), "one")), ""),
        ({}, lambda: jwks(jwk(ec_key(), "one")), "WrongKeyType"),
        ({}, lambda: jwks(jwk(rsa_key(), "one"), jwk(rsa_key("other"), "two")), "KeyIdMissing"),
        ({"kid": 7}, lambda: jwks(jwk(rsa_key(), "one")), "KeyIdMissing"),
        ({"kid": "two"}, lambda: jwks(jwk(rsa_key(), "one")), "NoMatchingPublicKey"),
        ({"kid": "one"}, lambda: jwks(jwk(rsa_key(), "one", use="enc")), "NoMatchingPublicKey"),
        ({"kid": "one"}, lambda: jwks(jwk(ec_key(), "one")), "WrongKeyType"),
        ({"kid": "one"}, lambda: jwks(jwk(rsa_key("other"), "one")), "InvalidToken"),
        ({"kid": "one"}, lambda: "not json", "KeyParsingFailed"),
        (
            {"kid": "one"},
            lambda: jwks({"kty": "RSA", "kid": "one", "n": "?", "e": "AQAB"}),
            "KeyParsingFailed",
        ),
    ],
)
async def test_key_of_a_set_is_the_one_the_token_names(header: dict[str, Any], keys: Any, code: str) -> None:
    text = token({}, header, alg="RS256", key=rsa_key())
    if code:
        fault = await refused(text, "", {"keys": keys()}, keys=SET.format(alg="RS256"))
        assert fault.code == f"steps.jwt.{code}"
    else:
        await verified(text, "", {"keys": keys()}, keys=SET.format(alg="RS256"))


@pytest.mark.parametrize(
    ("alg", "key", "value", "code"),
    [
        ("RS256", rsa_key, lambda: "no key", "KeyParsingFailed"),
        ("RS256", rsa_key, lambda: "", "KeyParsingFailed"),
        ("RS256", rsa_key, lambda: public_pem(ec_key()), "WrongKeyType"),
        ("RS256", rsa_key, lambda: public_pem(rsa_key("short", 1024)), "InsufficientKeyLength"),
        ("ES256", ec_key, lambda: public_pem(rsa_key()), "WrongKeyType"),
        ("ES256", ec_key, lambda: public_pem(ec_key("P-384")), "InvalidCurve"),
    ],
)
async def test_unfit_public_keys(alg: str, key: Any, value: Any, code: str) -> None:
    fault = await refused(token({}, alg=alg, key=key()), "", {"public.key": value()}, keys=RS.format(alg))
    assert (fault.code, fault.status) == (f"steps.jwt.{code}", 401)


@pytest.mark.parametrize(
    ("alg", "secret", "code"),
    [
        ("HS256", SECRET[:31], "InsufficientKeyLength"),
        ("HS384", SECRET[:47], "InsufficientKeyLength"),
        ("HS512", SECRET[:63], "InsufficientKeyLength"),
        ("HS256", "", "InvalidSecretKey"),
    ],
)
async def test_unfit_secrets(alg: str, secret: str, code: str) -> None:
    keys = HS256.replace("HS256", alg)
    fault = await refused(token({}, alg=alg), "", {"private.key": secret}, keys=keys)
    assert fault.code == f"steps.jwt.{code}"


# ---- keys by address


class KeyServer:
    """The network: JWKS by address, answered after a turn of the loop."""

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Message:
        self.calls.append(call)
        await asyncio.sleep(0.01)
        return response(body=self.keys[call.url.rpartition("/")[2]])


ADDRESS = "<Algorithm>RS256</Algorithm><PublicKey><JWKS {}/></PublicKey>"


async def test_keys_of_an_address_are_kept_for_five_minutes() -> None:
    network, world = KeyServer(a=jwks(jwk(rsa_key(), "one"))), FrozenWorld(NOW)
    using = services(world=world)
    using.egress = network
    keys = ADDRESS.format('uri="https://idp.test/a"')
    step = compile_policy(policy(keys + SOURCE), using=using)
    text = token({}, {"kid": "one"}, alg="RS256", key=rsa_key())

    await asyncio.gather(*(run(step, around(text)) for _ in range(5)))
    assert len(network.calls) == 1, "requests that come meanwhile wait for the same answer"
    assert network.calls[0].url == "https://idp.test/a"

    network.keys["a"] = jwks(jwk(rsa_key("other"), "two"))
    renewed = token({}, {"kid": "two"}, alg="RS256", key=rsa_key("other"))
    world.time += 299
    assert (await fault_of(step, around(renewed))).code == "steps.jwt.NoMatchingPublicKey"
    world.time += 2
    await run(step, around(renewed))
    assert len(network.calls) == 2


async def test_failed_fetch_is_tried_again() -> None:
    network = Answers(response(status=503))
    step = compile_policy(policy(ADDRESS.format('uri="http://idp.test/"') + SOURCE), egress=network)
    text = token({}, {"kid": "one"}, alg="RS256", key=rsa_key())
    assert (await fault_of(step, around(text))).code == "steps.jwt.KeyParsingFailed"
    network.answer = response(body=jwks(jwk(rsa_key(), "one")))
    await run(step, around(text))


async def test_address_may_come_from_a_variable() -> None:
    network = KeyServer(a=jwks(jwk(rsa_key(), "one")), b=jwks(jwk(rsa_key("other"), "one")))
    using = services()
    using.egress = network
    step = compile_policy(policy(ADDRESS.format('uriRef="where"') + SOURCE), using=using)
    for name, key in (("a", rsa_key()), ("b", rsa_key("other")), ("a", rsa_key())):
        text = token({}, {"kid": "one"}, alg="RS256", key=key)
        await run(step, around(text, {"where": f"http://idp.test/{name}"}))
    assert len(network.calls) == 2
    assert (await fault_of(step, around(text))).text.endswith("variable(where)")


async def test_token_without_key_id_fetches_nothing() -> None:
    network = Answers()
    step = compile_policy(policy(ADDRESS.format('uri="http://idp.test/"') + SOURCE), egress=network)
    fault = await fault_of(step, around(token({}, alg="RS256", key=rsa_key())))
    assert (fault.code, network.calls) == ("steps.jwt.KeyIdMissing", [])


# ---- encrypted tokens


def encryption(key: str, content: str = "A128GCM") -> str:
    return f"<Algorithms><Key>{key}</Key><Content>{content}</Content></Algorithms>"


def encrypted(claims: Any, key: Any, alg: str, enc: str = "A128GCM", **header: Any) -> str:
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    registry = jwe.JWERegistry(algorithms=[alg, enc, "DEF"], strict_check_header=False)
    return jwe.encrypt_compact({"alg": alg, "enc": enc, **header}, payload, key, registry=registry)


PRIVATE = '<PrivateKey><Value ref="private.k"/></PrivateKey>'


@pytest.mark.parametrize(
    ("alg", "key", "element", "value"),
    [
        *(
            (alg, lambda: RSAKey.import_key(public_pem(rsa_key())), PRIVATE, lambda: private_pem(rsa_key()))
            for alg in ("RSA-OAEP", "RSA-OAEP-256")
        ),
        *(
            (alg, lambda: ECKey.import_key(public_pem(ec_key())), PRIVATE, lambda: private_pem(ec_key()))
            for alg in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
        ),
        *(
            (
                f"A{size}{kind}",
                lambda size=size: OctKey.import_key(bytes(size // 8)),
                '<SecretKey encoding="hex"><Value ref="private.k"/></SecretKey>',
                lambda size=size: "00" * (size // 8),
            )
            for size in (128, 192, 256)
            for kind in ("KW", "GCMKW")
        ),
        *(
            (
                alg,
                lambda: OctKey.import_key(b"correct horse battery"),
                '<PasswordKey><Value ref="private.k"/></PasswordKey>',
                lambda: "correct horse battery",
            )
            for alg in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")
        ),
        (
            "dir",
            lambda: OctKey.import_key(bytes(16)),
            '<DirectKey><Value ref="private.k"/></DirectKey>',
            lambda: "AAAAAAAAAAAAAAAAAAAAAA==",
        ),
    ],
)
async def test_encrypted_token_is_opened(alg: str, key: Any, element: str, value: Any) -> None:
    keys, variables = encryption(alg) + element, {"private.k": value()}
    text = encrypted({"sub": "ada", "exp": NOW + 9}, key(), alg, kid="k")

    ctx = await verified(text, "<Subject>ada</Subject>", variables, keys=keys)
    assert read(ctx, "jwt.J.decoded.claim.sub") == "ada"
    assert read(ctx, "jwt.J.decoded.header.enc") == "A128GCM"
    assert read(ctx, "jwt.J.header.algorithm") == alg

    assert (
        await refused(text, now=NOW + 99, variables=variables, keys=keys)
    ).code == "steps.jwt.TokenExpired"
    changed = text[:-6] + ("AAAAAA" if not text.endswith("AAAAAA") else "BBBBBB")
    assert (await refused(changed, "", variables, keys=keys)).code == "steps.jwt.InvalidToken"


async def test_compressed_payload_is_inflated() -> None:
    key = RSAKey.import_key(public_pem(rsa_key()))
    text = encrypted({"sub": "ada" * 99}, key, "RSA-OAEP-256", zip="DEF")
    ctx = await verified(
        text, keys=encryption("RSA-OAEP-256") + PRIVATE, variables={"private.k": private_pem(rsa_key())}
    )
    assert read(ctx, "jwt.J.claim.sub") == "ada" * 99


async def test_inner_token_of_a_nested_one_can_be_verified_next() -> None:
    inner = token({"sub": "ada"})
    key = RSAKey.import_key(public_pem(rsa_key()))
    outer = encrypted(inner, key, "RSA-OAEP-256", cty="JWT")
    ctx = await verified(
        outer, keys=encryption("RSA-OAEP-256") + PRIVATE, variables={"private.k": private_pem(rsa_key())}
    )
    assert read(ctx, "jwt.J.payload") == inner
    second = policy(HS256 + "<Source>jwt.J.payload</Source>").replace('"J"', '"Second"')
    await run(compile_policy(second), ctx)
    assert read(ctx, "jwt.Second.claim.sub") == "ada"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (lambda key: encrypted({}, key, "RSA-OAEP-256", "A256GCM"), "AlgorithmMismatch"),
        (lambda key: encrypted({}, key, "RSA-OAEP"), "AlgorithmMismatch"),
        (lambda key: token({}), "AlgorithmMismatch"),
        (lambda key: encrypted("no json", key, "RSA-OAEP-256"), "InvalidJsonFormat"),
        (lambda key: encrypted({}, key, "RSA-OAEP-256", crit=["b64"], b64=True), ""),
    ],
)
async def test_encrypted_token_that_is_not_as_configured(text: Any, code: str) -> None:
    key = RSAKey.import_key(public_pem(rsa_key()))
    keys, variables = encryption("RSA-OAEP-256") + PRIVATE, {"private.k": private_pem(rsa_key())}
    if code:
        assert (await refused(text(key), "", variables, keys=keys)).code == f"steps.jwt.{code}"
    else:
        await verified(text(key), "", variables, keys=keys)


async def test_token_may_not_ask_for_endless_work() -> None:
    header = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": b64(bytes(8)), "p2c": 250_000}
    text = ".".join((b64(json.dumps(header)), b64(bytes(24)), b64(bytes(12)), b64(b"x"), b64(bytes(16))))
    keys = encryption("PBES2-HS256+A128KW") + '<PasswordKey><Value ref="private.key"/></PasswordKey>'
    assert (await refused(text, keys=keys)).code == "steps.jwt.InvalidToken"


# ---- variables


async def test_everything_in_the_token_is_shown() -> None:
    claims = {
        "sub": "ada",
        "iss": "urn://idp",
        "aud": ["a", "b"],
        "exp": NOW + 3600,
        "iat": NOW - 10,
        "nbf": NOW - 5,
        "n": 1.5,
        "ok": True,
        "map": {"a": [1, {"b": None}], "c": "x"},
        "none": None,
    }
    text = token(claims, {"kid": "k1", "nums": [1, 2]})
    ctx = await verified(text, now=NOW + 0.074)
    header_json = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1", "nums": [1, 2]})
    expected = {
        "claim.audience": ["a", "b"],
        "claim.subject": "ada",
        "claim.issuer": "urn://idp",
        "claim.expiry": (NOW + 3600) * 1000,
        "claim.issuedat": (NOW - 10) * 1000,
        "claim.notbefore": (NOW - 5) * 1000,
        "claim.exp": NOW + 3600,
        "claim.map": "{a=[1, {b=null}], c=x}",
        "claim.ok": True,
        "decoded.claim.aud": '["a","b"]',
        "decoded.claim.exp": NOW + 3600,
        "decoded.claim.iat": NOW - 10,
        "decoded.claim.n": 1.5,
        "decoded.claim.ok": True,
        "decoded.claim.map": '{"a":[1,{"b":null}],"c":"x"}',
        "decoded.claim.none": None,
        "decoded.header.alg": "HS256",
        "decoded.header.nums": "[1,2]",
        "header.algorithm": "HS256",
        "header.kid": "k1",
        "header.type": "JWT",
        "header.nums": [1, 2],
        "header-json": header_json,
        "payload-json": json.dumps(claims),
        "payload-claim-names": list(claims),
        "expiry_formatted": "2023-11-14T23:13:20.000+0000",
        "is_expired": False,
        "seconds_remaining": 3599,
        "time_remaining_formatted": "00:59:59.926",
        "valid": True,
    }
    assert {name: read(ctx, f"jwt.J.{name}") for name in expected} == expected


async def test_variables_are_there_for_fault_rules_too() -> None:
    step = compile_policy(policy(HS256 + SOURCE), world=FrozenWorld(NOW))
    ctx = around(token({"sub": "ada", "exp": NOW - 90}))
    fault = await fault_of(step, ctx)
    assert read(ctx, "jwt.J.seconds_remaining") == -90
    assert read(ctx, "jwt.J.time_remaining_formatted") == "-00:01:30.000"
    assert read(ctx, "jwt.J.is_expired") is True
    assert read(ctx, "jwt.J.claim.subject") == "ada"
    assert fault.variables == {"jwt.J.error": "The Token has expired: policy(J)", "jwt.J.valid": False}


async def test_fault_rules_and_later_steps_see_the_failure(tmp_path: Path) -> None:
    files = {
        "proxies/default.xml": proxy(
            request=steps("J"),
            response=steps("good"),
            extra=f"""<FaultRules><FaultRule name="jwt"><Condition>JWT.failed and jwt.J.error IsNot null</Condition>
              {steps("bad")}</FaultRule></FaultRules>""",
        ),
        "targets/default.xml": target(),
        "policies/key.xml": f"""<AssignMessage name="key"><AssignVariable><Name>private.key</Name>
          <Value>{SECRET}</Value></AssignVariable></AssignMessage>""",
        "policies/J.xml": policy(HS256),
        "policies/good.xml": show(
            "good", X_Who="{jwt.J.claim.subject}", X_Failed="{JWT.failed}{jwt.J.failed}"
        ),
        "policies/bad.xml": show("bad", X_Error="{fault.name} {jwt.J.error}", X_Valid="{jwt.J.valid}"),
    }
    files["proxies/default.xml"] = files["proxies/default.xml"].replace(
        "<Request><Step>", f"<Request>{steps('key')}<Step>", 1
    )
    bundle = write_bundle(tmp_path, "tokens", files)
    async with house(bundle) as gateway:
        good = await gateway.get("/t", headers={"Authorization": f"Bearer {token({'sub': 'ada'})}"})
        bad = await gateway.get("/t", headers={"Authorization": f"Bearer {token({}, key='x' * 40)}"})

    assert (good.status, good.headers["X-Who"], good.headers["X-Failed"]) == (200, "ada", "falsefalse")
    assert (bad.status, bad.fault()) == (401, ("steps.jwt.InvalidToken", "Invalid token: policy(J)"))
    assert (bad.headers["X-Error"], bad.headers["X-Valid"]) == (
        "InvalidToken Invalid token: policy(J)",
        "false",
    )


# ---- deploying


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (HS256, []),
        (HS256 + "<CustomClaims/>", []),
        (HS256 + "<Source/>", ["InvalidEmptyElement"]),
        (RS.format("RS256,RS384,RS512"), []),
        (RS.format("RS256,ES256"), ["InvalidFamiliesForAlgorithm"]),
        (RS.format("RS256,nope"), ["InvalidValueForElement"]),
        ("", ["MissingConfigurationElement"]),
        ("<Algorithm>ES256</Algorithm>", ["MissingConfigurationElement"]),
        (HS256.replace("HS256", "PS256"), ["InvalidConfigurationForActionAndAlgorithm", "MissingConfigurationElement"]),
        ("<Algorithm>RS256</Algorithm><PublicKey/>", ["InvalidKeyConfiguration"]),
        ("<Algorithm>RS256</Algorithm><PublicKey><JWKS/></PublicKey>", ["EmptyElementForKeyConfiguration"]),
        ('<Algorithm>RS256</Algorithm><PublicKey><JWKS ref="k"/><Id/></PublicKey>', ["InvalidPublicKeyId"]),
        (HS256.replace("private.key", "key"), ["InvalidVariableNameForSecret"]),
        (encryption("RSA-OAEP-256") + PRIVATE.replace("private.k", "k"), ["InvalidVariableNameForSecret"]),
        (HS256 + '<AdditionalClaims><Claim name="iss">x</Claim></AdditionalClaims>', ["InvalidNameForAdditionalClaim"]),
        (HS256 + '<AdditionalHeaders><Claim name="alg">x</Claim></AdditionalHeaders>', ["InvalidNameForAdditionalHeader"]),
        (HS256 + "<TimeAllowance>a while</TimeAllowance>", ["InvalidTimeFormat"]),
    ],
)  # fmt: skip
def test_deploy_errors(content: str, errors: list[str]) -> None:
    assert sorted(deploy_errors(policy(content))) == errors


async def test_algorithm_and_algorithms_together_deploy_and_fail() -> None:
    content = HS256 + encryption("dir")
    assert [finding.name for finding in findings_of(policy(content))] == ["InvalidConfiguration"]
    assert (await fault_of(compile_policy(policy(content)))).code == "steps.jwt.InvalidConfiguration"


def test_forged_token_helper_signs_as_the_standard_does() -> None:
    """RFC 7515, appendix A.1: the helper of these tests must not share a mistake with the policy."""
    key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    data = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
    data += b"Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    signed = signature("HS256", base64.urlsafe_b64decode(key + "=="), data)
    assert b64(signed) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
