"""request-termination, redirect, cors, proxy-cache, correlation-id, logs and Lua idioms over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.world import FrozenWorld
from tests.kong.house import errors, kong, plugin, warnings

# ---- request-termination


@pytest.mark.parametrize(
    ("config", "status", "body"),
    [
        ("", 503, '{"message":"Service unavailable"}'),
        ("status_code: 401", 401, '{"message":"Unauthorized"}'),
        ("status_code: 404", 404, '{"message":"Not found"}'),
        ("status_code: 405", 405, '{"message":"Method not allowed"}'),
        ("status_code: 500", 500, '{"message":"An unexpected error occurred"}'),
        ("status_code: 502", 502, '{"message":"Bad Gateway"}'),
        ("status_code: 403", 403, ""),
        ("status_code: 403, message: So sorry!", 403, '{"message":"So sorry!"}'),
        ("status_code: 200, body: '<a/>', content_type: text/xml", 200, "<a/>"),
        ("status_code: 200, body: raw", 200, "raw"),
    ],
)
async def test_request_termination(config: str, status: int, body: str) -> None:
    async with kong(plugin("request-termination", config)) as house:
        reply = await house.get()
    assert (reply.status, reply.text) == (status, body)
    expected = {"<a/>": "text/xml", "raw": None, "": None}.get(body, "application/json; charset=utf-8")
    assert reply.headers.get("Content-Type") == expected
    assert house.upstream.seen == []


async def test_request_termination_by_trigger() -> None:
    async with kong(plugin("request-termination", "trigger: x-stop")) as house:
        assert (await house.get()).status == 200
        assert (await house.get(headers={"X-Stop": ""})).status == 503
        assert (await house.get("/?x-stop=1")).status == 503


async def test_request_termination_echoes_the_request() -> None:
    async with kong(plugin("request-termination", "echo: true, status_code: 404")) as house:
        reply = await house.post("/a?b=1", json={"c": 2})
    told = reply.json()
    assert (reply.status, told["message"]) == (404, "Not found")
    assert told["request"]["method"] == "POST"
    assert told["request"]["path"] == "/a"
    assert told["request"]["query"] == {"b": "1"}
    assert told["request"]["body"] == {"c": 2}
    assert told["matched_route"]["name"] == "all"


# ---- redirect


@pytest.mark.parametrize(
    ("config", "status", "location"),
    [
        ("location: 'https://a.test/x'", 301, "https://a.test/x"),
        ("location: 'https://a.test/x', status_code: 308", 308, "https://a.test/x"),
        ("location: 'https://a.test/x', keep_incoming_path: true", 301, "https://a.test/p?q=1"),
    ],
)
async def test_redirect(config: str, status: int, location: str) -> None:
    async with kong(plugin("redirect", config)) as house:
        reply = await house.get("/p?q=1")
    assert (reply.status, reply.headers["Location"], reply.text) == (status, location, "redirecting")


# ---- cors

ORIGIN = {"Origin": "https://a.test"}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "PUT"}
ALLOWED = "Access-Control-Allow-Origin"


async def test_cors_answers_a_preflight() -> None:
    async with kong(plugin("cors", "max_age: 60")) as house:
        reply = await house.call(
            "OPTIONS", "/", headers={**PREFLIGHT, "Access-Control-Request-Headers": "x-a"}
        )
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers[ALLOWED] == "*"
    assert (
        reply.headers["Access-Control-Allow-Methods"]
        == "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
    )
    assert reply.headers["Access-Control-Allow-Headers"] == "x-a"
    assert reply.headers["Access-Control-Max-Age"] == "60"
    assert house.upstream.seen == []


async def test_cors_leaves_other_options_requests_and_preflights_alone_when_told() -> None:
    async with kong(plugin("cors")) as house:
        assert (await house.call("OPTIONS", "/", headers=ORIGIN)).status == 200
        assert len(house.upstream.seen) == 1
    async with kong(plugin("cors", "preflight_continue: true")) as house:
        reply = await house.call("OPTIONS", "/", headers=PREFLIGHT)
        assert len(house.upstream.seen) == 1
    assert ALLOWED not in reply.headers


# config, Origin, what is allowed, Vary
ORIGINS = [
    ("", "https://a.test", "*", None),
    ("origins: ['*']", "https://a.test", "*", None),
    ("origins: ['https://b.test']", "https://a.test", "https://b.test", "Origin"),
    ("origins: ['https://a.test', 'https://b.test']", "https://a.test", "https://a.test", "Origin"),
    ("origins: ['https://a.test', 'https://b.test']", "https://b.test:443", "https://b.test", "Origin"),
    ("origins: ['https://a.test', 'https://b.test']", "https://c.test", None, "Origin"),
    ("origins: ['https://.*\\.test']", "https://x.test", "https://x.test", "Origin"),
    ("origins: ['https://.*\\.test']", "https://x.test.evil", None, "Origin"),
    ("origins: ['https://.*\\.test']", "http://https://x.test", None, "Origin"),
    ("origins: ['(a|b)\\.test', 'z']", "https://b.test:8080", "https://b.test:8080", "Origin"),
    ("credentials: true", "https://a.test", "https://a.test", "Origin"),
]


@pytest.mark.parametrize(("config", "origin", "allowed", "vary"), ORIGINS)
async def test_cors_allows_origins(config: str, origin: str, allowed: str | None, vary: str | None) -> None:
    async with kong(plugin("cors", config)) as house:
        reply = await house.get(headers={"Origin": origin})
    assert reply.headers.get(ALLOWED) == allowed
    assert reply.headers.get("Vary") == vary
    assert reply.headers.get("Access-Control-Allow-Credentials") == (
        "true" if "credentials" in config else None
    )


async def test_cors_without_origin() -> None:
    async with kong(plugin("cors", "exposed_headers: [X-A, X-B]")) as house:
        reply = await house.get()
    assert reply.headers[ALLOWED] == "*"
    assert reply.headers["Access-Control-Expose-Headers"] == "X-A,X-B"
    async with kong(plugin("cors", "allow_origin_absent: false")) as house:
        assert ALLOWED not in (await house.get()).headers


async def test_cors_private_network() -> None:
    async with kong(plugin("cors", "private_network: true")) as house:
        asked = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}
        reply = await house.call("OPTIONS", "/", headers=asked)
    assert reply.headers["Access-Control-Allow-Private-Network"] == "true"


# ---- proxy-cache

CACHE = "strategy: memory"


def counted(kind: str = "application/json", status: int = 200, **headers: str) -> Any:
    number = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal number
        number += 1
        made = {"Content-Type": kind, "X-Up": "u", **headers}
        return web.Response(status=status, body=str(number).encode(), headers=made)

    return answer


async def statuses(
    config: str, requests: list[tuple[str, dict[str, Any]]], answer: Any, world: FrozenWorld | None = None
) -> list[tuple[str, str]]:
    """(X-Cache-Status, body) of each answer."""
    async with kong(plugin("proxy-cache", f"{CACHE}{config}"), answer=answer, world=world) as house:
        found = []
        for path, options in requests:
            method = options.pop("method", "GET")
            if world is not None:
                world.time += options.pop("wait", 0)
            reply = await house.call(method, path, **options)
            found.append((reply.headers.get("X-Cache-Status", ""), reply.text))
    return found


GET: tuple[str, dict[str, Any]] = ("/", {})


@pytest.mark.parametrize(
    ("config", "requests", "kind", "expected"),
    [
        ("", [("/", {}), ("/", {})], "application/json", [("Miss", "1"), ("Hit", "1")]),
        ("", [("/a", {}), ("/b", {})], "application/json", [("Miss", "1"), ("Miss", "2")]),
        ("", [("/?a=1&b=2", {}), ("/?b=2&a=1", {})], "application/json", [("Miss", "1"), ("Hit", "1")]),
        ("", [("/?a=1", {}), ("/?a=2", {})], "application/json", [("Miss", "1"), ("Miss", "2")]),
        (
            ", vary_query_params: [a]",
            [("/?a=1&b=1", {}), ("/?a=1&b=2", {})],
            "application/json",
            [("Miss", "1"), ("Hit", "1")],
        ),
        (
            ", vary_headers: [x-v]",
            [("/", {"headers": {"X-V": "1"}}), ("/", {"headers": {"X-V": "2"}})],
            "application/json",
            [("Miss", "1"), ("Miss", "2")],
        ),
        ("", [("/", {"method": "POST"})], "application/json", [("Bypass", "1")]),
        # the type must match with its parameters
        ("", [("/", {}), ("/", {})], "application/json; charset=utf-8", [("Bypass", "1"), ("Bypass", "2")]),
        (
            ", content_type: ['application/json; charset=utf-8']",
            [("/", {}), ("/", {})],
            "application/json;charset=UTF-8",
            [("Miss", "1"), ("Hit", "1")],
        ),
        (
            ", cache_control: true",
            [("/", {"headers": {"Cache-Control": "no-cache"}})],
            "application/json",
            [("Bypass", "1")],
        ),
        (
            ", cache_control: true",
            [("/", {"headers": {"Cache-Control": "only-if-cached"}})],
            "application/json",
            [("", "")],
        ),
        (
            ", ignore_uri_case: true",
            [("/A", {}), ("/a", {})],
            "application/json",
            [("Miss", "1"), ("Hit", "1")],
        ),
    ],
)
async def test_proxy_cache(
    config: str, requests: list[tuple[str, dict[str, Any]]], kind: str, expected: list[tuple[str, str]]
) -> None:
    copied = [(path, dict(options)) for path, options in requests]
    assert await statuses(config, copied, counted(kind)) == expected


async def test_proxy_cache_keeps_an_answer_for_its_time() -> None:
    world = FrozenWorld()
    requests: list[tuple[str, dict[str, Any]]] = [("/", {}), ("/", {"wait": 30}), ("/", {"wait": 31})]
    found = await statuses(", cache_ttl: 60", requests, counted(), world)
    assert found == [("Miss", "1"), ("Hit", "1"), ("Miss", "2")]
    requests = [("/", {}), ("/", {"wait": 61})]
    found = await statuses(", cache_ttl: 60, storage_ttl: 600", requests, counted(), world)
    assert found == [("Miss", "1"), ("Refresh", "2")]


async def test_proxy_cache_obeys_the_upstream() -> None:
    for control, expected in (
        ("max-age=60", ["Miss", "Hit"]),
        ("private, max-age=60", ["Bypass", "Bypass"]),
        ("no-store", ["Bypass", "Bypass"]),
        ("max-age=0", ["Bypass", "Bypass"]),
    ):
        answer = counted(**{"Cache-Control": control})
        found = await statuses(", cache_control: true", [("/", {}), ("/", {})], answer)
        assert [status for status, _ in found] == expected


async def test_hit_has_the_headers_of_the_answer_and_of_the_cache() -> None:
    world = FrozenWorld()
    async with kong(plugin("proxy-cache", CACHE), answer=counted(status=404), world=world) as house:
        miss = await house.get()
        world.time += 7
        hit = await house.get()
    assert hit.status == 404
    assert hit.headers["X-Up"] == "u"
    assert hit.headers["Age"] == "7"
    assert hit.headers["X-Cache-Key"] == miss.headers["X-Cache-Key"]
    assert hit.headers["Via"] == "1.1 kong/3.10.0"
    assert "X-Kong-Upstream-Latency" not in hit.headers
    assert len(house.upstream.seen) == 1


def test_proxy_cache_asks_for_a_strategy() -> None:
    assert any("config.strategy: required field missing" in line for line in errors(plugin("proxy-cache")))


# ---- correlation-id


@pytest.mark.parametrize(
    ("config", "pattern"),
    [
        ("", r"[0-9a-f-]{36}#1"),
        ("generator: uuid", r"[0-9a-f-]{36}"),
        ("generator: tracker", r"127\.0\.0\.1-\d+-\d+-\d+-1-\d+\.\d{3}"),
    ],
)
async def test_correlation_id(config: str, pattern: str) -> None:
    import re

    async with kong(plugin("correlation-id", config)) as house:
        reply = await house.get()
    assert re.fullmatch(pattern, house.sent["headers"]["kong-request-id"])
    assert "Kong-Request-ID" not in reply.headers


async def test_correlation_id_of_the_client_is_kept_and_echoed() -> None:
    async with kong(plugin("correlation-id", "header_name: X-Id, echo_downstream: true")) as house:
        reply = await house.get(headers={"X-Id": "mine"})
        other = await house.get()
    assert reply.headers["X-Id"] == house.upstream.seen[0]["headers"]["x-id"] == "mine"
    assert other.headers["X-Id"] == house.upstream.seen[1]["headers"]["x-id"]


# ---- logs


async def test_http_log_sends_a_line_after_the_answer() -> None:
    config = "http_endpoint: 'http://us%65r:pw@callee.test/log?x=1', headers: {X-L: '1'}"
    text = plugin("http-log", config) + "  - {name: key-auth}\n"
    text += "consumers: [{username: ann, keyauth_credentials: [{key: k}]}]\n"
    async with kong(text) as house:
        await house.post("/a?b=1", data=b"body", headers={"apikey": "k", "Authorization": "secret"})
        await house.runtime.drain(2)
        await house.get()
        await house.runtime.drain(2)
    first, second = (json.loads(call["body"]) for call in house.callee.seen)
    call = house.callee.seen[0]
    assert (call["method"], call["path"]) == ("POST", "/log?x=1")
    assert call["headers"]["authorization"] == "Basic dXNlcjpwdw=="
    assert call["headers"]["x-l"] == "1"
    assert first["request"]["uri"] == "/a?b=1"
    assert first["request"]["querystring"] == {"b": "1"}
    assert first["request"]["headers"]["authorization"] == "REDACTED"
    assert first["response"]["status"] == 200
    assert first["upstream_uri"] == "/a"
    assert first["upstream_status"] == "200"
    assert (first["route"]["name"], first["service"]["name"]) == ("all", "up")
    assert first["consumer"]["username"] == "ann"
    assert (first["source"], second["source"]) == ("upstream", "error")
    assert second["response"]["status"] == 401
    assert "consumer" not in second


async def test_http_log_that_is_not_taken_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with kong(plugin("http-log", "http_endpoint: http://127.0.0.1:1/")) as house:
        assert (await house.get()).status == 200
        await house.runtime.drain(2)
    assert "did not take a log" in caplog.text


async def test_file_log_appends_lines(tmp_path: Path) -> None:
    path = tmp_path / "kong.log"
    async with kong(plugin("file-log", f"path: {path}")) as house:
        await house.get("/one")
        await house.get("/two")
        await asyncio.sleep(0)
        await house.runtime.drain(2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["request"]["uri"] for line in lines] == ["/one", "/two"]


async def test_global_logs_run_when_no_route_was_found() -> None:
    text = plugin("http-log", "http_endpoint: http://callee.test/").replace("paths: [/]", "paths: [/a]")
    async with kong(text) as house:
        assert (await house.get("/b")).status == 404
        await house.runtime.drain(2)
    assert json.loads(house.callee.seen[0]["body"])["response"]["status"] == 404


# ---- Lua idioms


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [
        ("return kong.response.exit(403, 'no')", 403, "no"),
        (
            'kong.response.exit(418, { message = "teapot", n = 1, ok = true })',
            418,
            '{"message":"teapot","n":1,"ok":true}',
        ),
        ("return kong.response.exit(204)", 204, ""),
    ],
)
async def test_lua_that_answers(code: str, status: int, body: str) -> None:
    async with kong(plugin("pre-function", f"access: [{json.dumps(code)}]")) as house:
        reply = await house.get()
    assert (reply.status, reply.text) == (status, body)


async def test_lua_that_sets_headers() -> None:
    before = 'kong.service.request.set_header("X-A", "1") -- a comment\nkong.service.request.clear_header("X-B");\nkong.ctx.shared.a = 5'
    after = 'kong.response.set_header("X-R", "2")\nkong.response.clear_header("Content-Type")'
    config = f"access: [{json.dumps(before)}], header_filter: [{json.dumps(after)}]"
    async with kong(plugin("pre-function", config)) as house:
        reply = await house.get(headers={"X-B": "b"})
    assert house.sent["headers"]["x-a"] == "1"
    assert "x-b" not in house.sent["headers"]
    assert reply.headers["X-R"] == "2"
    assert "Content-Type" not in reply.headers


async def test_other_lua_is_left_out_with_a_warning() -> None:
    text = plugin("post-function", "access: ['local x = 1', 'kong.response.exit(400)']")
    (told,) = warnings(text)
    assert "plugins[0].config.access: this Lua is not run here: local x = 1" in told
    async with kong(text) as house:
        assert (await house.get()).status == 400
