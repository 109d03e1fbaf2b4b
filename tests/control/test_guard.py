"""Who may use the control port: no rebound name, no page of another site, nobody without the token, nothing huge."""

from __future__ import annotations

import pytest

from apiproxy_runtime.control import guard
from tests.control.house import control_house

VERSION = "/v1/emulator/version"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("127.1.2.3", 200),
        ("[::1]:8080", 200),
        ("app.localhost", 200),
        ("gateway.internal", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8080", 403),
        ("192.168.1.5:8080", 403),
        ("", 403),
    ],
)
async def test_only_names_of_this_machine_are_answered(host: str, status: int) -> None:
    async with control_house(names=("gateway.internal",)) as house:
        reply = await house.ask("GET", VERSION, headers={"Host": host})
        assert reply.status == status
        if status == 403:
            assert reply.json()["code"] == "HostNotAllowed"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{control}"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
async def test_pages_of_other_sites_are_refused(headers: dict[str, str], status: int) -> None:
    async with control_house() as house:
        sent = {name: value.replace("{control}", house.control) for name, value in headers.items()}
        assert (await house.ask("GET", VERSION, headers=sent)).status == status


async def test_a_form_of_another_site_cannot_deploy() -> None:
    async with control_house() as house:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        reply = await house.ask("POST", "/v1/emulator/reset", headers=headers)
        assert (reply.status, reply.json()["code"]) == (403, "CrossSite")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer s3cret"}, 200),
        ({"Authorization": "Basic OnMzY3JldA=="}, 200),
        ({"Authorization": "Basic YW55b25lOnMzY3JldA=="}, 200),
        ({"Authorization": "Basic czNjcmV0Og=="}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"X-Control-Token": "s3cret"}, 200),
        ({"X-Control-Token": "s3creté"}, 401),
    ],
)
async def test_a_token_is_asked_of_every_request(headers: dict[str, str], status: int) -> None:
    async with control_house(token="s3cret") as house:
        reply = await house.ask("GET", VERSION, headers=headers)
        assert reply.status == status
        if status == 401:
            assert reply.headers["WWW-Authenticate"].startswith("Basic")
            assert reply.json()["code"] == "TokenNeeded"


async def test_with_a_token_and_an_outside_address_any_host_name_will_do() -> None:
    async with control_house(token="s3cret", names=("0.0.0.0",)) as house:
        headers = {"Host": "gateway:8080", "Authorization": "Bearer s3cret"}
        assert (await house.ask("GET", VERSION, headers=headers)).status == 200


async def test_answers_carry_headers_that_harden_a_browser() -> None:
    async with control_house() as house:
        for path in (VERSION, "/nowhere"):
            headers = (await house.ask("GET", path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"


async def test_a_body_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apiproxy_runtime.control.server.MAX_UPLOAD", 1000)
    async with control_house() as house:
        reply = await house.deploy(b"PK" + bytes(2000))
        assert (reply.status, reply.json()["code"]) == (413, "TooLarge")


def test_host_names_are_read_from_headers() -> None:
    assert guard.host_name("[::1]:80") == "::1"
    assert guard.host_name("LOCALHOST:80") == "localhost"
