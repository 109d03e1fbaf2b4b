"""rate-limiting, response-ratelimiting, request-size-limiting, ip-restriction, bot-detection, json-threat-protection."""

from __future__ import annotations

import calendar
import time
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.kong.plugins.rate_limiting import window
from apiproxy_runtime.kong.plugins.response_ratelimiting import costs_of
from apiproxy_runtime.world import FrozenWorld
from tests.kong.house import errors, kong, plugin

CONSUMERS = """
consumers:
  - {username: ann, keyauth_credentials: [{key: a}]}
  - {username: bob, keyauth_credentials: [{key: b}]}
"""


def moment(text: str) -> float:
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")))


@pytest.mark.parametrize(
    ("period", "now", "begin", "end"),
    [
        ("second", "2026-03-31 23:59:59", "2026-03-31 23:59:59", "2026-04-01 00:00:00"),
        ("minute", "2026-03-31 23:59:59", "2026-03-31 23:59:00", "2026-04-01 00:00:00"),
        ("hour", "2026-03-31 12:34:56", "2026-03-31 12:00:00", "2026-03-31 13:00:00"),
        ("day", "2026-03-31 12:34:56", "2026-03-31 00:00:00", "2026-04-01 00:00:00"),
        ("month", "2026-02-10 01:00:00", "2026-02-01 00:00:00", "2026-03-01 00:00:00"),
        ("month", "2026-12-10 01:00:00", "2026-12-01 00:00:00", "2027-01-01 00:00:00"),
        ("year", "2026-12-31 23:00:00", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
    ],
)
def test_windows_are_those_of_the_calendar(period: str, now: str, begin: str, end: str) -> None:
    assert window(period, moment(now)) == (moment(begin), moment(end))


async def test_rate_limiting_counts_and_refuses() -> None:
    world = FrozenWorld(moment("2026-01-01 10:00:20"))
    async with kong(plugin("rate-limiting", "minute: 2, hour: 10"), world=world) as house:
        first, second, third = [await house.get() for _ in range(3)]
        assert first.headers["X-RateLimit-Limit-Minute"] == "2"
        assert first.headers["X-RateLimit-Remaining-Minute"] == "1"
        assert first.headers["X-RateLimit-Remaining-Hour"] == "9"
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("2", "1")
        assert first.headers["RateLimit-Reset"] == "40"
        assert "Retry-After" not in first.headers
        assert second.headers["RateLimit-Remaining"] == "0"
        assert third.status == 429
        assert third.json()["message"] == "API rate limit exceeded"
        assert third.headers["Retry-After"] == "40"
        assert third.headers["X-RateLimit-Remaining-Minute"] == "0"
        assert third.headers["X-RateLimit-Remaining-Hour"] == "8"
        world.time += 40
        assert (await house.get()).status == 200
    assert len(house.upstream.seen) == 3


async def test_rate_limiting_says_what_it_is_told_to_say() -> None:
    config = "minute: 1, error_code: 503, error_message: slow down, hide_client_headers: true"
    async with kong(plugin("rate-limiting", config)) as house:
        first, second = [await house.get() for _ in range(2)]
    assert "RateLimit-Limit" not in first.headers
    assert (second.status, second.json()["message"]) == (503, "slow down")
    assert "Retry-After" not in second.headers


@pytest.mark.parametrize(
    ("config", "requests", "expected"),
    [
        ("limit_by: consumer", [{"apikey": "a"}, {"apikey": "b"}, {"apikey": "a"}], [200, 200, 429]),
        ("limit_by: credential", [{"apikey": "a"}, {"apikey": "b"}, {"apikey": "a"}], [200, 200, 429]),
        ("limit_by: ip", [{"apikey": "a"}, {"apikey": "b"}], [200, 429]),
        ("limit_by: service", [{"apikey": "a"}, {"apikey": "b"}], [200, 429]),
        (
            "limit_by: header, header_name: x-who",
            [{"apikey": "a", "x-who": "1"}, {"apikey": "a", "x-who": "2"}, {"apikey": "b", "x-who": "1"}],
            [200, 200, 429],
        ),
        ("limit_by: path, path: /here", [{"apikey": "a"}, {"apikey": "b"}], [200, 429]),
    ],
)
async def test_rate_limiting_counts_whom_it_is_told(
    config: str, requests: list[dict[str, str]], expected: list[int]
) -> None:
    text = plugin("key-auth") + f"  - {{name: rate-limiting, config: {{hour: 1, {config}}}}}\n"
    async with kong(text + CONSUMERS) as house:
        assert [(await house.get("/here", headers=headers)).status for headers in requests] == expected


async def test_limit_of_a_consumer_takes_the_place_of_the_general_one() -> None:
    text = plugin("key-auth") + "  - {name: rate-limiting, config: {hour: 5}}\n"
    text += "  - {name: rate-limiting, consumer: bob, config: {hour: 1}}\n"
    async with kong(text + CONSUMERS) as house:
        bob = [(await house.get(headers={"apikey": "b"})).status for _ in range(2)]
        ann = await house.get(headers={"apikey": "a"})
    assert bob == [200, 429]
    assert ann.headers["RateLimit-Limit"] == "5"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", "at least one of these fields must be non-empty: 'second', 'minute'"),
        ("minute: 0", "config.minute: value must be greater than 0, not 0"),
        ("minute: 10, hour: 5", "The limit for hour(5.0) cannot be lower than the limit for minute(10.0)"),
        ("minute: 1, limit_by: header", "header_name: required field missing: limit_by is header"),
        ("minute: 1, limit_by: path", "path: required field missing"),
        ("minute: 1, limit_by: team", "expected one of: consumer, credential, ip, service, header, path"),
        ("minute: 1, policy: redis", "redis: host: required field missing"),
        ("minute: 1, sync_rate: 1", "sync_rate can only be used with the redis policy"),
    ],
)
def test_wrong_limits_are_errors(config: str, expected: str) -> None:
    assert any(expected in line for line in errors(plugin("rate-limiting", config)))


async def test_response_ratelimiting_counts_what_the_upstream_says() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"X-Kong-Limit": "video=2, image"})

    config = "limits: {video: {hour: 3}, image: {hour: 10}}"
    async with kong(plugin("response-ratelimiting", config), answer=answer) as house:
        first, second, third = [await house.get() for _ in range(3)]
    assert first.headers["X-RateLimit-Limit-video-Hour"] == "3"
    assert first.headers["X-RateLimit-Remaining-video-Hour"] == "1"
    assert first.headers["X-RateLimit-Remaining-image-Hour"] == "9"
    assert "X-Kong-Limit" not in first.headers
    assert second.headers["X-RateLimit-Remaining-video-Hour"] == "0"
    assert (third.status, third.body) == (429, b"")
    assert house.upstream.seen[1]["headers"]["x-ratelimit-remaining-video"] == "1"


def test_costs_of_a_response() -> None:
    assert costs_of("a=2, b , c=x") == {"a": 2, "b": 1, "c": 1}
    assert costs_of(None) == {}


@pytest.mark.parametrize(
    ("config", "size", "headers", "status", "message"),
    [
        ("allowed_payload_size: 10, size_unit: bytes", 10, {}, 200, ""),
        ("allowed_payload_size: 10, size_unit: bytes", 11, {}, 413, "Request size limit exceeded"),
        ("allowed_payload_size: 1, size_unit: kilobytes", 1025, {}, 413, "Request size limit exceeded"),
        ("allowed_payload_size: 1", 1024, {}, 200, ""),
    ],
)
async def test_request_size_limiting(
    config: str, size: int, headers: dict[str, str], status: int, message: str
) -> None:
    async with kong(plugin("request-size-limiting", config)) as house:
        reply = await house.post(data=b"x" * size, headers=headers)
    assert reply.status == status
    if message:
        assert reply.json()["message"] == message


async def test_request_size_limiting_counts_chunked_bodies() -> None:
    async def chunks() -> Any:
        yield b"x" * 8
        yield b"x" * 8

    async with kong(plugin("request-size-limiting", "allowed_payload_size: 10, size_unit: bytes")) as house:
        assert (await house.post(data=chunks())).status == 413


async def test_request_size_limiting_asks_for_a_length() -> None:
    async with kong(plugin("request-size-limiting", "require_content_length: true")) as house:
        reply = await house.get()
    assert (reply.status, reply.json()["message"]) == (411, "A valid Content-Length header is required")


@pytest.mark.parametrize(
    ("config", "status"),
    [
        ("allow: [127.0.0.1]", 200),
        ("allow: [127.0.0.0/8]", 200),
        ("allow: [10.0.0.0/8]", 403),
        ("deny: [127.0.0.1]", 403),
        ("deny: [10.0.0.1]", 200),
        ("allow: [127.0.0.1], deny: [127.0.0.0/24]", 403),
        ("deny: ['::1']", 200),
    ],
)
async def test_ip_restriction(config: str, status: int) -> None:
    async with kong(plugin("ip-restriction", config)) as house:
        reply = await house.get()
        again = await house.get()
    assert reply.status == again.status == status
    if status == 403:
        assert reply.json()["message"] == "IP address not allowed: 127.0.0.1"


async def test_ip_restriction_says_what_it_is_told_to_say() -> None:
    async with kong(plugin("ip-restriction", "deny: [127.0.0.1], status: 410, message: gone")) as house:
        reply = await house.get()
    assert (reply.status, reply.json()["message"]) == (410, "gone")


@pytest.mark.parametrize("config", ["", "allow: [here]", "allow: ['1.2.3.4/99']"])
def test_wrong_ip_restriction_is_an_error(config: str) -> None:
    assert errors(plugin("ip-restriction", config))


@pytest.mark.parametrize(
    ("config", "agent", "status"),
    [
        ("", "Mozilla/5.0", 200),
        ("", "Googlebot/2.1", 403),
        ("", "my spider", 403),
        ("allow: ['Googlebot']", "Googlebot/2.1", 200),
        ("deny: ['^curl']", "curl/8", 403),
    ],
)
async def test_bot_detection(config: str, agent: str, status: int) -> None:
    async with kong(plugin("bot-detection", config)) as house:
        reply = await house.get(headers={"User-Agent": agent})
    assert reply.status == status
    if status == 403:
        assert reply.json()["message"] == "Forbidden"


@pytest.mark.parametrize(
    ("config", "body", "status"),
    [
        ("max_body_size: 5", '"1234"', 400),
        ("max_container_depth: 2", "[[1]]", 200),
        ("max_container_depth: 2", "[[[1]]]", 400),
        ("max_object_entry_count: 1", '{"a":1,"b":2}', 400),
        ("max_object_entry_name_length: 2", '{"abc":1}', 400),
        ("max_array_element_count: 1", "[1,2]", 400),
        ("max_string_value_length: 2", '{"a":"abc"}', 400),
        ("", "{broken", 400),
        ("max_array_element_count: 1, enforcement_mode: log_only", "[1,2]", 200),
        ("max_array_element_count: 1, error_status_code: 422", "[1,2]", 422),
    ],
)
async def test_json_threat_protection(config: str, body: str, status: int) -> None:
    async with kong(plugin("json-threat-protection", config)) as house:
        reply = await house.post(data=body, headers={"Content-Type": "application/json"})
        other = await house.post(data=body, headers={"Content-Type": "text/plain"})
    assert reply.status == status
    assert other.status == 200
    if status == 400:
        assert reply.json()["message"] == "Bad Request"


@pytest.mark.parametrize(
    ("config", "body", "status"),
    [
        ("", "<a b='1'><c/>text<!-- x --></a>", 200),
        ("", "<a>", 400),
        ("", "<!DOCTYPE a><a/>", 400),
        ("allow_dtd: true", "<!DOCTYPE a><a/>", 200),
        ("max_depth: 2", "<a><b/></a>", 200),
        ("max_depth: 2", "<a><b><c/></b></a>", 400),
        ("max_children: 1", "<a><b/><c/></a>", 400),
        ("max_attributes: 1", "<a b='1' c='2'/>", 400),
        ("max_namespaces: 1", "<a xmlns='u' xmlns:x='v'/>", 400),
        ("localname: 2", "<abc/>", 400),
        ("prefix: 2", "<abc:d xmlns:abc='u'/>", 400),
        ("namespaceuri: 2", "<a xmlns='uri'/>", 400),
        ("attribute: 2", "<a b='123'/>", 400),
        ("text: 2", "<a>123</a>", 400),
        ("comment: 2", "<a><!--123--></a>", 400),
        ("pitarget: 2", "<a><?abc d?></a>", 400),
        ("pidata: 2", "<a><?b 123?></a>", 400),
        ("document: 5", "<abc/>", 400),
        ("allow_dtd: true, entity: 2", "<!DOCTYPE a [<!ENTITY e 'abc'>]><a/>", 400),
        ("allowed_content_types: ['*/xml']", "<a>", 200),
    ],
)
async def test_xml_threat_protection(config: str, body: str, status: int) -> None:
    async with kong(plugin("xml-threat-protection", config)) as house:
        reply = await house.post(data=body, headers={"Content-Type": "application/xml; charset=utf-8"})
        other = await house.post(data=body, headers={"Content-Type": "text/plain"})
    assert (reply.status, other.status) == (status, 200)
    if status == 400:
        assert reply.json()["message"] == "Bad request"


async def test_rate_limiting_advanced_slides() -> None:
    world = FrozenWorld(moment("2026-01-01 10:00:00"))
    async with kong(plugin("rate-limiting-advanced", "limit: [4], window_size: [60]"), world=world) as house:
        replies = [await house.get() for _ in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]
        assert replies[0].headers["X-RateLimit-Limit-Minute"] == "4"
        assert replies[0].headers["RateLimit-Remaining"] == "3"
        assert replies[4].headers["Retry-After"] == "60"
        assert replies[4].json()["message"] == "API rate limit exceeded"
        # half of the window before, with its refused request, still counts
        world.time += 90
        assert [(await house.get()).status for _ in range(2)] == [200, 429]


async def test_rate_limiting_advanced_with_fixed_windows_and_no_penalty() -> None:
    world = FrozenWorld(moment("2026-01-01 10:00:50"))
    config = "limit: [2, 10], window_size: [30, 7200], window_type: fixed, disable_penalty: true"
    async with kong(plugin("rate-limiting-advanced", config), world=world) as house:
        replies = [await house.get() for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 429, 429]
        assert replies[1].headers["X-RateLimit-Remaining-30"] == "0"
        assert replies[3].headers["X-RateLimit-Remaining-7200"] == "7"
        world.time += 10
        assert (await house.get()).status == 200


def test_rate_limiting_advanced_asks_for_a_window_for_each_limit() -> None:
    told = errors(plugin("rate-limiting-advanced", "limit: [1, 2], window_size: [60]"))
    assert any("same number of windows and limits" in line for line in told)
