"""key-auth, basic-auth, hmac-auth, jwt, acl: their refusals word for word, and what the upstream is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from email.utils import formatdate
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from apiproxy_runtime.world import FrozenWorld
from tests.house import Reply
from tests.kong.house import errors, kong, plugin

CONSUMERS = """
consumers:
  - username: ann
    custom_id: "7"
    keyauth_credentials: [{key: ann-key}]
    basicauth_credentials: [{username: ann, password: "p:w"}]
    hmacauth_credentials: [{username: ann, secret: shh}]
    jwt_secrets: [{key: ann-iss, secret: 0123456789abcdef0123456789abcdef}]
    acls: [{group: gold}, {group: all}]
  - username: bob
    keyauth_credentials: [{key: bob-key}]
  - username: nobody
"""


def refusal(reply: Reply) -> tuple[int, str, str]:
    """(status, message, challenge) of an error page."""
    return reply.status, reply.json()["message"], reply.headers.get("WWW-Authenticate", "")


# ---- key-auth


@pytest.mark.parametrize(
    ("config", "request_of", "expected"),
    [
        ("", {}, (401, "No API key found in request", "Key")),
        ("realm: shop", {}, (401, "No API key found in request", 'Key realm="shop"')),
        ("", {"headers": {"apikey": ""}}, (401, "No API key found in request", "Key")),
        ("", {"headers": {"apikey": "wrong"}}, (401, "Unauthorized", "Key")),
        ("", {"params": [("apikey", "a"), ("apikey", "b")]}, (401, "Duplicate API key found", "Key")),
        (
            "key_in_header: false",
            {"headers": {"apikey": "ann-key"}},
            (401, "No API key found in request", "Key"),
        ),
        (
            "key_in_query: false",
            {"params": {"apikey": "ann-key"}},
            (401, "No API key found in request", "Key"),
        ),
        (
            "key_names: [x-key]",
            {"headers": {"apikey": "ann-key"}},
            (401, "No API key found in request", "Key"),
        ),
    ],
)
async def test_key_auth_refuses(
    config: str, request_of: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    async with kong(plugin("key-auth", config) + CONSUMERS) as house:
        reply = await house.get(**request_of)
    assert refusal(reply) == expected
    assert reply.json()["request_id"] == reply.headers["X-Kong-Request-Id"]
    assert house.upstream.seen == []


@pytest.mark.parametrize(
    ("config", "request_of"),
    [
        ("", {"headers": {"apikey": "ann-key"}}),
        ("", {"headers": {"APIKey": "ann-key"}}),
        ("", {"params": {"apikey": "ann-key"}}),
        ("key_names: [x-a, x-b]", {"headers": {"x-b": "ann-key"}}),
        ("key_in_body: true", {"data": {"apikey": "ann-key"}}),
        ("key_in_body: true", {"json": {"apikey": "ann-key"}}),
    ],
)
async def test_key_auth_tells_the_upstream_who_calls(config: str, request_of: dict[str, Any]) -> None:
    async with kong(plugin("key-auth", config) + CONSUMERS) as house:
        assert (await house.post(**request_of)).status == 200
        (consumer, *_) = house.runtime.configuration.consumers
        credential = house.runtime.configuration.credentials_of("keyauth_credentials")[0]
    headers = house.sent["headers"]
    assert headers["x-consumer-id"] == consumer.id
    assert headers["x-consumer-username"] == "ann"
    assert headers["x-consumer-custom-id"] == "7"
    assert headers["x-credential-identifier"] == credential.id
    assert "x-anonymous-consumer" not in headers


async def test_key_auth_hides_the_key() -> None:
    async with kong(plugin("key-auth", "hide_credentials: true, key_in_body: true") + CONSUMERS) as house:
        await house.get("/?apikey=ann-key&b=1", headers={"X-Other": "o"})
        await house.get("/", headers={"apikey": "ann-key"})
        await house.post("/", json={"apikey": "ann-key", "b": 1})
        await house.post("/", data={"apikey": "ann-key", "b": "1"})
    first, second, third, fourth = house.upstream.seen
    assert first["path"] == "/?b=1"
    assert "apikey" not in second["headers"]
    assert json.loads(third["body"]) == {"b": 1}
    assert fourth["body"] == "b=1"


async def test_claims_to_be_somebody_are_overwritten() -> None:
    async with kong(plugin("key-auth") + CONSUMERS) as house:
        await house.get(
            headers={"apikey": "bob-key", "X-Consumer-Username": "root", "X-Consumer-Custom-ID": "0"}
        )
    assert house.sent["headers"]["x-consumer-username"] == "bob"
    assert "x-consumer-custom-id" not in house.sent["headers"]


async def test_preflight_may_pass_without_key() -> None:
    async with kong(plugin("key-auth", "run_on_preflight: false") + CONSUMERS) as house:
        assert (await house.call("OPTIONS", "/")).status == 200
        assert (await house.get()).status == 401


async def test_anonymous_consumer_takes_the_place_of_nobody() -> None:
    async with kong(plugin("key-auth", "anonymous: nobody") + CONSUMERS) as house:
        await house.get()
        await house.get(headers={"apikey": "ann-key"})
    first, second = house.upstream.seen
    assert first["headers"]["x-consumer-username"] == "nobody"
    assert first["headers"]["x-anonymous-consumer"] == "true"
    assert "x-credential-identifier" not in first["headers"]
    assert second["headers"]["x-consumer-username"] == "ann"
    assert "x-anonymous-consumer" not in second["headers"]


async def test_anonymous_consumer_that_is_not_there_answers_500() -> None:
    async with kong(plugin("key-auth", "anonymous: ghost") + CONSUMERS) as house:
        reply = await house.get()
        assert "there is no consumer 'ghost'" in house.warnings[0]
    assert (reply.status, reply.json()["message"]) == (
        500,
        "anonymous consumer ghost is configured but doesn't exist",
    )


async def test_several_plugins_with_anonymous_mean_any_of_them() -> None:
    text = plugin("key-auth", "anonymous: nobody") + "  - {name: basic-auth, config: {anonymous: nobody}}\n"
    async with kong(text + CONSUMERS) as house:
        await house.get(headers={"apikey": "bob-key"})
        await house.get(headers={"Authorization": basic("ann", "p:w")})
        await house.get()
    told = [seen["headers"]["x-consumer-username"] for seen in house.upstream.seen]
    assert told == ["bob", "ann", "nobody"]


async def test_several_plugins_without_anonymous_must_all_be_satisfied() -> None:
    text = plugin("key-auth") + "  - {name: basic-auth}\n"
    async with kong(text + CONSUMERS) as house:
        assert (await house.get(headers={"apikey": "bob-key"})).status == 401
        both = {"apikey": "bob-key", "Authorization": basic("ann", "p:w")}
        assert (await house.get(headers=both)).status == 200
    assert house.sent["headers"]["x-consumer-username"] == "ann"


# ---- basic-auth


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic !!"},
        {"Authorization": "Bearer x"},
        {"Authorization": basic("ann", "wrong")},
        {"Authorization": basic("ghost", "p:w")},
    ],
)
async def test_basic_auth_refuses(headers: dict[str, str]) -> None:
    async with kong(plugin("basic-auth") + CONSUMERS) as house:
        reply = await house.get(headers=headers)
    assert refusal(reply) == (401, "Unauthorized", 'Basic realm="service"')


async def test_basic_auth_lets_in() -> None:
    async with kong(plugin("basic-auth", "realm: r, hide_credentials: true") + CONSUMERS) as house:
        assert (await house.get(headers={"Authorization": basic("ann", "p:w")})).status == 200
    assert house.sent["headers"]["x-credential-identifier"] == "ann"
    assert "authorization" not in house.sent["headers"]


async def test_basic_auth_looks_at_proxy_authorization_first() -> None:
    async with kong(plugin("basic-auth") + CONSUMERS) as house:
        headers = {"Proxy-Authorization": basic("ann", "p:w"), "Authorization": basic("x", "y")}
        assert (await house.get(headers=headers)).status == 200
        wrong = {"Proxy-Authorization": basic("ann", "no"), "Authorization": basic("ann", "p:w")}
        assert (await house.get(headers=wrong)).status == 401


async def test_basic_auth_knows_hashes_when_nothing_is_transformed() -> None:
    identity = "11111111-1111-4111-8111-111111111111"
    digest = hashlib.sha1(f"pw{identity}".encode()).hexdigest()
    text = plugin("basic-auth").replace("services:", "_transform: false\nservices:")
    text += f"consumers: [{{id: {identity}, username: a, basicauth_credentials: [{{username: a, password: '{digest}'}}]}}]\n"
    async with kong(text) as house:
        assert (await house.get(headers={"Authorization": basic("a", "pw")})).status == 200
        assert (await house.get(headers={"Authorization": basic("a", digest)})).status == 401


# ---- hmac-auth

NOW = 1_700_000_000.0
DATE = formatdate(NOW, usegmt=True)


def signed(
    lines: str, names: str, algorithm: str = "hmac-sha256", secret: str = "shh", name: str = "ann"
) -> str:
    digest = hmac.digest(secret.encode(), lines.encode(), algorithm.removeprefix("hmac-"))
    made = base64.b64encode(digest).decode()
    return f'hmac username="{name}", algorithm="{algorithm}", headers="{names}", signature="{made}"'


HMAC = [
    ("", {}, "Unauthorized"),
    (
        "",
        {"Authorization": "x"},
        "HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication",
    ),
    ("", {"Authorization": "x", "Date": DATE}, "HMAC signature cannot be verified"),
    (
        "",
        {"Authorization": signed(f"date: {DATE}", "date", name="ghost"), "Date": DATE},
        "HMAC signature cannot be verified",
    ),
    (
        "",
        {"Authorization": signed(f"date: {DATE}", "date", secret="no"), "Date": DATE},
        "HMAC signature does not match",
    ),
    (
        "algorithms: [hmac-sha512]",
        {"Authorization": signed(f"date: {DATE}", "date"), "Date": DATE},
        "HMAC signature cannot be verified",
    ),
    (
        "enforce_headers: [x-a]",
        {"Authorization": signed(f"date: {DATE}", "date"), "Date": DATE},
        "HMAC signature cannot be verified",
    ),
    (
        "clock_skew: 10",
        {
            "Authorization": signed(f"date: {formatdate(NOW - 11, usegmt=True)}", "date"),
            "Date": formatdate(NOW - 11, usegmt=True),
        },
        "HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication",
    ),
]


@pytest.mark.parametrize(("config", "headers", "message"), HMAC)
async def test_hmac_auth_refuses(config: str, headers: dict[str, str], message: str) -> None:
    async with kong(plugin("hmac-auth", config) + CONSUMERS, world=FrozenWorld(NOW)) as house:
        assert refusal(await house.get(headers=headers)) == (401, message, "hmac")


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
async def test_hmac_auth_verifies_headers_and_request_line(algorithm: str) -> None:
    lines = f"date: {DATE}\nGET /a?b=1 HTTP/1.1\n@request-target: get /a?b=1\nx-none:"
    header = signed(lines, "date request-line @request-target x-none", algorithm)
    async with kong(
        plugin("hmac-auth", "hide_credentials: true") + CONSUMERS, world=FrozenWorld(NOW)
    ) as house:
        assert (await house.get("/a?b=1", headers={"Authorization": header, "Date": DATE})).status == 200
        assert (await house.get("/a?b=2", headers={"Authorization": header, "Date": DATE})).status == 401
    assert "authorization" not in house.sent["headers"]
    assert house.sent["headers"]["x-credential-identifier"] == "ann"


async def test_hmac_auth_checks_the_digest_of_the_body() -> None:
    digest = "SHA-256=" + base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    header = signed(f"x-date: {DATE}\ndigest: {digest}", "x-date digest")
    headers = {"Authorization": header, "X-Date": DATE, "Digest": digest}
    async with kong(
        plugin("hmac-auth", "validate_request_body: true") + CONSUMERS, world=FrozenWorld(NOW)
    ) as house:
        assert (await house.post(headers=headers, data=b"body")).status == 200
        reply = await house.post(headers=headers, data=b"other")
    assert reply.json()["message"] == "HMAC signature does not match"


# ---- jwt

KEY = OctKey.import_key("0123456789abcdef0123456789abcdef")


def token(claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = KEY) -> str:
    head = {"alg": "HS256", "typ": "JWT", **(header or {})}
    made: str = jws.serialize_compact(head, json.dumps(claims).encode(), key, algorithms=[head["alg"]])
    return made


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


INVALID = 'Bearer error="invalid_token"'
JWT = [
    ("", "", {"message": "Unauthorized"}, "Bearer"),
    ("realm: r", "", {"message": "Unauthorized"}, 'Bearer realm="r"'),
    ("", "Bearer a.b.c", {"message": "Bad token; invalid JSON"}, INVALID),
    ("", "Bearer x", {"message": "Bad token; invalid JSON"}, INVALID),
    (
        "",
        f"Bearer {encoded('{}')}.{encoded('{}')}.{encoded('x')}",
        {"message": "Bad token; invalid alg"},
        INVALID,
    ),
    ("", "Bearer " + token({}), {"message": "No mandatory 'iss' in claims"}, INVALID),
    ("key_claim_name: kid", "Bearer " + token({}), {"message": "No mandatory 'kid' in claims"}, INVALID),
    ("", "Bearer " + token({"iss": ""}), {"message": "Invalid 'iss' in claims"}, INVALID),
    ("", "Bearer " + token({"iss": "ghost"}), {"message": "No credentials found for given 'iss'"}, INVALID),
    ("", "Bearer " + token({"iss": "ann-iss"}, {"alg": "HS512"}), {"message": "Invalid algorithm"}, INVALID),
    ("", "Bearer " + token({"iss": "ann-iss"})[:-4] + "AAAA", {"message": "Invalid signature"}, INVALID),
    (
        "claims_to_verify: [exp]",
        "Bearer " + token({"iss": "ann-iss", "exp": NOW - 1}),
        {"exp": "token expired"},
        INVALID,
    ),
    ("claims_to_verify: [exp]", "Bearer " + token({"iss": "ann-iss"}), {"exp": "must be a number"}, INVALID),
    (
        "claims_to_verify: [nbf]",
        "Bearer " + token({"iss": "ann-iss", "nbf": NOW + 60}),
        {"nbf": "token not valid yet"},
        INVALID,
    ),
    (
        "claims_to_verify: [exp], maximum_expiration: 60",
        "Bearer " + token({"iss": "ann-iss", "exp": NOW + 61}),
        {"exp": "exceeds maximum allowed expiration"},
        INVALID,
    ),
    (
        "realm: r",
        "Bearer x",
        {"message": "Bad token; invalid JSON"},
        'Bearer realm="r", error="invalid_token"',
    ),
]


@pytest.mark.parametrize(("config", "header", "body", "challenge"), JWT)
async def test_jwt_refuses(config: str, header: str, body: dict[str, str], challenge: str) -> None:
    async with kong(plugin("jwt", config) + CONSUMERS, world=FrozenWorld(NOW)) as house:
        reply = await house.get(headers={"Authorization": header} if header else {})
    assert reply.status == 401
    assert reply.text == json.dumps(body, separators=(",", ":"))
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["WWW-Authenticate"] == challenge


async def test_jwt_is_found_in_header_query_and_cookie() -> None:
    good = token({"iss": "ann-iss"})
    async with kong(plugin("jwt", "cookie_names: [session]") + CONSUMERS) as house:
        assert (await house.get(headers={"Authorization": f"bearer {good}"})).status == 200
        assert (await house.get(f"/?jwt={good}")).status == 200
        assert (await house.get(headers={"Cookie": f"a=b; session={good}"})).status == 200
        two = await house.get(f"/?jwt={good}", headers={"Authorization": f"Bearer {token({'iss': 'x'})}"})
        same = await house.get(f"/?jwt={good}", headers={"Authorization": f"Bearer {good}"})
    assert two.json() == {"message": "Multiple tokens provided"}
    assert same.status == 200
    assert house.sent["headers"]["x-credential-identifier"] == "ann-iss"


async def test_jwt_tells_later_plugins_the_token() -> None:
    shown = '  - {name: request-transformer, config: {add: {headers: ["x-t:$(shared.authenticated_jwt_token)"]}}}\n'
    good = token({"iss": "ann-iss"})
    async with kong(plugin("jwt") + shown + CONSUMERS) as house:
        await house.get(headers={"Authorization": f"Bearer {good}"})
    assert house.sent["headers"]["x-t"] == good


async def test_jwt_verifies_with_public_keys_and_base64_secrets() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secret = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    text = plugin("jwt", "secret_is_base64: true, key_claim_name: kid")
    text += f"consumers:\n  - username: a\n    jwt_secrets:\n      - {{key: one, algorithm: RS256, rsa_public_key: {json.dumps(public.decode())}}}\n"
    text += f"      - {{key: two, secret: '{secret}'}}\n"
    async with kong(text) as house:
        by_rsa = token({}, {"alg": "RS256", "kid": "one"}, RSAKey.import_key(pem.decode()))
        assert (await house.get(headers={"Authorization": f"Bearer {by_rsa}"})).status == 200
        assert (await house.get(headers={"Authorization": f"Bearer {token({'kid': 'two'})}"})).status == 200


# ---- acl


@pytest.mark.parametrize(
    ("config", "key", "expected"),
    [
        ("allow: [gold]", "ann-key", 200),
        ("allow: [silver]", "ann-key", 403),
        ("allow: [gold]", "bob-key", 403),
        ("deny: [gold]", "ann-key", 403),
        ("deny: [gold]", "bob-key", 200),
    ],
)
async def test_acl_asks_for_groups(config: str, key: str, expected: int) -> None:
    text = plugin("key-auth") + f"  - {{name: acl, config: {{{config}}}}}\n"
    async with kong(text + CONSUMERS) as house:
        reply = await house.get(headers={"apikey": key})
    assert reply.status == expected
    if expected == 403:
        assert reply.json()["message"] == "You cannot consume this service"


async def test_acl_without_a_caller_answers_401() -> None:
    async with kong(plugin("acl", "allow: [gold]") + CONSUMERS) as house:
        reply = await house.get()
    assert (reply.status, reply.json()["message"]) == (401, "Unauthorized")


async def test_acl_tells_the_upstream_the_groups() -> None:
    for hide, told in (("false", "gold, all"), ("true", None)):
        text = (
            plugin("key-auth") + f"  - {{name: acl, config: {{allow: [gold], hide_groups_header: {hide}}}}}\n"
        )
        async with kong(text + CONSUMERS) as house:
            await house.get(headers={"apikey": "ann-key"})
        assert house.sent["headers"].get("x-consumer-groups") == told


async def test_acl_for_an_anonymous_caller() -> None:
    text = plugin("key-auth", "anonymous: nobody") + "  - {name: acl, config: {allow: [gold]}}\n"
    async with kong(text + CONSUMERS) as house:
        assert (await house.get()).status == 401


# ---- declarations


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("key-auth", "key_names: apikey", "config.key_names: expected an array"),
        ("key-auth", "key_names: ['a b']", "bad header name 'a b'"),
        ("basic-auth", "realm: 5", "config.realm: expected a string, not 5. Put it in quotes."),
        (
            "hmac-auth",
            "algorithms: [md5]",
            "expected one of: hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512",
        ),
        ("hmac-auth", "clock_skew: 0", "config.clock_skew: value must be greater than 0, not 0"),
        ("jwt", "claims_to_verify: [aud]", "claims_to_verify[0]: expected one of: exp, nbf"),
        ("jwt", "maximum_expiration: 60", "claims_to_verify: expected to contain: exp"),
        ("jwt", "maximum_expiration: 99999999", "value should be between 0 and 3.1536e+07"),
        ("acl", "", "at least one of these fields must be non-empty: 'allow', 'deny'"),
        ("acl", "allow: [a], deny: [b]", "only one of these fields must be set: 'allow', 'deny'"),
    ],
)
def test_wrong_config_is_an_error(name: str, config: str, expected: str) -> None:
    assert any(expected in line for line in errors(plugin(name, config)))
