"""DecodeJWT: shows what is in a token, whoever signed it and whenever it was meant to be used."""

from __future__ import annotations

import pytest

from apiproxy_runtime.world import FrozenWorld
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, read, request, run
from tests.policies.security.tokens import NOW, b64, raw, token

DECODE = '<DecodeJWT name="D"><Source>token</Source></DecodeJWT>'


async def test_forged_and_expired_token_is_shown() -> None:
    text = token({"sub": "ada", "exp": NOW - 1, "aud": ["a", "b"], "roles": [{"n": 1}]}, key="whatever")
    ctx = await run(compile_policy(DECODE, world=FrozenWorld(NOW)), context(variables={"token": text}))
    assert read(ctx, "jwt.D.claim.subject") == "ada"
    assert read(ctx, "jwt.D.claim.audience") == ["a", "b"]
    assert read(ctx, "jwt.D.claim.roles") == ["{n=1}"]
    assert read(ctx, "jwt.D.decoded.claim.roles") == '[{"n":1}]'
    assert read(ctx, "jwt.D.claim.expiry") == (NOW - 1) * 1000
    assert read(ctx, "jwt.D.decoded.claim.exp") == NOW - 1
    assert read(ctx, "jwt.D.is_expired") is True
    assert read(ctx, "jwt.D.seconds_remaining") == -1
    assert read(ctx, "jwt.D.valid") is None


async def test_unsigned_token_is_shown() -> None:
    text = raw('{"alg":"none"}', '{"sub":"ada"}', "")
    ctx = await run(compile_policy(DECODE), context(variables={"token": text}))
    assert read(ctx, "jwt.D.claim.sub") == "ada"
    assert read(ctx, "jwt.D.is_expired") is False
    assert read(ctx, "jwt.D.seconds_remaining") is None


async def test_only_the_header_of_an_encrypted_token_is_shown() -> None:
    text = b64('{"alg":"dir","enc":"A128GCM","kid":"k"}') + "..AAAA.AAAA.AAAA"
    ctx = await run(compile_policy(DECODE), context(variables={"token": text}))
    assert read(ctx, "jwt.D.header.algorithm") == "dir"
    assert read(ctx, "jwt.D.header.kid") == "k"
    assert read(ctx, "jwt.D.header.enc") == "A128GCM"
    assert read(ctx, "jwt.D.payload-json") is None


@pytest.mark.parametrize("source", ["", "<Source>request.header.authorization</Source>"])
@pytest.mark.parametrize("header", ["Bearer {}", '"Bearer {}"'])
async def test_bearer_and_quotes_are_cut_off_from_the_authorization_header(source: str, header: str) -> None:
    step = compile_policy(f'<DecodeJWT name="D">{source}</DecodeJWT>')
    ctx = await run(step, context(request(headers={"Authorization": header.format(token({"sub": "ada"}))})))
    assert read(ctx, "jwt.D.claim.sub") == "ada"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "Bearer " + token({}),
        raw("[]"),
        raw("{}", "[]"),
        raw("{}").replace("e30.", "=.", 1),
        raw('{"a":' * 9999),
    ],
)
async def test_what_is_no_token_cannot_be_decoded(text: str) -> None:
    ctx = context(variables={"token": text})
    fault = await fault_of(compile_policy(DECODE), ctx)
    assert (fault.code, fault.status) == ("steps.jwt.FailedToDecode", 401)
    assert fault.text == "Failed to Decode Token: policy(D)"
    assert fault.variables == {"jwt.D.error": fault.text}


async def test_missing_variable_is_a_fault() -> None:
    fault = await fault_of(compile_policy(DECODE))
    assert fault.code == "steps.jwt.FailedToResolveVariable"
    assert fault.text == "Failed to Resolve Variable : policy(D) variable(token)"


async def test_header_without_bearer_token_is_invalid() -> None:
    step = compile_policy('<DecodeJWT name="D"/>')
    fault = await fault_of(step, context(request(headers={"Authorization": "Basic YTpi"})))
    assert (fault.code, fault.text) == ("steps.jwt.InvalidToken", "Invalid token: policy(D)")


def test_empty_source_is_refused_at_deploy_time() -> None:
    assert deploy_errors('<DecodeJWT name="D"><Source/></DecodeJWT>') == ["InvalidEmptyElement"]
