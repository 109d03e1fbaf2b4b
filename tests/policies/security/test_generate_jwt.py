"""GenerateJWT: what stands in the token, who can read it, and what is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed
from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import (
    Answers,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    read,
    response,
    run,
)
from tests.policies.security.tokens import (
    NOW,
    SECRET,
    ec_key,
    genuine,
    jwk,
    jwks,
    parts,
    private_pem,
    public_pem,
    rsa_key,
    unb64,
)

HS256 = '<Algorithm>HS256</Algorithm><SecretKey><Value ref="private.key"/></SecretKey>'
SIGNING_KEYS: dict[str, Any] = {
    "HS": lambda size: SECRET,
    "RS": lambda size: rsa_key(),
    "PS": lambda size: rsa_key(),
    "ES": lambda size: ec_key({"256": "P-256", "384": "P-384", "512": "P-521"}[size]),
}


def policy(content: str) -> str:
    return f'<GenerateJWT name="J">{content}</GenerateJWT>'


async def made(
    content: str, variables: dict[str, Any] | None = None, *, keys: str = HS256, **parts_: Any
) -> str:
    step = compile_policy(policy(keys + content), world=FrozenWorld(NOW), **parts_)
    ctx = await run(step, context(variables={"private.key": SECRET, **(variables or {})}))
    found = read(ctx, "jwt.J.generated_jwt")
    assert isinstance(found, str)
    return found


async def claims(content: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    return parts(await made(content, variables))[1]


async def refused(content: str, variables: dict[str, Any] | None = None, *, keys: str = HS256) -> Fault:
    step = compile_policy(policy(keys + content), world=FrozenWorld(NOW))
    return await fault_of(step, context(variables={"private.key": SECRET, **(variables or {})}))


# ---- signatures


@pytest.mark.parametrize("size", ["256", "384", "512"])
@pytest.mark.parametrize("family", ["HS", "RS", "PS", "ES"])
async def test_signature_is_genuine(family: str, size: str) -> None:
    key = SIGNING_KEYS[family](size)
    element = "SecretKey" if family == "HS" else "PrivateKey"
    keys = f'<Algorithm>{family}{size}</Algorithm><{element}><Value ref="private.k"/></{element}>'
    text = key if isinstance(key, str) else private_pem(key)

    token = await made("<Subject>ada</Subject>", {"private.k": text}, keys=keys)

    data, _, signature = token.rpartition(".")
    assert genuine(f"{family}{size}", key, data.encode(), unb64(signature))
    assert parts(token) == ({"typ": "JWT", "alg": f"{family}{size}"}, {"sub": "ada", "iat": NOW})


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("hex", SECRET.encode().hex()),
        ("base16", SECRET.encode().hex().upper()),
        (
            "base64",
            "YSBzZWNyZXQgb2Ygc2l4dHktZm91ciBieXRlcywgd2hpY2ggaXMgd2hhdCBIUzUxMiB3YW50cyB0byBoYXZlLg==",
        ),
        (
            "base64url",
            "YSBzZWNyZXQgb2Ygc2l4dHktZm91ciBieXRlcywgd2hpY2ggaXMgd2hhdCBIUzUxMiB3YW50cyB0byBoYXZlLg",
        ),
    ],
)
async def test_secret_is_decoded_as_its_encoding_says(encoding: str, text: str) -> None:
    keys = (
        f'<Algorithm>HS256</Algorithm><SecretKey encoding="{encoding}"><Value ref="private.k"/></SecretKey>'
    )
    token = await made("", {"private.k": text}, keys=keys)
    data, _, signature = token.rpartition(".")
    assert genuine("HS256", SECRET, data.encode(), unb64(signature))


RSA = '<Algorithm>RS256</Algorithm><PrivateKey><Value ref="private.k"/>{}</PrivateKey>'


@pytest.mark.parametrize(
    ("pem", "password"),
    [
        (lambda: private_pem(rsa_key()), None),
        (lambda: private_pem(rsa_key(), format="TraditionalOpenSSL"), None),
        (lambda: private_pem(rsa_key(), "open sesame"), "open sesame"),
        (lambda: "\n".join("      " + line for line in private_pem(rsa_key()).splitlines()), None),
        (lambda: " ".join(private_pem(rsa_key()).splitlines()), None),
    ],
    ids=["PKCS 8", "PKCS 1", "encrypted", "indented", "in one line"],
)
async def test_private_key_may_be_any_pem(pem: Any, password: str | None) -> None:
    element = '<Password ref="private.password"/>' if password else ""
    variables = {"private.k": pem(), "private.password": password}
    token = await made("", variables, keys=RSA.format(element))
    data, _, signature = token.rpartition(".")
    assert genuine("RS256", rsa_key(), data.encode(), unb64(signature))


async def test_private_key_may_stand_in_a_property_set() -> None:
    keys = RSA.format("").replace("private.k", "private.propertyset.signing.key")
    ctx = context()
    ctx.deployment.property_sets = {"signing": {"key": private_pem(rsa_key())}}
    await run(compile_policy(policy(keys)), ctx)
    assert parts(read(ctx, "jwt.J.generated_jwt"))[0]["alg"] == "RS256"


# ---- claims


async def test_registered_claims_come_from_texts_and_variables() -> None:
    content = """<Subject ref="user">nobody</Subject><Issuer>urn://shop</Issuer><Audience ref="aud"/>
      <Id ref="id">7</Id>"""
    assert await claims(content, {"user": "ada", "aud": "orders", "id": "x-1"}) == {
        "sub": "ada",
        "iss": "urn://shop",
        "aud": "orders",
        "jti": "x-1",
        "iat": NOW,
    }


async def test_text_stands_in_for_a_variable_that_is_not_set() -> None:
    assert (await claims('<Subject ref="user">nobody</Subject>'))["sub"] == "nobody"


@pytest.mark.parametrize(
    ("text", "value"),
    [("a", "a"), ("a,b", ["a", "b"]), (" a , b ", ["a", "b"])],
)
async def test_audiences_with_commas_become_an_array(text: str, value: object) -> None:
    assert (await claims(f"<Audience>{text}</Audience>"))["aud"] == value


async def test_audiences_of_a_list_variable_become_an_array() -> None:
    assert (await claims('<Audience ref="all"/>', {"all": ["a", "b"]}))["aud"] == ["a", "b"]


async def test_empty_id_becomes_a_random_uuid() -> None:
    one, two = (await claims("<Id/>"))["jti"], (await claims("<Id></Id>"))["jti"]
    assert len(one) == 36
    assert one == two, "the frozen world draws the same ids in every run"
    assert "jti" not in await claims("")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3600", 3), ("3600000", 3600), ("500ms", 0), ("90s", 90), ("10m", 600), ("1h", 3600), ("2d", 172_800)],
)
async def test_lifetime_is_milliseconds_unless_a_unit_is_there(text: str, seconds: int) -> None:
    assert (await claims(f"<ExpiresIn>{text}</ExpiresIn>"))["exp"] == NOW + seconds
    assert (await claims('<ExpiresIn ref="ttl">1d</ExpiresIn>', {"ttl": text}))["exp"] == NOW + seconds


async def test_without_expires_in_a_token_lives_for_ever() -> None:
    assert "exp" not in await claims("")


SUMMER = datetime(2031, 8, 14, 18, 0, 21, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("6h", NOW + 21600),
        ("2031-08-14T11:00:21.269-0700", SUMMER),
        ("Thu, 14 Aug 2031 11:00:21 PDT", SUMMER),
        ("Thursday, 14-Aug-31 11:00:21 PDT", SUMMER),
        ("Thu Aug 14 18:00:21 2031", SUMMER),
    ],
)
async def test_not_before_is_a_date_or_a_period(text: str, moment: float) -> None:
    assert (await claims(f"<NotBefore>{text}</NotBefore>"))["nbf"] == moment


@pytest.mark.parametrize(
    ("claim", "variables", "value"),
    [
        ('<Claim name="c">text</Claim>', {}, "text"),
        ('<Claim name="c" ref="v">text</Claim>', {"v": "found"}, "found"),
        ('<Claim name="c" ref="v">text</Claim>', {}, "text"),
        ('<Claim name="c">{not.a.template}</Claim>', {}, "{not.a.template}"),
        ('<Claim name="c"/>', {}, ""),
        ('<Claim name="c" type="number">17</Claim>', {}, 17),
        ('<Claim name="c" type="number">1.5</Claim>', {}, 1.5),
        ('<Claim name="c" type="number" ref="v"/>', {"v": "-3"}, -3),
        ('<Claim name="c" type="number" ref="v"/>', {"v": 4}, 4),
        ('<Claim name="c" type="boolean">true</Claim>', {}, True),
        ('<Claim name="c" type="boolean" ref="v"/>', {"v": False}, False),
        ('<Claim name="c" array="true">a, b</Claim>', {}, ["a", "b"]),
        ('<Claim name="c" array="true" ref="v"/>', {"v": ["a", "b"]}, ["a", "b"]),
        ('<Claim name="c" array="true" ref="v"/>', {"v": '["a,b","c"]'}, ["a,b", "c"]),
        ('<Claim name="c" array="true" type="number">1,2</Claim>', {}, [1, 2]),
        ('<Claim name="c" array="true" type="boolean">true,false</Claim>', {}, [True, False]),
        ('<Claim name="c" type="map">{"a": {"b": 1}}</Claim>', {}, {"a": {"b": 1}}),
        ('<Claim name="c" type="map">{"user": "{v}"}</Claim>', {"v": "ada"}, {"user": "ada"}),
        ('<Claim name="c" type="map" ref="v"/>', {"v": '{"a":[1]}'}, {"a": [1]}),
        (
            '<Claim name="c" type="map" array="true" ref="v"/>',
            {"v": '[{"a":1},{"b":2}]'},
            [{"a": 1}, {"b": 2}],
        ),
    ],
)
async def test_additional_claim_is_of_its_type(claim: str, variables: dict[str, Any], value: Any) -> None:
    found = (await claims(f"<AdditionalClaims>{claim}</AdditionalClaims>", variables))["c"]
    assert found == value
    assert type(found) is type(value)


async def test_object_of_claims_beats_the_elements_even_for_registered_names() -> None:
    content = (
        '<Subject>ada</Subject><AdditionalClaims ref="more"><Claim name="a">1</Claim></AdditionalClaims>'
    )
    more = json.dumps({"sub": "eve", "a": [1, 2], "deep": {"x": None}})
    found = await claims(content, {"more": more})
    assert found == {"sub": "eve", "iat": NOW, "a": [1, 2], "deep": {"x": None}}


async def test_additional_headers_and_key_id_stand_in_the_header() -> None:
    keys = (
        '<Algorithm>HS256</Algorithm><SecretKey><Value ref="private.key"/><Id ref="kid">k1</Id></SecretKey>'
    )
    content = """<AdditionalHeaders><Claim name="tenant" ref="tenant"/><Claim name="n" type="number">2</Claim>
      </AdditionalHeaders><CriticalHeaders>tenant, other</CriticalHeaders>"""
    header, _ = parts(await made(content, {"tenant": "blue"}, keys=keys))
    assert header == {
        "typ": "JWT",
        "alg": "HS256",
        "kid": "k1",
        "tenant": "blue",
        "n": 2,
        "crit": ["tenant", "other"],
    }


async def test_claims_without_a_value_are_left_out_when_told_to_ignore() -> None:
    content = """<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><Subject ref="no"/><Audience ref="no"/>
      <Issuer ref="no"/><Id ref="no"/><ExpiresIn ref="no"/><NotBefore ref="no"/>
      <AdditionalClaims ref="no"><Claim name="c" ref="no"/></AdditionalClaims>"""
    assert await claims(content) == {"iat": NOW}


@pytest.mark.parametrize(
    "content",
    [
        '<Subject ref="no"/>',
        '<Issuer ref="no"/>',
        '<Audience ref="no"/>',
        '<Id ref="no"/>',
        '<ExpiresIn ref="no"/>',
        '<NotBefore ref="no"/>',
        '<CriticalHeaders ref="no"/>',
        '<AdditionalClaims ref="no"/>',
        '<AdditionalClaims><Claim name="c" ref="no"/></AdditionalClaims>',
        '<AdditionalClaims><Claim name="c" type="map">{"a":"{no}"}</Claim></AdditionalClaims>',
        '<AdditionalHeaders><Claim name="c" ref="no"/></AdditionalHeaders>',
    ],
)
async def test_variable_that_is_not_set_is_a_fault(content: str) -> None:
    fault = await refused(content)
    assert (fault.code, fault.status) == ("steps.jwt.FailedToResolveVariable", 401)
    assert fault.text == "Failed to Resolve Variable : policy(J) variable(no)"


async def test_output_variable_may_be_a_header() -> None:
    step = compile_policy(policy(HS256 + "<OutputVariable>request.header.x-token</OutputVariable>"))
    ctx = await run(step, context(variables={"private.key": SECRET}))
    assert (ctx.request.headers.get("X-Token") or "").count(".") == 2


# ---- encryption

WRAPPERS = [f"A{size}{kind}" for size in (128, 192, 256) for kind in ("KW", "GCMKW")]
CONTENTS = ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"]
CONTENT_BYTES = dict(zip(CONTENTS, (32, 48, 64, 16, 24, 32), strict=True))


def encryption(key: str, content: str) -> str:
    return f"<Algorithms><Key>{key}</Key><Content>{content}</Content></Algorithms>"


def opened(token: str, key: Any, *algorithms: str) -> tuple[dict[str, Any], dict[str, Any]]:
    registry = jwe.JWERegistry(algorithms=[*algorithms, "DEF"], strict_check_header=False)
    found = jwe.decrypt_compact(token, key, registry=registry)
    return found.protected, json.loads(found.plaintext or b"")


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("key", ["RSA-OAEP", "RSA-OAEP-256"])
async def test_rsa_encrypts_for_the_holder_of_the_private_key(key: str, content: str) -> None:
    keys = encryption(key, content) + '<PublicKey><Value ref="public.key"/><Id>k</Id></PublicKey>'
    token = await made("<Subject>ada</Subject>", {"public.key": public_pem(rsa_key())}, keys=keys)
    header, found = opened(token, RSAKey.import_key(private_pem(rsa_key())), key, content)
    assert header == {"typ": "JWT", "alg": key, "enc": content, "kid": "k"}
    assert found == {"sub": "ada", "iat": NOW}


@pytest.mark.parametrize("key", ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"])
@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
async def test_elliptic_curves_encrypt(key: str, curve: str) -> None:
    keys = encryption(key, "A128GCM") + '<PublicKey><Value ref="public.key"/></PublicKey>'
    token = await made("", {"public.key": public_pem(ec_key(curve))}, keys=keys)
    _, found = opened(token, ECKey.import_key(private_pem(ec_key(curve))), key, "A128GCM")
    assert found == {"iat": NOW}


@pytest.mark.parametrize("key", WRAPPERS)
async def test_secrets_wrap_the_content_key(key: str) -> None:
    secret = bytes(range(int(key[1:4]) // 8))
    keys = encryption(key, "A128CBC-HS256") + '<SecretKey encoding="hex"><Value ref="private.s"/></SecretKey>'
    token = await made("", {"private.s": secret.hex()}, keys=keys)
    assert opened(token, OctKey.import_key(secret), key, "A128CBC-HS256")[1] == {"iat": NOW}


@pytest.mark.parametrize("key", ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"])
async def test_password_encrypts_with_salt_and_iterations(key: str) -> None:
    keys = encryption(key, "A128GCM") + '<PasswordKey><Value ref="private.p"/>{}</PasswordKey>'
    secret = OctKey.import_key(b"correct horse battery")
    variables = {"private.p": "correct horse battery"}

    header, found = opened(await made("", variables, keys=keys.format("")), secret, key, "A128GCM")
    assert (len(unb64(header["p2s"])), header["p2c"], found) == (8, 10000, {"iat": NOW})

    more = "<SaltLength>16</SaltLength><PBKDF2Iterations>2000</PBKDF2Iterations>"
    header, _ = opened(await made("", variables, keys=keys.format(more)), secret, key, "A128GCM")
    assert (len(unb64(header["p2s"])), header["p2c"]) == (16, 2000)


@pytest.mark.parametrize("content", CONTENTS)
async def test_direct_key_is_base64_of_the_exact_length(content: str) -> None:
    secret = bytes(range(CONTENT_BYTES[content]))
    encoded = base64.b64encode(secret).decode()
    keys = encryption("dir", content) + '<DirectKey><Value ref="private.d"/></DirectKey>'
    token = await made("", {"private.d": encoded}, keys=keys)
    assert opened(token, OctKey.import_key(secret), "dir", content)[1] == {"iat": NOW}

    short = await refused("", {"private.d": encoded[:20]}, keys=keys)
    assert short.code == "steps.jwt.InvalidSecretKey"


async def test_compressed_payload_is_deflated() -> None:
    keys = encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><Value ref="k"/></PublicKey>'
    long = f"<Subject>{'ada ' * 200}</Subject>"
    variables = {"k": public_pem(rsa_key())}
    plain = await made(long, variables, keys=keys)
    small = await made(long + "<Compress>true</Compress>", variables, keys=keys)
    header, found = opened(small, RSAKey.import_key(private_pem(rsa_key())), "RSA-OAEP-256", "A128GCM")
    assert header["zip"] == "DEF"
    assert found["sub"] == ("ada " * 200).strip()
    assert len(small) < len(plain) - 500


async def test_critical_headers_need_not_be_in_the_header() -> None:
    keys = encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><Value ref="k"/></PublicKey>'
    token = await made("<CriticalHeaders>tenant</CriticalHeaders>", {"k": public_pem(rsa_key())}, keys=keys)
    assert json.loads(unb64(token.split(".")[0]))["crit"] == ["tenant"]


# ---- public keys from sets

SET = encryption("RSA-OAEP-256", "A128GCM") + "<PublicKey><JWKS {}/><Id>two</Id></PublicKey>"


async def test_key_of_a_set_is_chosen_by_id() -> None:
    keys = jwks(jwk(rsa_key(), "one"), jwk(rsa_key("other"), "two"))
    token = await made("", {"keys": keys}, keys=SET.format('ref="keys"'))
    header, _ = opened(token, RSAKey.import_key(private_pem(rsa_key("other"))), "RSA-OAEP-256", "A128GCM")
    assert header["kid"] == "two"


async def test_keys_are_fetched_from_an_address() -> None:
    network = Answers(response(body=jwks(jwk(rsa_key("other"), "two"))))
    step = compile_policy(policy(SET.format('uri="https://keys.example/jwks"')), egress=network)
    for _ in range(3):
        ctx = await run(step)
        assert read(ctx, "jwt.J.generated_jwt").count(".") == 4
    assert [(call.url, call.request.verb, call.purpose) for call in network.calls] == [
        ("https://keys.example/jwks", "GET", "keys")
    ]


# ---- faults

SHORT_RSA = RSA.format("")


@pytest.mark.parametrize(
    ("keys", "value", "code"),
    [
        (HS256, "31 bytes are not enough for this", ""),
        (HS256, "31 bytes are too few for HS 256", "InsufficientKeyLength"),
        (HS256.replace("256", "384"), SECRET[:48], ""),
        (HS256.replace("256", "384"), SECRET[:47], "SigningFailed"),
        (HS256.replace("256", "512"), SECRET[:63], "SigningFailed"),
        (HS256, "", "InvalidSecretKey"),
        (HS256.replace("<SecretKey", '<SecretKey encoding="hex"'), "xyz", "InvalidSecretKey"),
        (HS256.replace("<SecretKey", '<SecretKey encoding="base64"'), "*", "InvalidSecretKey"),
        (RSA.format(""), "no key", "InvalidPrivateKey"),
        (RSA.format(""), lambda: public_pem(rsa_key()), "InvalidPrivateKey"),
        (RSA.format(""), lambda: private_pem(rsa_key(), "password"), "InvalidPrivateKey"),
        (RSA.format(""), lambda: private_pem(rsa_key("short", 1024)), "InsufficientKeyLength"),
        (RSA.format(""), lambda: private_pem(ec_key()), "WrongKeyType"),
        (RSA.format("").replace("RS256", "ES256"), lambda: private_pem(rsa_key()), "WrongKeyType"),
        (RSA.format("").replace("RS256", "ES256"), lambda: private_pem(ec_key("P-384")), "InvalidCurve"),
        (
            encryption("A128KW", "A128GCM") + '<SecretKey><Value ref="private.key"/></SecretKey>',
            "not sixteen",
            "InvalidSecretKey",
        ),
        (
            encryption("PBES2-HS256+A128KW", "A128GCM")
            + '<PasswordKey><Value ref="private.key"/></PasswordKey>',
            "",
            "InvalidPasswordKey",
        ),
        (
            encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><Value ref="private.key"/></PublicKey>',
            "no key",
            "KeyParsingFailed",
        ),
        (
            encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><Certificate ref="private.key"/></PublicKey>',
            "no certificate",
            "KeyParsingFailed",
        ),
        (
            encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><Value ref="private.key"/></PublicKey>',
            lambda: public_pem(rsa_key("short", 1024)),
            "InvalidPublicKey",
        ),
        (
            encryption("ECDH-ES", "A128GCM") + '<PublicKey><Value ref="private.key"/></PublicKey>',
            lambda: public_pem(rsa_key()),
            "WrongKeyType",
        ),
        (SET.format('ref="private.key"'), "no json", "KeyParsingFailed"),
        (SET.format('ref="private.key"'), '{"keys":7}', "KeyParsingFailed"),
        (SET.format('ref="private.key"'), '{"keys":[]}', "NoMatchingPublicKey"),
        (SET.format('ref="private.key"'), lambda: jwks(jwk(ec_key(), "two")), "WrongKeyType"),
        (SET.format('ref="private.key"'), '{"keys":[{"kty":"RSA","kid":"two"}]}', "KeyParsingFailed"),
    ],
)
async def test_unfit_keys_are_faults(keys: str, value: Any, code: str) -> None:
    variables = {"private.key": value() if callable(value) else value}
    variables["private.k"] = variables["private.key"]
    if not code:
        await made("", variables, keys=keys)
        return
    fault = await refused("", variables, keys=keys)
    assert (fault.code, fault.name, fault.status) == (f"steps.jwt.{code}", code, 401)
    assert "policy(J)" in fault.text
    assert fault.variables["jwt.J.error"] == fault.text


@pytest.mark.parametrize(
    ("content", "variables", "code", "text"),
    [
        ('<ExpiresIn ref="v"/>', {"v": "soon"}, "GenerationFailed", "Generation failed: policy(J)"),
        ('<NotBefore ref="v"/>', {"v": "tomorrow"}, "GenerationFailed", "Generation failed: policy(J)"),
        (
            '<AdditionalClaims><Claim name="c" type="number" ref="v"/></AdditionalClaims>',
            {"v": "many"},
            "InvalidClaim",
            "Invalid Claim: policy(J) claim(c)",
        ),
        (
            '<AdditionalClaims><Claim name="c" type="boolean" ref="v"/></AdditionalClaims>',
            {"v": "maybe"},
            "InvalidClaim",
            "Invalid Claim: policy(J) claim(c)",
        ),
        (
            '<AdditionalClaims ref="v"/>',
            {"v": "[1]"},
            "InvalidJsonFormat",
            "Invalid JSON format: policy(J)",
        ),
        ('<Subject ref="v"/>', {"v": "\ud800"}, "GenerationFailed", "Generation failed: policy(J)"),
    ],
)
async def test_unfit_values_are_faults(content: str, variables: dict[str, Any], code: str, text: str) -> None:
    fault = await refused(content, variables)
    assert (fault.code, fault.text, fault.status) == (f"steps.jwt.{code}", text, 401)


async def test_algorithm_and_algorithms_together_deploy_and_fail() -> None:
    content = HS256 + encryption("dir", "A128GCM")
    assert [finding.name for finding in findings_of(policy(content))] == ["InvalidConfiguration"]
    fault = await fault_of(compile_policy(policy(content)))
    assert (fault.code, fault.status) == ("steps.jwt.InvalidConfiguration", 401)


async def test_address_without_keys_is_a_fault() -> None:
    for answer in (CallFailed("unreachable", "refused"), response(status=500), response(body="<html/>")):
        step = compile_policy(policy(SET.format('uri="http://keys.example"')), egress=Answers(answer))
        assert (await fault_of(step)).code == "steps.jwt.KeyParsingFailed"


async def test_what_nobody_foresaw_is_unknown_exception() -> None:
    def breaks(call: Any) -> Message:
        raise RuntimeError("no such thing")

    step = compile_policy(policy(SET.format('uri="http://keys.example"')), egress=Answers(breaks))
    assert (await fault_of(step)).code == "steps.jwt.UnknownException"


# ---- deploying

ES = '<Algorithm>ES256</Algorithm><PrivateKey><Value ref="private.k"/></PrivateKey>'


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (HS256, []),
        (ES, []),
        (HS256 + "<CustomClaims/>", []),
        (ES.replace("ES256", "ES999"), ["InvalidValueForElement"]),
        (encryption("RSA1_5", "A128GCM"), ["InvalidValueForElement"]),
        (encryption("dir", "A128"), ["InvalidValueForElement", "MissingConfigurationElement"]),
        ("", ["MissingConfigurationElement"]),
        ("<Type>Encrypted</Type>", ["MissingConfigurationElement"]),
        ("<Algorithm>HS256</Algorithm>", ["MissingConfigurationElement"]),
        ("<Algorithm>RS256</Algorithm>", ["MissingConfigurationElement"]),
        (HS256.replace("HS256", "RS256"), ["InvalidConfigurationForActionAndAlgorithm", "MissingConfigurationElement"]),
        (ES.replace("ES256", "HS256"), ["InvalidConfigurationForActionAndAlgorithm", "MissingConfigurationElement"]),
        ("<Algorithm>HS256</Algorithm><SecretKey/>", ["InvalidKeyConfiguration"]),
        ("<Algorithm>HS256</Algorithm><SecretKey><Value/></SecretKey>", ["EmptyElementForKeyConfiguration"]),
        ('<Algorithm>HS256</Algorithm><SecretKey><Value ref=""/></SecretKey>', ["EmptyElementForKeyConfiguration"]),
        ("<Algorithm>HS256</Algorithm><SecretKey><Value>s</Value></SecretKey>", ["InvalidSecretInConfig"]),
        ('<Algorithm>HS256</Algorithm><SecretKey><Value ref="s"/></SecretKey>', ["InvalidVariableNameForSecret"]),
        (
            '<Algorithm>RS256</Algorithm><PrivateKey><Value ref="private.k"/><Password>x</Password></PrivateKey>',
            ["InvalidSecretInConfig"],
        ),
        (encryption("RSA-OAEP-256", "A128GCM") + "<PublicKey/>", ["InvalidKeyConfiguration"]),
        (encryption("RSA-OAEP-256", "A128GCM") + "<PublicKey><Value/></PublicKey>", ["EmptyElementForKeyConfiguration"]),
        (
            encryption("RSA-OAEP-256", "A128GCM") + '<PublicKey><JWKS ref="k"/></PublicKey>',
            ["MissingConfigurationElement"],
        ),
        (HS256 + "<NotBefore>tomorrow</NotBefore>", ["InvalidTimeFormat"]),
        (HS256 + "<ExpiresIn>an hour</ExpiresIn>", ["InvalidTimeFormat"]),
        *(
            (HS256 + f'<AdditionalClaims><Claim name="{name}">x</Claim></AdditionalClaims>', ["InvalidNameForAdditionalClaim"])
            for name in ("kid", "iss", "sub", "aud", "iat", "exp", "nbf", "jti")
        ),
        *(
            (HS256 + f'<AdditionalHeaders><Claim name="{name}">x</Claim></AdditionalHeaders>', ["InvalidNameForAdditionalHeader"])
            for name in ("alg", "typ")
        ),
        (HS256 + "<AdditionalClaims><Claim>x</Claim></AdditionalClaims>", ["MissingNameForAdditionalClaim"]),
        (HS256 + '<AdditionalClaims><Claim name="c" type="date"/></AdditionalClaims>', ["InvalidTypeForAdditionalClaim"]),
        (HS256 + '<AdditionalClaims><Claim name="c" array="yes"/></AdditionalClaims>', ["InvalidValueOfArrayAttribute"]),
        (HS256 + '<AdditionalClaims><Claim name="c" type="number">x</Claim></AdditionalClaims>', ["InvalidValueForElement"]),
        (HS256 + "<AdditionalHeaders><Claim>x</Claim></AdditionalHeaders>", ["MissingNameForAdditionalHeader"]),
        (HS256 + '<AdditionalHeaders><Claim name="c" type="x"/></AdditionalHeaders>', ["InvalidTypeForAdditionalHeader"]),
    ],
)  # fmt: skip
def test_deploy_errors(content: str, errors: list[str]) -> None:
    assert sorted(deploy_errors(policy(content))) == errors


def test_errors_say_what_to_write() -> None:
    content = '<Algorithm>HS256</Algorithm><SecretKey><Value ref="s"/></SecretKey>'
    (finding,) = findings_of(policy(content))
    assert (
        finding.message == "J: <SecretKey/Value> takes its secret from s, which does not begin with private."
    )
    assert finding.cure == "Name it private.s, here and where it is set."
