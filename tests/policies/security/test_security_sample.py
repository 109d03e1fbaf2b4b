"""The sample bundle of keys and tokens, over HTTP: each policy in a flow of its own."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from apiproxy_policies.security.oauth.signature import base_string, sign

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import read_test_data
from tests.house import House, Reply, house

SAMPLE = Path(__file__).resolve().parents[3] / "samples/policies/security"
BASE = "/samples/security"
CALLBACK = "https://app.example/callback"
CLIENT = {"Authorization": "Basic " + base64.b64encode(b"sample-key:sample-secret").decode()}


@pytest.fixture
async def gateway() -> AsyncIterator[House]:
    findings = Findings()
    data = read_test_data(SAMPLE, findings)
    assert findings.items == []
    async with house(SAMPLE / "apiproxy", test_data=data) as running:
        yield running


async def token(gateway: House, path: str = "/token", **fields: str) -> dict[str, Any]:
    asked = {"grant_type": "client_credentials", **fields}
    reply = await gateway.call("POST", BASE + path, data=asked, headers=CLIENT)
    assert reply.status == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def with_token(gateway: House, verb: str, path: str, value: str, **options: Any) -> Reply:
    return await gateway.call(verb, BASE + path, headers={"Authorization": f"Bearer {value}"}, **options)


async def test_key(gateway: House) -> None:
    reply = await gateway.get(f"{BASE}/key?apikey=sample-key")
    assert reply.json() == {
        "client": "sample-key",
        "app": "sample-app",
        "developer": "ada@example.com",
        "product": "sample-product",
        "tier": "",
    }
    reply = await gateway.get(f"{BASE}/key")
    assert (reply.status, reply.fault()[0]) == (401, "steps.oauth.v2.FailedToResolveAPIKey")
    assert "WWW-Authenticate" not in reply.headers
    reply = await gateway.get(f"{BASE}/key?apikey=nobody")
    assert (reply.status, reply.fault()) == (401, ("oauth.v2.InvalidApiKey", "Invalid ApiKey"))
    reply = await gateway.get(f"{BASE}/key?apikey=sample-paid-key")
    assert reply.fault()[0] == "oauth.v2.InvalidApiKeyForGivenResource"


async def test_profile_of_the_app(gateway: House) -> None:
    reply = await gateway.get(f"{BASE}/profile?apikey=sample-key")
    assert len(reply.json()["id"]) == 36


async def test_paid_product_needs_a_subscription(gateway: House) -> None:
    assert (await gateway.get(f"{BASE}/paid?apikey=sample-key")).status == 200
    reply = await gateway.get(f"{BASE}/paid?apikey=sample-paid-key")
    assert (reply.status, reply.json()) == (
        403,
        {"error": "mint.service.subscription_not_found_for_developer"},
    )


async def test_client_credentials_token(gateway: House) -> None:
    made = await token(gateway, scope="read", tier="gold")
    assert (made["token_type"], made["scope"], made["tier"]) == ("Bearer", "read", "gold")
    assert "refresh_token" not in made
    reply = await with_token(gateway, "GET", "/protected", made["access_token"])
    assert (reply.json()["client"], reply.json()["tier"]) == ("sample-key", "gold")


async def test_refused_tokens(gateway: House) -> None:
    reply = await gateway.get(f"{BASE}/protected")
    assert (reply.status, reply.fault()) == (401, ("oauth.v2.InvalidAccessToken", "Invalid access token"))
    reply = await with_token(gateway, "GET", "/protected", "nobody")
    assert reply.fault() == ("keymanagement.service.invalid_access_token", "Invalid Access Token")
    assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="null",error="invalid_token"')
    made = await token(gateway, scope="write")
    reply = await with_token(gateway, "GET", "/protected", made["access_token"])
    assert (reply.status, reply.fault()) == (
        403,
        ("steps.oauth.v2.InsufficientScope", "Required scope(s): [read]"),
    )


async def test_refused_token_requests(gateway: House) -> None:
    reply = await gateway.call("POST", f"{BASE}/token", data={"grant_type": "client_credentials"})
    assert (reply.status, reply.json()["error"]) == (401, "invalid_client")
    reply = await gateway.call(
        "POST", f"{BASE}/refresh", data={"grant_type": "refresh_token"}, headers=CLIENT
    )
    assert (reply.status, reply.text) == (
        400,
        '{"ErrorCode" : "invalid_request", "Error" :"Required param : refresh_token"}',
    )


async def test_password_grant_and_refresh(gateway: House) -> None:
    made = await token(gateway, grant_type="password", username="bob", password="x")
    fields = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"]}
    reply = await gateway.call("POST", f"{BASE}/refresh", data=fields, headers=CLIENT)
    renewed = reply.json()
    assert (renewed["refresh_count"], renewed["token_type"]) == ("1", "BearerToken")
    assert (await with_token(gateway, "GET", "/protected", renewed["access_token"])).status == 200
    assert (await with_token(gateway, "GET", "/protected", made["access_token"])).status == 401


async def test_authorization_code_grant(gateway: House) -> None:
    query = {"client_id": "sample-key", "response_type": "code", "redirect_uri": CALLBACK, "state": "s"}
    reply = await gateway.get(f"{BASE}/authorize", params=query)
    assert reply.status == 302
    location = urlsplit(reply.headers["Location"])
    found = parse_qs(location.query)
    assert (location.hostname, found["state"]) == ("app.example", ["s"])
    fields = {"grant_type": "authorization_code", "code": found["code"][0], "redirect_uri": CALLBACK}
    assert "refresh_token" in await token(gateway, **fields)
    reply = await gateway.call("POST", f"{BASE}/token", data=fields, headers=CLIENT)
    assert (reply.status, reply.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid Authorization Code"},
    )


async def test_implicit_grant(gateway: House) -> None:
    query = {"client_id": "sample-key", "response_type": "token"}
    reply = await gateway.get(f"{BASE}/implicit", params=query)
    found = parse_qs(urlsplit(reply.headers["Location"]).fragment)
    assert (await with_token(gateway, "GET", "/protected", found["access_token"][0])).status == 200


async def test_information_and_change(gateway: House) -> None:
    made = await token(gateway)
    reply = await with_token(gateway, "GET", "/info", made["access_token"])
    assert reply.json() == {"scope": "read write", "status": "approved", "tier": "basic"}
    reply = await with_token(gateway, "POST", "/tier", made["access_token"], data={"tier": "gold"})
    assert reply.json()["tier"] == "gold"
    assert (await with_token(gateway, "GET", "/info", made["access_token"])).json()["tier"] == "gold"


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ("/revoke", "token", "keymanagement.service.access_token_not_approved"),
        ("/revoke-user", "user", "keymanagement.service.access_token_not_approved"),
        ("/forget", "token", "keymanagement.service.invalid_access_token"),
    ],
)
async def test_tokens_that_are_taken_back(gateway: House, path: str, field: str, code: str) -> None:
    made = await token(gateway, grant_type="password", username="bob", password="x")
    assert (await with_token(gateway, "GET", "/protected", made["access_token"])).status == 200
    fields = {field: "bob" if field == "user" else made["access_token"]}
    assert (await gateway.call("POST", BASE + path, data=fields)).json() == {"done": True}
    reply = await with_token(gateway, "GET", "/protected", made["access_token"])
    assert (reply.status, reply.fault()[0]) == (401, code)


async def test_signed_token(gateway: House) -> None:
    made = await token(gateway, "/jwt/token")
    assert made["access_token"].count(".") == 2
    reply = await with_token(gateway, "GET", "/jwt/protected", made["access_token"])
    assert reply.json()["product"] == "sample-product"
    reply = await with_token(gateway, "GET", "/jwt/protected", made["access_token"][:-4] + "AAAA")
    assert (reply.status, reply.fault()[0]) == (401, "steps.oauth.v2.JWTSignatureMismatch")


class Signer:
    """An OAuth 1.0a client."""

    def __init__(self, gateway: House) -> None:
        self.gateway = gateway
        self.nonce = 0

    async def get(self, path: str, token: str = "", secret: str = "", **more: str) -> Reply:
        self.nonce += 1
        protocol = {
            "oauth_consumer_key": "sample-key",
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(int(time.time())),
            "oauth_nonce": str(self.nonce),
            **({"oauth_token": token} if token else {}),
            **more,
        }
        base = base_string("GET", self.gateway.url + BASE + path, list(protocol.items()))
        protocol["oauth_signature"] = sign(base, "sample-secret", secret)
        header = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in protocol.items())
        return await self.gateway.get(BASE + path, headers={"Authorization": f"OAuth {header}"})


def form_of(reply: Reply) -> dict[str, str]:
    assert reply.status == 200, reply.text
    return {name: values[0] for name, values in parse_qs(reply.text).items()}


async def test_oauth_1_in_three_legs(gateway: House) -> None:
    signer = Signer(gateway)
    asked = form_of(await signer.get("/v1/request", oauth_callback="oob"))
    fields = {"oauth_token": asked["oauth_token"], "user": "bob"}
    agreed = form_of(await gateway.call("POST", f"{BASE}/v1/agree", data=fields))
    made = form_of(
        await signer.get(
            "/v1/access",
            asked["oauth_token"],
            asked["oauth_token_secret"],
            oauth_verifier=agreed["oauth_verifier"],
        )
    )
    reply = await signer.get("/v1/protected", made["oauth_token"], made["oauth_token_secret"])
    assert reply.json()["client"] == "sample-key"
    reply = await signer.get("/v1/protected", made["oauth_token"], "wrong")
    assert (reply.status, reply.text) == (401, "oauth_problem=signature_invalid")
    assert reply.headers["WWW-Authenticate"] == 'OAuth realm="samples",oauth_problem="signature_invalid"'
    forgotten = {"oauth_token": made["oauth_token"]}
    assert (await gateway.call("POST", f"{BASE}/v1/forget", data=forgotten)).status == 200
    reply = await gateway.call("POST", f"{BASE}/v1/forget", data=forgotten)
    assert (reply.status, reply.fault()[0]) == (401, "oauth.v1.token_rejected")


async def test_unknown_flow(gateway: House) -> None:
    assert (await gateway.get(f"{BASE}/other")).status == 404
