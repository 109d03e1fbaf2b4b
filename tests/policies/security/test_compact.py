"""The pieces below the token policies: whatever comes in, they answer or refuse."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from apiproxy_policies.security.jose.claims import same
from apiproxy_policies.security.jose.compact import decode, encode, read_payload, read_token, write_json
from apiproxy_policies.security.jose.crypto import private_key, public_key
from apiproxy_policies.security.jose.jwks import read_keys
from apiproxy_policies.security.jose.keys import decode_secret
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import parse_moment, parse_period
from apiproxy_policies.security.jose.variables import claim_variables, format_remaining
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.binary())
def test_bytes_come_back(data: bytes) -> None:
    assert decode(encode(data)) == data
    assert encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@given(st.text(st.sampled_from("ABQg-_+/=AZaz09 \né"), max_size=12))
def test_each_text_stands_for_one_value_and_each_value_for_one_text(text: str) -> None:
    try:
        data = decode(text)
    except ValueError:
        return
    assert encode(data) == text


@given(st.text() | st.lists(st.text(max_size=6), min_size=3, max_size=5).map(".".join))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        token = read_token(text)
    except Refused:
        return
    assert isinstance(token.header, dict)


@given(st.binary())
def test_any_payload_is_claims_or_refused(data: bytes) -> None:
    try:
        claims, _ = read_payload(data)
    except Refused:
        return
    assert isinstance(claims, dict)


@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    with pytest.raises(Refused):
        public_key(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----")
    with pytest.raises(Refused):
        private_key(text, None)
    try:
        read_keys(text)
    except Refused:
        return


@given(st.dictionaries(st.sampled_from(["keys", "kty", "kid", "n", "e", "crv", "x", "y"]), JSON))
def test_any_jwk_is_a_key_or_refused(data: dict[str, Any]) -> None:
    for text in (write_json(data), write_json({"keys": [{**data, "kid": "k"}]})):
        for key_type in ("RSA", "EC"):
            with pytest.raises(Refused):
                read_keys(text).find("k", key_type, "sig")


@given(st.dictionaries(st.sampled_from(["exp", "iat", "nbf", "aud", "sub", "x"]), JSON))
def test_any_claims_can_be_shown(claims: dict[str, Any]) -> None:
    found = claim_variables("p.", claims, "", 1_700_000_000.0)
    assert found["p.payload-claim-names"] == list(claims)


@given(JSON)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), ("1", 1), ([1], [1, 1]), ({"a": 1}, {"a": True})]
)
def test_values_of_different_types_are_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("1500", 1500),
        ("1500ms", 1500),
        ("90s", 90_000),
        ("2 h", 7_200_000),
        ("1d", 86_400_000),
        ("1w", 604_800_000),
    ],
)
def test_periods(text: str, milliseconds: int) -> None:
    assert parse_period(text) == milliseconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1.5h", "1y", "1h30m", "one"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)
    with pytest.raises(ValueError):
        parse_moment(text)


@given(st.text(), st.sampled_from([None, "hex", "base16", "base64", "base64url", "utf8"]))
def test_any_secret_is_decoded_or_refused(text: str, encoding: str | None) -> None:
    try:
        decode_secret(text, encoding)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "00:00:00.000"), (3_599_926, "00:59:59.926"), (-1, "-00:00:00.001"), (360_000_000, "100:00:00.000")],
)
def test_remaining_time_is_written_as_a_clock(milliseconds: int, text: str) -> None:
    assert format_remaining(milliseconds) == text
