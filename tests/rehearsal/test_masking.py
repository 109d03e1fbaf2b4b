"""Masking: no secret is left in an exchange, whatever form it has, and what joins stays joined."""

from __future__ import annotations

import base64
import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.bundlemasks import masks_of
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import entry_of
from apiproxy_runtime.rehearsal.masking import Masking
from apiproxy_runtime.rehearsal.masks import Masks, with_names
from apiproxy_runtime.rehearsal.pseudonym import Pseudonyms, is_secret_name
from apiproxy_runtime.rehearsal.vault import Restoring, Vault
from tests.house import proxy, steps, target, write_bundle

KEY = b"k" * 32
SECRET = "S3cr3t-Value-9876"


def jwt(claims: dict[str, object], signature: str = "c2lnbmF0dXJlLW9mLXRva2Vu") -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'kid': 'k1'})}.{part(claims)}.{signature}"


def masked(exchange: Exchange, masks: Masks | None = None) -> Exchange:
    return Masking(Pseudonyms(KEY).of, masks).mask(exchange)


def post(body: str, content_type: str = "application/json", *headers: tuple[str, str]) -> Exchange:
    return Exchange(
        "1", Request("POST", "https://a.test/x", (("Content-Type", content_type), *headers), body.encode())
    )


TOKEN = jwt({"sub": "jane@example.com", "scope": "read", "exp": 1})
BASIC = base64.b64encode(f"jane:{SECRET}".encode()).decode()

EXCHANGES = {
    "bearer": Exchange("1", Request("GET", "/x", (("Authorization", f"Bearer {SECRET}"),))),
    "basic": Exchange("1", Request("GET", "/x", (("Authorization", f"Basic {BASIC}"),))),
    "bare authorization": Exchange("1", Request("GET", "/x", (("Authorization", SECRET),))),
    "digest": Exchange(
        "1", Request("GET", "/x", (("Authorization", f'Digest realm="r", response="{SECRET}", qop=auth'),))
    ),
    "cookie": Exchange("1", Request("GET", "/x", (("Cookie", f"a=1; session={SECRET}"),))),
    "set-cookie": Exchange(
        "1", Request("GET", "/x"), Response(200, (("Set-Cookie", f"sid={SECRET}; Path=/; HttpOnly"),))
    ),
    "api key header": Exchange("1", Request("GET", "/x", (("X-Api-Key", SECRET),))),
    "header by words": Exchange("1", Request("GET", "/x", (("X-Acme-Auth-Token", SECRET),))),
    "amazon": Exchange("1", Request("GET", "/x", (("X-Amz-Security-Token", SECRET),))),
    "query": Exchange("1", Request("GET", f"https://a.test/x?a=1&apikey={SECRET}&b=2")),
    "query of a location": Exchange(
        "1",
        Request("GET", "/x"),
        Response(302, (("Location", f"https://b.test/cb#access_token={SECRET}&a=1"),)),
    ),
    "url credentials": Exchange("1", Request("GET", f"https://jane:{SECRET}@a.test/x")),
    "form": post(f"grant_type=password&password={SECRET}&x=1", "application/x-www-form-urlencoded"),
    "json": post(json.dumps({"a": {"clientSecret": SECRET}, "b": [1, 2]})),
    "json list below": post(json.dumps({"credentials": [{"name": SECRET}]})),
    "json without type": post(json.dumps({"password": SECRET}), "text/plain"),
    "json cut off in the secret": post(f'{{"password": "{SECRET}'),
    "json that is none": post(f'{{"password": "{SECRET}\\q"}}'),
    "json cut off": post(f'{{"password": "{SECRET}", "a": '),
    "xml": post(f"<a><w:Password x='1'>{SECRET}</w:Password></a>", "text/xml"),
    "xml attribute": post(f'<a><b token="{SECRET}"/></a>', "application/xml"),
    "cdata": post(f"<a><Secret><![CDATA[{SECRET}]]></Secret></a>", "application/soap+xml"),
    "multipart": post(
        f'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--B--\r\n',
        "multipart/form-data; boundary=B",
    ),
    "echoed elsewhere": Exchange(
        "1",
        Request("GET", f"/introspect/{SECRET}", (("X-Api-Key", SECRET), ("X-Note", f"key is {SECRET}"))),
        Response(200, (), f"<html>{SECRET}</html>".encode()),
        (UpstreamCall("callout", Request("GET", f"http://b.test/{SECRET}"), None, "eof", f"for {SECRET}"),),
        True,
        name=f"with {SECRET}",
    ),
    "echoed in base64": Exchange(
        "1",
        Request("GET", "/x", (("X-Api-Key", SECRET),)),
        Response(200, (), base64.b64encode(SECRET.encode())),
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_no_secret_is_left(name: str) -> None:
    exchange = masked(EXCHANGES[name])
    text = json.dumps(entry_of(exchange))
    assert SECRET not in text
    assert base64.b64encode(SECRET.encode()).decode() not in text
    assert BASIC not in text
    assert exchange.masked


def test_a_compressed_body_is_searched_too() -> None:
    body = gzip.compress(json.dumps({"password": SECRET}).encode())
    headers = (
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("Content-Length", str(len(body))),
    )
    made = masked(Exchange("1", Request("POST", "/x", headers, body))).request
    plain = gzip.decompress(made.body).decode()
    assert SECRET not in plain
    assert set(json.loads(plain)) == {"password"}
    assert made.header("content-length") == str(len(made.body))


def test_a_body_that_cannot_be_searched_is_left_out() -> None:
    exchange = masked(
        Exchange("1", Request("POST", "/x", (("Content-Encoding", "br"),), b"\x0b\x05\x80secret"))
    )
    assert exchange.request.body == b""
    assert "Content-Encoding br" in exchange.notes[0]


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    body = f'{{ "token" : "{SECRET}",\t"n": 1.50, "key": "colour", "token_type":"Bearer", "u": "\\u00e9" }}'
    made = masked(post(body)).request.body.decode()
    assert len(made) == len(body)
    start = body.index(SECRET)
    assert made[:start] == body[:start]
    assert made[start + len(SECRET) :] == body[start + len(SECRET) :]


def test_the_same_secret_has_the_same_pseudonym_wherever_it_comes() -> None:
    pseudonyms = Pseudonyms(KEY)
    masking = Masking(pseudonyms.of)
    issued = masking.mask(
        Exchange(
            "1", Request("POST", "/token"), Response(200, (), json.dumps({"access_token": SECRET}).encode())
        )
    )
    used = masking.mask(
        Exchange("2", Request("GET", f"/x?access_token={SECRET}", (("Authorization", f"Bearer {SECRET}"),)))
    )
    assert issued.response is not None
    made = json.loads(issued.response.body)["access_token"]
    assert used.request.header("authorization") == f"Bearer {made}"
    assert used.request.query == f"access_token={made}"
    assert made != Pseudonyms(b"x" * 32).of(SECRET)


def test_a_jwt_keeps_what_proxies_decide_on() -> None:
    made = Pseudonyms(KEY).of(TOKEN)
    header, payload, signature = made.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert header == TOKEN.split(".")[0]
    assert (claims["scope"], claims["exp"]) == ("read", 1)
    assert claims["sub"] != "jane@example.com"
    assert claims["sub"].count("@") == 1
    assert signature != TOKEN.split(".")[2]
    assert len(signature) == len(TOKEN.split(".")[2])


def test_basic_stays_a_name_and_a_password() -> None:
    value = masked(EXCHANGES["basic"]).request.header("authorization") or ""
    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    assert len(user) == 4
    assert len(password) == len(SECRET)
    assert user != "jane"


@given(st.text(min_size=1, max_size=40))
def test_a_pseudonym_is_another_text_of_the_same_length(secret: str) -> None:
    made = Pseudonyms(KEY).of(secret)
    assert made != secret
    assert len(made) == len(secret)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["a", "token", "Password", "é"]), inner)
        ),
        max_leaves=12,
    )
)
def test_json_stays_json_of_the_same_shape(value: object) -> None:
    body = json.dumps(value).encode()
    made = masked(
        Exchange("1", Request("POST", "/x", (("Content-Type", "application/json"),), body))
    ).request.body
    assert shape(json.loads(made)) == shape(value)


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("apikey", True), ("api_key", True), ("X-API-Key", True), ("accessToken", True), ("client_secret", True),
        ("userPassword", True), ("JSESSIONID", True), ("pin", True), ("client_id", True), ("id_token", True),
        ("shipping", False), ("keyword", False), ("author", False), ("key", False), ("token_type", False),
        ("max_tokens", False), ("session_timeout", False), ("monkey", False), ("passage", False), ("id", False),
    ],
)  # fmt: skip
def test_names_are_judged_by_their_words(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_a_bundle_names_its_own_secrets(tmp_path: Path) -> None:
    root = write_bundle(
        tmp_path,
        "b",
        {
            "proxies/default.xml": proxy(request=steps("V", "E")),
            "targets/default.xml": target(),
            "policies/V.xml": '<VerifyAPIKey name="V"><APIKey ref="request.header.X-Customer"/></VerifyAPIKey>',
            "policies/E.xml": """<ExtractVariables name="E"><QueryParam name="who"><Pattern>{private.who}</Pattern>
</QueryParam><JSONPayload><Variable name="private.pan"><JSONPath>$.card['number']</JSONPath></Variable></JSONPayload>
</ExtractVariables>""",
        },
    )
    findings = Findings()
    bundle = read_bundle(root, findings)
    assert bundle is not None
    masks = masks_of([bundle], Environment(), TestData())
    exchange = post(
        '{"card":{"number":"4111222233334444","type":"visa"}}', "application/json", ("X-Customer", SECRET)
    )
    made = json.dumps(entry_of(masked(exchange, masks)))
    assert SECRET not in made
    assert "4111222233334444" not in made
    assert "visa" in made
    assert SECRET not in json.dumps(
        entry_of(masked(Exchange("1", Request("GET", f"/x?who={SECRET}")), masks))
    )


def test_a_person_may_add_names_and_take_names_out() -> None:
    masks = with_names(Masks(), ["iban", "$.a.b"], ["password"])
    made = masked(
        post('{"iban":"DE00 1234","a":{"b":"xyz"},"password":"public"}'), masks
    ).request.body.decode()
    assert "DE00 1234" not in made
    assert "xyz" not in made
    assert "public" in made


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_vault_puts_secrets_back(tmp_path: Path, name: str) -> None:
    vault = Vault(tmp_path / "v.secrets.json")
    made = Masking(Pseudonyms(vault.key, vault.note).of).mask(EXCHANGES[name])
    vault.close()
    restored = Restoring(tmp_path / "v.secrets.json").restore(made)
    assert restored.request == EXCHANGES[name].request
    assert restored.response == EXCHANGES[name].response
    assert (tmp_path / "v.secrets.json").stat().st_mode & 0o077 == 0


def test_a_vault_that_exists_is_gone_on_with(tmp_path: Path) -> None:
    first = Vault(tmp_path / "v.json")
    one = Pseudonyms(first.key, first.note).of(SECRET)
    first.close()
    second = Vault(tmp_path / "v.json")
    assert Pseudonyms(second.key, second.note).of(SECRET) == one
    second.close()
    assert json.loads((tmp_path / "v.json").read_text())["secrets"] == {one: SECRET}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '["' + '\\"' * 100_000),
        ("application/json", '{"a":' * 50_000),
        ("text/xml", "<" * 100_000),
        ("text/xml", "<a>" + " " * 100_000),
        ("text/xml", '<a x="' * 20_000),
        ("text/plain", "eyJ" + "a" * 100_000),
        ("text/plain", "eyJaaaaaaaa" * 10_000),
        ("text/plain", "a" * 100_000 + " "),
        ("text/plain", "-----BEGIN PRIVATE KEY-----" * 2_000),
    ],
)
def test_masking_takes_time_in_proportion_to_the_body(content_type: str, body: str) -> None:
    begun = time.perf_counter()
    masked(post(body, content_type))
    assert time.perf_counter() - begun < 3
