"""OAuthV1 and GetOAuthV1Info: the three-legged dance, signed with HMAC-SHA1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest
from apiproxy_policies.security.oauth.signature import base_string, sign

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
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
from tests.policies.security.oauthkit import FORM, NOW, oauth_services


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest) -> Services:
    return oauth_services(store=request.param(FrozenWorld(now=NOW)))


def policy(operation: str, body: str = "") -> str:
    return f'<OAuthV1 name="O"><Operation>{operation}</Operation>{body}</OAuthV1>'


URL = "http://api.example/t"


def signed(
    token: str = "",
    secret: str = "",
    *,
    nonce: str = "n",
    change: Mapping[str, str] | None = None,
    **more: str,
) -> MessageContext:
    """A request signed by the client `k`; `change` is applied after signing."""
    protocol = {
        "oauth_consumer_key": "k",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(NOW)),
        "oauth_nonce": nonce,
        "oauth_version": "1.0",
        **({"oauth_token": token} if token else {}),
        **more,
    }
    pairs = [*protocol.items(), ("q", "1 &é")]
    protocol["oauth_signature"] = sign(base_string("GET", URL, pairs), "s", secret)
    protocol |= change or {}
    header = ", ".join(f'{name}="{quote(value, safe="~")}"' for name, value in protocol.items() if value)
    headers = {"Host": "api.example", "Authorization": f'OAuth realm="x", {header}'}
    ctx = context(request=request("GET", "/t", urlencode({"q": "1 &é"}), headers))
    ctx.path_suffix = "/"
    return ctx


def test_base_string_of_the_specifications_example() -> None:
    """RFC 5849 section 3.4.1.1."""
    pairs = [
        ("b5", "=%3D"),
        ("a3", "a"),
        ("c@", ""),
        ("a2", "r b"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ]
    assert base_string("POST", "http://EXAMPLE.COM:80/request", pairs) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540"
        "%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method"
        "%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


def test_signature_of_the_older_specifications_example() -> None:
    """OAuth Core 1.0a, appendix A.5."""
    pairs = [
        ("file", "vacation.jpg"),
        ("size", "original"),
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_token", "nnch734d00sl2jdk"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1191242096"),
        ("oauth_nonce", "kllo9940pd9333jh"),
        ("oauth_version", "1.0"),
    ]
    base = base_string("GET", "http://photos.example.net/photos", pairs)
    assert sign(base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00") == "tR3+Ty81lMeYAr/Fid0kMTYa/WM="


async def dance(using: Services) -> dict[str, str]:
    """The access token that comes of request token, agreement and exchange."""
    response = "<GenerateResponse enabled='true'><Format>FORM_PARAM</Format></GenerateResponse>"
    ctx = await run(
        compile_policy(policy("GenerateRequestToken", response), using=using),
        signed(nonce="1", oauth_callback="oob"),
    )
    assert ctx.response is not None
    asked = {name: value[0] for name, value in parse_qs(ctx.response.content).items()}
    assert asked["oauth_callback_confirmed"] == "true"
    agree = context(
        request=request(
            "POST", body=urlencode({"oauth_token": asked["oauth_token"], "app_user_id": "bob"}), type=FORM
        )
    )
    await run(compile_policy(policy("GenerateVerifier"), using=using), agree)
    verifier = read(agree, "oauthv1verifier.O.oauth_verifier")
    ctx = await run(
        compile_policy(policy("GenerateAccessToken", response), using=using),
        signed(asked["oauth_token"], asked["oauth_token_secret"], nonce="2", oauth_verifier=verifier),
    )
    assert ctx.response is not None
    got = {name: value[0] for name, value in parse_qs(ctx.response.content).items()}
    return {"request": asked["oauth_token"], "token": got["oauth_token"], "secret": got["oauth_token_secret"]}


async def test_three_legs_lead_to_a_verified_call(using: Services) -> None:
    made = await dance(using)
    ctx = signed(made["token"], made["secret"], nonce="3")
    await run(compile_policy(policy("VerifyAccessToken"), using=using), ctx)
    expected = {
        "client_id": "k",
        "developer.email": "ada@example.com",
        "apiproduct.name": "gold",
        "access_token": made["token"],
        "app_enduser": "bob",
    }
    assert {name: read(ctx, name) for name in expected} == expected


async def test_request_token_serves_once(using: Services) -> None:
    made = await dance(using)
    step = compile_policy(policy("GenerateAccessToken"), using=using)
    fault = await fault_of(step, signed(made["request"], nonce="9", oauth_verifier="x"))
    assert (fault.code, fault.status) == ("oauth.v1.token_rejected", 401)


async def test_nonce_serves_once(using: Services) -> None:
    made = await dance(using)
    step = compile_policy(policy("VerifyAccessToken"), using=using)
    await run(step, signed(made["token"], made["secret"], nonce="3"))
    fault = await fault_of(step, signed(made["token"], made["secret"], nonce="3"))
    assert fault.code == "oauth.v1.nonce_used"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"oauth_signature": "AAAA"}, "signature_invalid"),
        ({"oauth_nonce": "other"}, "signature_invalid"),
        ({"oauth_signature": ""}, "parameter_absent"),
        ({"oauth_nonce": ""}, "parameter_absent"),
        ({"oauth_consumer_key": "nobody"}, "consumer_key_unknown"),
        ({"oauth_signature_method": "PLAINTEXT"}, "signature_method_rejected"),
    ],
)
async def test_request_that_is_not_signed_well(change: dict[str, str], name: str) -> None:
    step = compile_policy(policy("GenerateRequestToken"), using=oauth_services())
    fault = await fault_of(step, signed(change=change))
    assert (fault.name, fault.status, fault.variables["oauthV1.O.fault.name"]) == (name, 401, name)


@pytest.mark.parametrize("timestamp", ["999000", "1001000", "soon"])
async def test_timestamp_must_be_of_now(timestamp: str) -> None:
    step = compile_policy(policy("GenerateRequestToken"), using=oauth_services())
    assert (await fault_of(step, signed(oauth_timestamp=timestamp))).name == "timestamp_refused"


async def test_public_url_takes_the_place_of_the_called_one() -> None:
    step = compile_policy(policy("GenerateRequestToken", '<URL ref="public"/>'), using=oauth_services())
    ctx = signed()
    ctx.request.headers.set("Host", "internal:8080")
    ctx.variables["public"] = URL
    assert read(await run(step, ctx), "oauthv1requesttoken.O.oauth_token")
    ctx = signed(nonce="2")
    ctx.request.headers.set("Host", "internal:8080")
    assert (await fault_of(step, ctx)).name == "signature_invalid"


async def test_wrong_verifier(using: Services) -> None:
    ctx = await run(compile_policy(policy("GenerateRequestToken"), using=using), signed())
    token, secret = (read(ctx, f"oauthv1requesttoken.O.oauth_token{end}") for end in ("", "_secret"))
    step = compile_policy(policy("GenerateAccessToken"), using=using)
    fault = await fault_of(step, signed(token, secret, nonce="2", oauth_verifier="guess"))
    assert fault.name == "verifier_invalid"
    fault = await fault_of(step, signed(token, secret, nonce="3"))
    assert fault.text == "Required parameter oauth_verifier is missing"


async def test_xml_response_and_problem_body() -> None:
    body = (
        "<GenerateResponse><Format>XML</Format></GenerateResponse>"
        "<GenerateErrorResponse><Format>XML</Format><Realm>shop</Realm></GenerateErrorResponse>"
    )
    step = compile_policy(policy("GenerateRequestToken", body), using=oauth_services())
    ctx = await run(step, signed())
    assert ctx.response is not None
    assert ctx.response.content_type() == "application/xml"
    assert ctx.response.xml().findtext("oauth_callback_confirmed") == "true"
    fault = await fault_of(step, signed(change={"oauth_signature": "x"}))
    assert fault.message is not None
    assert fault.message.xml().findtext("oauth_problem") == "signature_invalid"
    challenge = fault.message.headers.get("WWW-Authenticate")
    assert challenge == 'OAuth realm="shop",oauth_problem="signature_invalid"'


def test_operation_is_needed() -> None:
    assert deploy_errors('<OAuthV1 name="O"/>') == ["OperationRequired"]
    policy_, _ = load(policy("VerifyAccessToken"))
    assert deploy_errors(type(policy_).example) == []


# ---- GetOAuthV1Info


def info(body: str) -> str:
    return f'<GetOAuthV1Info name="I">{body}</GetOAuthV1Info>'


async def test_profiles(using: Services) -> None:
    made = await dance(using)
    ctx = context(variables={"the.token": made["token"], "the.key": "k"})
    await run(compile_policy(info('<AccessToken ref="the.token"/>'), using=using), ctx)
    await run(compile_policy(info('<ConsumerKey ref="the.key"/>'), using=using), ctx)
    expected: dict[str, Any] = {
        "oauthv1accesstoken.I.access_token": made["token"],
        "oauthv1accesstoken.I.client_id": "k",
        "oauthv1accesstoken.I.app_enduser": "bob",
        "oauthv1client.I.client_secret": "s",
        "oauthv1client.I.developer.email": "ada@example.com",
    }
    assert {name: read(ctx, name) for name in expected} == expected


async def test_profile_of_a_request_token_and_its_verifier(using: Services) -> None:
    ctx = await run(compile_policy(policy("GenerateRequestToken"), using=using), signed())
    ctx.variables["the.token"] = read(ctx, "oauthv1requesttoken.O.oauth_token")
    agree = policy("GenerateVerifier", '<RequestToken ref="the.token"/><VerifierCode>v1</VerifierCode>')
    await run(compile_policy(agree, using=using), ctx)
    await run(compile_policy(info('<RequestToken ref="the.token"/>'), using=using), ctx)
    await run(compile_policy(info("<Verifier>v1</Verifier>"), using=using), ctx)
    assert read(ctx, "oauthv1requesttoken.I.verifier") == "v1"
    assert read(ctx, "oauthv1verifier.I.request_token") == read(ctx, "the.token")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<AccessToken>x</AccessToken>", "oauth.v1.token_rejected"),
        ("<ConsumerKey>x</ConsumerKey>", "oauth.v1.consumer_key_unknown"),
    ],
)
async def test_unknown_values(body: str, code: str) -> None:
    fault = await fault_of(compile_policy(info(body), using=oauth_services()))
    assert (fault.code, fault.status) == (code, 401)


def test_exactly_one_element_is_needed() -> None:
    assert deploy_errors(info("")) == ["InvalidParameter"]
    assert deploy_errors(info("<ConsumerKey>a</ConsumerKey><AccessToken>b</AccessToken>")) == [
        "InvalidParameter"
    ]


# ---- DeleteOAuthV1Info


def forget(body: str) -> str:
    return f'<DeleteOAuthV1Info name="D">{body}</DeleteOAuthV1Info>'


@pytest.mark.parametrize(
    "body", ["", "<AccessToken>a</AccessToken><RequestToken>b</RequestToken>"], ids=["none", "two"]
)
def test_exactly_one_is_deleted(body: str) -> None:
    assert deploy_errors(forget(body)) == ["InvalidParameter"]
    assert deploy_errors(forget('<Verifier ref="a"/>')) == []


async def test_a_deleted_token_is_as_if_it_had_never_been(using: Services) -> None:
    made = await dance(using)
    ctx = context(variables={"the.token": made["token"]})
    wrong_kind = compile_policy(forget('<RequestToken ref="the.token"/>'), using=using)
    assert (await fault_of(wrong_kind, ctx)).code == "oauth.v1.token_rejected"
    await run(compile_policy(forget('<AccessToken ref="the.token"/>'), using=using), ctx)
    profile = compile_policy(info('<AccessToken ref="the.token"/>'), using=using)
    assert (await fault_of(profile, ctx)).code == "oauth.v1.token_rejected"
    again = compile_policy(forget('<AccessToken ref="the.token"/>'), using=using)
    assert (await fault_of(again, ctx)).code == "oauth.v1.token_rejected"


async def test_a_deleted_verifier_serves_nobody(using: Services) -> None:
    ctx = await run(compile_policy(policy("GenerateRequestToken"), using=using), signed())
    ctx.variables["the.token"] = read(ctx, "oauthv1requesttoken.O.oauth_token")
    agree = policy("GenerateVerifier", '<RequestToken ref="the.token"/><VerifierCode>v1</VerifierCode>')
    await run(compile_policy(agree, using=using), ctx)
    await run(compile_policy(forget("<Verifier>v1</Verifier>"), using=using), ctx)
    found = compile_policy(info("<Verifier>v1</Verifier>"), using=using)
    assert (await fault_of(found, ctx)).code == "oauth.v1.token_rejected"
