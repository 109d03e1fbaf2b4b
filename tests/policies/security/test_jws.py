"""GenerateJWS, VerifyJWS and DecodeJWS: any payload, in the token or apart from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.kit import (
    Answers,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    read,
    request,
    response,
    run,
)
from tests.policies.security.tokens import (
    SECRET,
    b64,
    ec_key,
    genuine,
    jwk,
    jwks,
    private_pem,
    public_pem,
    raw,
    rsa_key,
    signature,
    token,
    unb64,
)

HS256 = '<Algorithm>HS256</Algorithm><SecretKey><Value ref="private.key"/></SecretKey>'
PAYLOAD = "<Payload>{order}, please</Payload>"
UNENCODED = '<AdditionalHeaders><Claim name="b64" type="boolean">false</Claim></AdditionalHeaders><CriticalHeaders>b64</CriticalHeaders>'


def making(content: str) -> str:
    return f'<GenerateJWS name="G">{content}</GenerateJWS>'


def checking(content: str, source: str = "<Source>token</Source>") -> str:
    return f'<VerifyJWS name="V">{source}{content}</VerifyJWS>'


def around(**variables: Any) -> MessageContext:
    return context(variables={"private.key": SECRET, "order": "tea", **variables})


async def made(content: str, **variables: Any) -> str:
    ctx = await run(compile_policy(making(content)), around(**variables))
    found = read(ctx, "jws.G.generated_jws")
    assert isinstance(found, str)
    return found


async def verified(text: str, content: str = HS256, **variables: Any) -> MessageContext:
    return await run(compile_policy(checking(content)), around(token=text, **variables))


async def refused(text: str | None, content: str = HS256, **variables: Any) -> Fault:
    return await fault_of(compile_policy(checking(content)), around(token=text, **variables))


# ---- making


@pytest.mark.parametrize("size", ["256", "384", "512"])
@pytest.mark.parametrize("family", ["HS", "RS", "PS", "ES"])
async def test_signature_is_genuine_and_verified(family: str, size: str) -> None:
    alg, curve = f"{family}{size}", {"256": "P-256", "384": "P-384", "512": "P-521"}[size]
    key: Any = {"HS": SECRET, "ES": None}.get(family, rsa_key()) or ec_key(curve)
    element = "SecretKey" if family == "HS" else "PrivateKey"
    keys = f'<Algorithm>{alg}</Algorithm><{element}><Value ref="private.k"/></{element}>'
    text = key if isinstance(key, str) else private_pem(key)

    made_token = await made(keys + PAYLOAD, **{"private.k": text})

    data, _, signed = made_token.rpartition(".")
    assert genuine(alg, key, data.encode(), unb64(signed))
    assert json.loads(unb64(data.split(".")[0])) == {"alg": alg}
    assert unb64(data.split(".")[1]) == b"tea, please"

    verification = (
        keys if family == "HS" else keys.replace("PrivateKey", "PublicKey").replace("private.k", "k")
    )
    public = {"private.k": text} if family == "HS" else {"k": public_pem(key)}
    ctx = await verified(made_token, verification, **public)
    assert read(ctx, "jws.V.valid") is True
    assert read(ctx, "jws.V.payload") == "tea, please"


async def test_detached_token_leaves_its_payload_out() -> None:
    whole = await made(HS256 + PAYLOAD)
    detached = await made(HS256 + PAYLOAD + "<DetachContent>true</DetachContent>")
    header, _, signed = whole.split(".")
    assert detached == f"{header}..{signed}"


async def test_payload_of_a_variable_is_a_template_too() -> None:
    whole = await made(HS256 + '<Payload ref="source"/>', source="{order} for two")
    assert unb64(whole.split(".")[1]) == b"tea for two"
    whole = await made(HS256 + '<Payload ref="source"/>', source='{"item": "{order}"}')
    assert unb64(whole.split(".")[1]) == b'{"item": "tea"}'


async def test_headers_come_from_the_policy() -> None:
    content = HS256.replace("</SecretKey>", "<Id>k1</Id></SecretKey>") + PAYLOAD
    content += '<AdditionalHeaders><Claim name="typ">JOSE</Claim><Claim name="n" type="number" ref="n"/></AdditionalHeaders>'
    whole = await made(content + "<CriticalHeaders>n</CriticalHeaders>", n="7")
    assert json.loads(unb64(whole.split(".")[0])) == {
        "alg": "HS256",
        "kid": "k1",
        "typ": "JOSE",
        "n": 7,
        "crit": ["n"],
    }


async def test_unencoded_payload_of_rfc_7797() -> None:
    key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    keys = HS256.replace("<SecretKey>", '<SecretKey encoding="base64url">')
    expected = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
    content = keys + UNENCODED + '<Payload ref="price"/><DetachContent>true</DetachContent>'
    assert await made(content, price="$.02", **{"private.key": key}) == expected

    ctx = await verified(
        expected, keys + "<DetachedContent>price</DetachedContent>", price="$.02", **{"private.key": key}
    )
    assert read(ctx, "jws.V.payload") == "$.02"
    fault = await refused(
        expected, keys + "<DetachedContent>price</DetachedContent>", price="$.03", **{"private.key": key}
    )
    assert fault.code == "steps.jws.InvalidJws"


async def test_unencoded_payload_may_stand_in_the_token_unless_it_has_a_dot() -> None:
    whole = await made(HS256 + UNENCODED + PAYLOAD)
    assert whole.split(".")[1] == "tea, please"
    assert read(await verified(whole), "jws.V.payload") == "tea, please"
    step = compile_policy(making(HS256 + UNENCODED + PAYLOAD))
    fault = await fault_of(step, around(order="3.50"))
    assert (fault.code, fault.status) == ("steps.jws.InvalidPayload", 401)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
async def test_any_payload_comes_back(payload: str) -> None:
    ctx = around(content=payload.replace("{", "("))
    await run(compile_policy(making(HS256 + '<Payload ref="content"/>')), ctx)
    ctx.variables["token"] = read(ctx, "jws.G.generated_jws")
    await run(compile_policy(checking(HS256)), ctx)
    assert read(ctx, "jws.V.payload") == payload.replace("{", "(")


RS256 = '<Algorithm>RS256</Algorithm><PrivateKey><Value ref="private.key"/></PrivateKey>'


@pytest.mark.parametrize(
    ("content", "variables", "code", "detail"),
    [
        (HS256 + PAYLOAD, {"private.key": SECRET[:31]}, "InsufficientKeyLength", ""),
        (HS256.replace("256", "384") + PAYLOAD, {"private.key": SECRET[:47]}, "SigningFailed", ""),
        (HS256.replace("256", "512") + PAYLOAD, {"private.key": SECRET[:63]}, "SigningFailed", ""),
        (HS256 + PAYLOAD, {"private.key": ""}, "InvalidSecretKey", ""),
        (HS256 + PAYLOAD, {"private.key": None}, "FailedToResolveVariable", "private.key"),
        (HS256 + PAYLOAD, {"order": None}, "FailedToResolveVariable", "order"),
        (HS256 + '<Payload ref="gone"/>', {}, "FailedToResolveVariable", "gone"),
        (HS256 + '<Payload ref="order"/>', {"order": ""}, "MissingPayload", ""),
        (
            HS256 + '<Payload ref="gone"/><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>',
            {},
            "MissingPayload",
            "",
        ),
        (HS256 + '<Payload ref="order"/>', {"order": "\ud800"}, "GenerationFailed", ""),
        (RS256 + PAYLOAD, {}, "InvalidPrivateKey", ""),
        (RS256 + PAYLOAD, {"private.key": private_pem(ec_key())}, "WrongKeyType", ""),
        (
            RS256.replace("RS256", "ES256") + PAYLOAD,
            {"private.key": private_pem(ec_key("P-384"))},
            "InvalidCurve",
            "",
        ),
        (
            HS256
            + PAYLOAD
            + '<AdditionalHeaders><Claim name="n" type="number" ref="order"/></AdditionalHeaders>',
            {},
            "InvalidClaim",
            "claim(n)",
        ),
        (HS256 + PAYLOAD + '<AdditionalHeaders ref="order"/>', {}, "InvalidJsonFormat", ""),
    ],
)
async def test_faults_of_making(content: str, variables: dict[str, Any], code: str, detail: str) -> None:
    fault = await fault_of(compile_policy(making(content)), around(**variables))
    assert (fault.code, fault.status) == (f"steps.jws.{code}", 401)
    assert "policy(G)" in fault.text
    assert detail in fault.text
    assert fault.variables == {"jws.G.error": fault.text}


# ---- verifying


async def test_forged_token_is_refused() -> None:
    fault = await refused(token("text", key="another secret that is long enough"))
    assert (fault.code, fault.text, fault.status) == (
        "steps.jws.InvalidJws",
        "Invalid JWS: policy(V)",
        401,
    )
    assert fault.variables == {"jws.V.error": "Invalid JWS: policy(V)", "jws.V.valid": False}


async def test_expired_claims_do_not_matter() -> None:
    ctx = await verified(token({"exp": 1, "nbf": 9**11}))
    assert json.loads(read(ctx, "jws.V.payload")) == {"exp": 1, "nbf": 9**11}


DETACHED = "<DetachedContent>what</DetachedContent>"


async def test_detached_payload_is_taken_from_its_variable() -> None:
    header, payload, signed = token("tea").split(".")
    detached = f"{header}..{signed}"
    ctx = await verified(detached, HS256 + DETACHED, what="tea")
    assert read(ctx, "jws.V.payload") == "tea"

    refusals = {
        "InvalidSignature": await refused(detached),
        "InvalidJws": await refused(detached, HS256 + DETACHED, what="coffee"),
        "MissingPayload": await refused(detached, HS256 + DETACHED, what=""),
        "FailedToResolveVariable": await refused(detached, HS256 + DETACHED),
        "ContentIsNotDetached": await refused(f"{header}.{payload}.{signed}", HS256 + DETACHED, what="tea"),
    }
    assert {name: fault.code for name, fault in refusals.items()} == {
        name: f"steps.jws.{name}" for name in refusals
    }


async def test_detached_payload_of_a_message_is_its_bytes() -> None:
    data = bytes(range(256))
    first = b64('{"alg":"HS256"}')
    signed = signature("HS256", SECRET, f"{first}.{b64(data)}".encode())
    step = compile_policy(checking(HS256 + "<DetachedContent>request</DetachedContent>"))
    ctx = context(
        request("POST", body=data), variables={"private.key": SECRET, "token": f"{first}..{b64(signed)}"}
    )
    await run(step, ctx)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "FailedToResolveVariable"),
        ("opaque", "FailedToDecode"),
        ("a.b", "FailedToDecode"),
        ("a.b.c.d.e", "InvalidJws"),
        (b64('{"alg":"dir"}') + ".a.b.c.d", "FailedToDecode"),
        ("Bearer " + token("x"), "InvalidJws"),
        (raw("[]"), "InvalidJsonFormat"),
        (raw("{}"), "NoAlgorithmFoundInHeader"),
        (raw('{"alg":"none"}', "x", ""), "AlgorithmMismatch"),
        (token("x", alg="HS512"), "AlgorithmMismatch"),
        (raw('{"alg":"HS256"}').replace(".e30.", ".!!."), "InvalidPayload"),
        (raw('{"alg":"HS256"}', signed="!"), "FailedToDecode"),
        (token("x", {"crit": ["exp"]}), "UnhandledCriticalHeader"),
    ],
)
async def test_malformed_tokens(text: str | None, code: str) -> None:
    fault = await refused(text)
    assert (fault.code, fault.status) == (f"steps.jws.{code}", 401)


PUBLIC = '<Algorithm>RS256</Algorithm><PublicKey><Value ref="k"/></PublicKey>'
SET = '<Algorithm>RS256,RS512</Algorithm><PublicKey><JWKS ref="k"/></PublicKey>'


@pytest.mark.parametrize(
    ("content", "header", "key", "code"),
    [
        (PUBLIC, {}, lambda: public_pem(rsa_key()), ""),
        (PUBLIC, {}, lambda: "no key", "KeyParsingFailed"),
        (PUBLIC, {}, lambda: public_pem(ec_key()), "WrongKeyType"),
        (SET, {"kid": "one"}, lambda: jwks(jwk(rsa_key(), "one")), ""),
        (SET, {}, lambda: jwks(jwk(rsa_key(), "one")), ""),
        (SET, {}, lambda: jwks(jwk(rsa_key(), "one"), jwk(ec_key(), "two")), "KeyIdMissing"),
        (SET, {"kid": "two"}, lambda: jwks(jwk(rsa_key(), "one")), "NoMatchingPublicKey"),
        (
            SET.replace("RS256", "RS384"),
            {"kid": "one"},
            lambda: "",
            "AlgorithmInTokenNotPresentInConfiguration",
        ),
        (
            PUBLIC + "<KnownHeaders>http://bank/iat, b</KnownHeaders>",
            {"crit": ["b64", "http://bank/iat"], "b64": True, "http://bank/iat": 7},
            lambda: public_pem(rsa_key()),
            "",
        ),
        (
            PUBLIC + "<IgnoreCriticalHeaders>true</IgnoreCriticalHeaders>",
            {"crit": ["x"]},
            lambda: public_pem(rsa_key()),
            "",
        ),
        (
            PUBLIC + '<AdditionalHeaders><Claim name="typ">JOSE</Claim></AdditionalHeaders>',
            {"typ": "JOSE"},
            lambda: public_pem(rsa_key()),
            "",
        ),
        (
            PUBLIC + '<AdditionalHeaders><Claim name="typ">JOSE</Claim></AdditionalHeaders>',
            {},
            lambda: public_pem(rsa_key()),
            "InvalidClaim",
        ),
    ],
)
async def test_keys_and_headers(content: str, header: dict[str, Any], key: Any, code: str) -> None:
    text = token("x", header, alg="RS256", key=rsa_key())
    if code:
        assert (await refused(text, content, k=key())).code == f"steps.jws.{code}"
    else:
        await verified(text, content, k=key())


async def test_short_secret_cannot_verify() -> None:
    fault = await refused(token("x", key=SECRET[:20]), **{"private.key": SECRET[:20]})
    assert fault.code == "steps.jws.InsufficientKeyLength"


async def test_keys_are_fetched_once() -> None:
    network = Answers(response(body=jwks(jwk(rsa_key(), "one"))))
    content = '<Algorithm>RS256</Algorithm><PublicKey><JWKS uri="https://bank.test/keys"/></PublicKey>'
    step = compile_policy(checking(content), egress=network)
    for _ in range(2):
        await run(step, around(token=token("x", {"kid": "one"}, alg="RS256", key=rsa_key())))
    assert [call.url for call in network.calls] == ["https://bank.test/keys"]


async def test_header_variables() -> None:
    ctx = await verified(token("x", {"kid": "k", "list": [1, "a"]}))
    expected = {
        "header.algorithm": "HS256",
        "header.kid": "k",
        "header.type": "JWT",
        "header.list": [1, "a"],
        "decoded.header.list": '[1,"a"]',
        "header-json": '{"alg": "HS256", "typ": "JWT", "kid": "k", "list": [1, "a"]}',
    }
    assert {name: read(ctx, f"jws.V.{name}") for name in expected} == expected


async def test_bearer_token_is_the_default_source() -> None:
    step = compile_policy(checking(HS256, source=""))
    message = request(headers={"Authorization": f"Bearer {token('x')}"})
    await run(step, context(message, variables={"private.key": SECRET}))
    fault = await fault_of(step, context(request(headers={"Authorization": token("x")})))
    assert fault.code == "steps.jws.InvalidJws"


# ---- decoding

DECODE = '<DecodeJWS name="D"><Source>token</Source></DecodeJWS>'


async def test_decoding_shows_header_and_payload_of_any_token() -> None:
    ctx = await run(compile_policy(DECODE), context(variables={"token": token("tea", key="whatever")}))
    assert read(ctx, "jws.D.payload") == "tea"
    assert read(ctx, "jws.D.header.algorithm") == "HS256"
    assert read(ctx, "jws.D.valid") is None


async def test_payload_of_a_detached_token_is_not_there() -> None:
    text = raw('{"alg":"HS256"}', "")
    ctx = await run(compile_policy(DECODE), context(variables={"token": text}))
    assert read(ctx, "jws.D.payload") is None
    assert read(ctx, "jws.D.header-json") == '{"alg":"HS256"}'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "FailedToResolveVariable"),
        ("opaque", "FailedToDecode"),
        ("a.b.c.d.e", "FailedToDecode"),
        (raw("no json"), "FailedToDecode"),
        (raw("{}").replace(".e30.", ".!."), "FailedToDecode"),
    ],
)
async def test_faults_of_decoding(text: str | None, code: str) -> None:
    fault = await fault_of(compile_policy(DECODE), context(variables={"token": text}))
    assert (fault.code, fault.status) == (f"steps.jws.{code}", 401)


# ---- over HTTP


async def test_signed_answer_can_be_verified_by_another_proxy(tmp_path: Path) -> None:
    key = f"""<AssignMessage name="key"><AssignVariable><Name>private.key</Name><Value>{SECRET}</Value>
      </AssignVariable></AssignMessage>"""
    sign = making(
        HS256
        + '<Payload ref="response.content"/><DetachContent>true</DetachContent>'
        + "<OutputVariable>response.header.x-jws</OutputVariable>"
    )
    check = checking(
        HS256 + "<DetachedContent>request.content</DetachedContent>",
        source="<Source>request.header.x-jws</Source>",
    )
    signer = write_bundle(
        tmp_path,
        "signer",
        {
            "proxies/default.xml": proxy("/sign", response=steps("key", "G")),
            "targets/default.xml": target(),
            "policies/key.xml": key,
            "policies/G.xml": sign,
        },
    )
    checker = write_bundle(
        tmp_path,
        "checker",
        {
            "proxies/default.xml": proxy("/check", request=steps("key", "V")),
            "targets/default.xml": target(),
            "policies/key.xml": key,
            "policies/V.xml": check,
        },
    )
    async with house(signer, checker) as gateway:
        answer = await gateway.get("/sign")
        headers = {"X-Jws": answer.headers["X-Jws"]}
        good = await gateway.call("POST", "/check", data=answer.body, headers=headers)
        bad = await gateway.call("POST", "/check", data=answer.body + b" ", headers=headers)

    assert good.status == 200
    assert (bad.status, bad.fault()) == (401, ("steps.jws.InvalidJws", "Invalid JWS: policy(V)"))


# ---- deploying


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (making(HS256 + PAYLOAD), []),
        (making(RS256 + PAYLOAD), []),
        (making(HS256), ["MissingConfigurationElement"]),
        (making(HS256 + "<Payload/>"), ["MissingConfigurationElement"]),
        (making(PAYLOAD), ["MissingConfigurationElement"]),
        (making(HS256.replace("HS256", "HS1") + PAYLOAD), ["InvalidAlgorithm"]),
        (
            making(HS256.replace("HS256", "RS256") + PAYLOAD),
            ["InvalidConfigurationForActionAndAlgorithmFamily", "MissingConfigurationElement"],
        ),
        (making(HS256.replace("private.key", "key") + PAYLOAD), ["InvalidVariableNameForSecret"]),
        (making("<Algorithm>HS256</Algorithm><SecretKey/>" + PAYLOAD), ["InvalidKeyConfiguration"]),
        (
            making(HS256 + PAYLOAD + '<AdditionalHeaders><Claim name="alg">x</Claim></AdditionalHeaders>'),
            ["InvalidNameForAdditionalHeader"],
        ),
        (checking(HS256), []),
        (checking(PUBLIC), []),
        (checking(HS256, source="<Source/>"), ["InvalidEmptyElement"]),
        (checking(PUBLIC.replace("RS256", "RS256,PS256")), ["InvalidFamiliesForAlgorithm"]),
        (checking(PUBLIC.replace("RS256", "RS")), ["InvalidAlgorithm"]),
        (checking("<Algorithm>RS256</Algorithm>"), ["MissingConfigurationElement"]),
        (
            checking(PUBLIC + '<PrivateKey><Value ref="private.k"/></PrivateKey>'),
            ["InvalidConfigurationForVerify"],
        ),
        (checking(""), ["MissingConfigurationElement"]),
        (DECODE, []),
        (DECODE.replace("token", ""), ["InvalidEmptyElement"]),
    ],
)
def test_deploy_errors(text: str, errors: list[str]) -> None:
    assert sorted(deploy_errors(text)) == errors
