"""The sample bundle's second endpoint, over HTTP: what is signed or encrypted."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from apiproxy_runtime.bundle.environment import Environment
from tests.house import House, house
from tests.policies.security.certificates import certificate, keystore, pem
from tests.policies.security.directory import SCHEMA, SLAPD, directory
from tests.policies.security.tokens import parts, private_pem, rsa_key

SAMPLE = Path(__file__).resolve().parents[3] / "samples/policies/security/apiproxy"
BASE = "/samples/security/signed"
KEY = b"0123456789abcdef0123456789abcdef"


def environment(**stand_ins: object) -> Environment:
    own = pem(certificate("sample", "one", days=9999))
    stores = (
        keystore("saml", signing=(own, private_pem(rsa_key("one")))),
        keystore("partners", sample=(own, None)),
    )
    return Environment(keystores={store.name: store for store in stores}, stand_ins=dict(stand_ins))


@pytest.fixture
async def gateway() -> AsyncIterator[House]:
    iam = {"default": "forbidden", "tokens": {"ya29.ada": "allow"}}
    async with house(SAMPLE, environment=environment(iam=iam)) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_token_is_made_checked_and_looked_at(gateway: House) -> None:
    token = (await gateway.call("POST", f"{BASE}/jwt?user=ada")).text
    header, claims = parts(token)
    assert header == {"typ": "JWT", "alg": "HS256", "kid": "sample-key"}
    assert claims["exp"] - claims["iat"] == 600
    checked = (await gateway.get(f"{BASE}/jwt", headers=bearer(token))).json()
    assert checked.pop("seconds") in range(590, 601)
    assert checked == {"sub": "ada", "roles": ["reader", "writer"], "place": {"path": BASE}}
    assert (await gateway.get(f"{BASE}/jwt/look", headers=bearer(token))).json() == claims

    refused = await gateway.get(f"{BASE}/jwt", headers=bearer(f"{token[:-4]}AAAA"))
    assert (refused.status, refused.fault()) == (
        401,
        ("steps.jwt.InvalidToken", "Invalid token: policy(JWT-Check)"),
    )
    missing = await gateway.get(f"{BASE}/jwt")
    assert missing.fault()[0] == "steps.jwt.FailedToResolveVariable"


async def test_encrypted_token_is_made_and_opened(gateway: House) -> None:
    token = (await gateway.call("POST", f"{BASE}/jwe?user=ada")).text
    assert token.count(".") == 4
    assert (await gateway.get(f"{BASE}/jwe", headers=bearer(token))).json() == {
        "sub": "ada",
        "enc": "A128CBC-HS256",
    }
    refused = await gateway.get(f"{BASE}/jwe", headers=bearer(token[:-4] + "AAAA"))
    assert refused.fault()[0] == "steps.jwt.InvalidToken"


async def test_body_is_signed_and_verified(gateway: House) -> None:
    body = '{"amount": 7}'
    signed = await gateway.call("POST", f"{BASE}/jws", data=body)
    headers = {"X-JWS-Signature": signed.headers["X-JWS-Signature"]}
    assert (await gateway.call("PUT", f"{BASE}/jws", data=body, headers=headers)).status == 200
    assert (await gateway.get(f"{BASE}/jws", headers=headers)).json() == {"alg": "HS256"}
    refused = await gateway.call("PUT", f"{BASE}/jws", data=body.replace("7", "8"), headers=headers)
    assert (refused.status, refused.fault()[0]) == (401, "steps.jws.InvalidJws")


async def test_webhook_is_believed_by_its_hash(gateway: House) -> None:
    body = b'{"event": "paid"}'
    headers = {"X-Signature": hmac.new(KEY, body, hashlib.sha256).hexdigest()}
    assert (await gateway.call("POST", f"{BASE}/hmac", data=body, headers=headers)).status == 200
    refused = await gateway.call("POST", f"{BASE}/hmac", data=body + b" ", headers=headers)
    assert (refused.status, refused.fault()[0]) == (401, "steps.hmac.HmacVerificationFailed")


async def test_credentials_are_taken_apart_and_put_together(gateway: House) -> None:
    header = "Basic " + base64.b64encode(b"ada:engine:no:1").decode()
    reply = await gateway.get(f"{BASE}/basic", headers={"Authorization": header})
    assert reply.json() == {"user": "ada", "again": header}
    refused = await gateway.get(f"{BASE}/basic", headers=bearer("x"))
    assert (refused.status, refused.fault()[0]) == (
        500,
        "steps.basicauthentication.InvalidBasicAuthenticationSource",
    )


async def test_assertion_is_made_and_validated(gateway: House) -> None:
    assertion = (await gateway.call("POST", f"{BASE}/saml?user=ada")).body
    headers = {"Content-Type": "application/xml", "Accept": "application/json"}
    good = await gateway.call("PUT", f"{BASE}/saml", data=assertion, headers=headers)
    assert good.json() == {"subject": "ada", "issuer": "urn://samples"}
    bad = await gateway.call(
        "PUT", f"{BASE}/saml", data=assertion.replace(b">ada<", b">eve<"), headers=headers
    )
    assert (bad.status, bad.fault()[0]) == (401, "steps.saml.validate.SignatureValidationFailed")


async def test_caller_must_be_known_to_iam(gateway: House) -> None:
    assert (await gateway.get(f"{BASE}/iam", headers=bearer("ya29.ada"))).status == 200
    assert (await gateway.get(f"{BASE}/iam", headers=bearer("ya29.eve"))).fault()[
        0
    ] == "steps.verifyiam.Forbidden"
    refused = await gateway.get(f"{BASE}/iam")
    assert refused.fault()[0] == "steps.verifyiam.CredentialSourceParsingFailed"


@pytest.mark.skipif(SLAPD is None or SCHEMA is None, reason="slapd is not installed")
async def test_directory_knows_the_user(tmp_path: Path) -> None:
    with directory(tmp_path) as port:
        around = environment(ldap={"default": {"url": f"ldap://127.0.0.1:{port}"}})
        async with house(SAMPLE, environment=around) as gateway:
            for password, status in (("engine", 200), ("motor", 401)):
                headers = {"Authorization": aiohttp.encode_basic_auth("ada", password)}
                assert (await gateway.get(f"{BASE}/directory", headers=headers)).status == status


async def test_sample_deploys_without_a_directory(gateway: House) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth("ada", "engine")}
    reply = await gateway.get(f"{BASE}/directory", headers=headers)
    assert reply.fault() == ("steps.ldap.LdapResourceNotFound", "Ldap resource default not found.")
