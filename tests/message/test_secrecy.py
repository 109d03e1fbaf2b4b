"""What counts as a secret, and what is shown in its place."""

from __future__ import annotations

import pytest

from apiproxy_runtime.message.secrecy import (
    is_secret,
    names_secret,
    redacted_query,
    redacted_uri,
    shortened,
)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("authorization", True),
        ("X-API-Key", True),
        ("x_api_key", True),
        ("apikey", True),
        ("Set-Cookie", True),
        ("client_secret", True),
        ("Accept", False),
        ("X-Request-Id", False),
        ("page", False),
    ],
)
def test_name_is_a_secret_whatever_its_case_and_hyphens(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        ("request.header.x-api-key", True),
        ("request.queryparam.apikey", True),
        ("private.anything", True),
        ("client_id", True),
        ("client.ip", False),
        ("request.header.host", False),
    ],
)
def test_variable_is_a_secret_when_it_is_private_or_ends_in_a_secret_name(
    variable: str, secret: bool
) -> None:
    assert names_secret(variable) is secret


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("page=2&apikey=abc", "page=2&apikey=REDACTED"),
        ("api%5Fkey=abc&x", "api%5Fkey=REDACTED&x"),
        ("apikey&a=%41", "apikey&a=%41"),
        ("badge=7", "badge=REDACTED"),
    ],
)
def test_query_keeps_everything_but_the_values_of_secrets(query: str, shown: str) -> None:
    assert redacted_query(query, frozenset({"badge"})) == shown


def test_uri_without_query_stays_as_it_is() -> None:
    assert redacted_uri("/a/token") == "/a/token"
    assert redacted_uri("/a?token=t&b=1") == "/a?token=REDACTED&b=1"


def test_shortened_key_can_be_known_again_and_a_short_one_not_at_all() -> None:
    assert shortened("abcdefghijkl") == "abcd…"
    assert shortened("abcdefgh") == "REDACTED"
