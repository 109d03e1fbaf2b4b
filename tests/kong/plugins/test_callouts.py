"""external-callout and service-callout, field by field: the declaration, then over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.kong.callout import FIELDS, HeaderTable, as_body, decoded
from apiproxy_runtime.kong.plugin import plugin_named
from tests.kong.house import KongHouse, errors, kong, plugin, read, warnings

BOTH = ("external-callout", "service-callout")
URL = "callout_url: http://callee.test/do"

both = pytest.mark.parametrize("name", BOTH)


def show(expression: str) -> str:
    """A second plugin that shows a value of kong.ctx.shared to the upstream."""
    pair = json.dumps(f"x-shown:$({expression})")
    return f"  - {{name: request-transformer, config: {{add: {{headers: [{pair}]}}}}}}\n"


def remember(key: str, value: str) -> str:
    """A plugin that runs before the callouts and puts a value into kong.ctx.shared."""
    code = json.dumps(f"kong.ctx.shared.{key} = {value}")
    return f"  - {{name: pre-function, config: {{access: [{code}]}}}}\n"


def answers(text: str, status: int = 200, **headers: str) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return answer


# ---- declaration


@both
def test_defaults_are_those_of_the_documents(name: str) -> None:
    configuration, findings = read(plugin(name, URL))
    assert not findings.items
    assert configuration is not None
    assert configuration.plugins[0].config == {
        "callout_url": "http://callee.test/do",
        "method": "POST",
        "headers": {},
        "request_body_source_type": "request_body",
        "request_body_source_name": None,
        "wait_for_response": True,
        "response_to_shared_context_key": None,
        "on_error_status": 500,
        "on_error_body": "External Callout failed.",
        "on_error_continue": False,
    }
    assert configuration.plugins[0].plugin.priority == 1000


@both
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", "config.callout_url: required field missing"),
        ("callout_url: ''", "config.callout_url: length must be at least 1"),
        ("callout_url: somewhere", "config.callout_url: not a URL of http or https: somewhere"),
        ("callout_url: 'ftp://a'", "config.callout_url: not a URL of http or https: ftp://a"),
        (
            f"{URL}, method: get",
            "config.method: expected one of: GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        ),
        (f"{URL}, method: TRACE", "config.method: expected one of"),
        (f"{URL}, headers: [a]", "config.headers: expected a map, not an array"),
        (f"{URL}, headers: {{a: 1}}", "config.headers.a: expected a string, not 1"),
        (f"{URL}, headers: {{'a b': x}}", "bad header name 'a b'"),
        (f"{URL}, request_body_source_type: body", "expected one of: request_body, shared_context, none"),
        (f"{URL}, request_body_source_name: 1", "request_body_source_name: expected a string, not 1"),
        (f"{URL}, wait_for_response: 'yes'", 'wait_for_response: expected a boolean, not "yes"'),
        (f"{URL}, on_error_status: 399", "on_error_status: value should be between 400 and 599, not 399"),
        (f"{URL}, on_error_status: 600", "on_error_status: value should be between 400 and 599, not 600"),
        (f"{URL}, on_error_status: 450.5", "on_error_status: expected an integer, not 450.5"),
        (f"{URL}, on_error_body: 5", "on_error_body: expected a string, not 5"),
        (f"{URL}, on_error_continue: 1", "on_error_continue: expected a boolean, not 1"),
        (f"{URL}, url: http://a", "config.url: unknown field. Known: callout_url"),
        (f"{URL}, timeout: 5", "config.timeout: unknown field"),
    ],
)
def test_wrong_field_is_an_error(name: str, config: str, expected: str) -> None:
    told = errors(plugin(name, config))
    assert any(expected in line for line in told), told


@both
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("request_body_source_type: shared_context", "request_body_source_name: required when"),
        (
            "wait_for_response: false, response_to_shared_context_key: k",
            "response_to_shared_context_key: ignored",
        ),
        ("wait_for_response: false, on_error_status: 400", "on_error_status: ignored"),
        ("wait_for_response: false, on_error_body: x", "on_error_body: ignored"),
        ("wait_for_response: false, on_error_continue: true", "on_error_continue: ignored"),
    ],
)
def test_what_has_no_effect_is_a_warning(name: str, config: str, expected: str) -> None:
    (told,) = warnings(plugin(name, f"{URL}, {config}"))
    assert expected in told


@both
def test_instance_of_a_service_or_route_is_a_warning(name: str) -> None:
    for scope in ("service: up", "route: all"):
        key, _, value = scope.partition(": ")
        (told,) = warnings(plugin(name, URL, **{key: value}))
        assert "the published schema of this plugin knows global instances only" in told


@both
def test_name_with_underscore_is_taken_with_a_warning(name: str) -> None:
    snake = name.replace("-", "_")
    (told,) = warnings(plugin(snake, URL))
    assert f"'{snake}' is taken for '{name}'" in told
    assert plugin_named(snake) is plugin_named(name)


def test_every_field_of_the_documents_is_declared() -> None:
    assert set(FIELDS) == {
        *("callout_url", "method", "headers", "request_body_source_type", "request_body_source_name"),
        *("wait_for_response", "response_to_shared_context_key"),
        *("on_error_status", "on_error_body", "on_error_continue"),
    }


# ---- the call


@both
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_method_and_url(name: str, method: str) -> None:
    config = f"callout_url: 'http://callee.test/do/x?a=1&b', method: {method}, request_body_source_type: none"
    async with kong(plugin(name, config)) as house:
        assert (await house.get("/orders?c=2")).status == 200
    (call,) = house.callee.seen
    assert (call["method"], call["path"], call["body"]) == (method, "/do/x?a=1&b", "")
    assert house.sent["path"] == "/orders?c=2"


@both
async def test_head_is_called_too(name: str) -> None:
    async with kong(plugin(name, f"{URL}, method: HEAD, request_body_source_type: none")) as house:
        assert (await house.get()).status == 200
    assert house.callee.seen[0]["method"] == "HEAD"


@both
async def test_only_the_configured_headers_are_sent(name: str) -> None:
    config = f"{URL}, headers: {{X-One: '1', Content-Type: application/json}}"
    async with kong(plugin(name, config)) as house:
        await house.post(data=b"{}", headers={"X-Client": "c", "Authorization": "secret", "Cookie": "a=b"})
    headers = house.callee.seen[0]["headers"]
    assert headers["x-one"] == "1"
    assert headers["content-type"] == "application/json"
    assert not {"x-client", "authorization", "cookie", "x-forwarded-for", "via"} & set(headers)
    assert headers["host"] == "callee.test"


# ---- the body


@both
async def test_body_of_the_request_is_sent_and_stays(name: str) -> None:
    async with kong(plugin(name, URL)) as house:
        await house.post(data=b"raw \x00 body")
        await house.get()
    first, second = house.callee.seen
    assert first["body"] == "raw \x00 body"
    assert second["body"] == ""
    assert house.upstream.seen[0]["body"] == "raw \x00 body"


@both
async def test_get_carries_the_body_too(name: str) -> None:
    async with kong(plugin(name, f"{URL}, method: GET")) as house:
        await house.post(data=b"abc")
    assert (house.callee.seen[0]["method"], house.callee.seen[0]["body"]) == ("GET", "abc")


@both
async def test_encoded_body_is_sent_as_it_came(name: str) -> None:
    import gzip

    packed = gzip.compress(b"x" * 100, mtime=0)
    async with kong(plugin(name, URL)) as house:
        await house.post(data=packed, headers={"Content-Encoding": "gzip"})
    assert house.callee.seen[0]["headers"]["content-length"] == str(len(packed))


@both
async def test_source_none_sends_no_body(name: str) -> None:
    async with kong(plugin(name, f"{URL}, request_body_source_type: none")) as house:
        await house.post(data=b"secret")
    assert house.callee.seen[0]["body"] == ""


@both
@pytest.mark.parametrize(
    ("value", "expected"), [("'some text'", "some text"), ("12", "12"), ("true", "true"), ("false", "")]
)
async def test_source_shared_context(name: str, value: str, expected: str) -> None:
    config = f"{URL}, request_body_source_type: shared_context, request_body_source_name: payload"
    async with kong(plugin(name, config) + remember("payload", value)) as house:
        await house.post(data=b"not this")
    assert house.callee.seen[0]["body"] == expected


@both
async def test_source_shared_context_that_nobody_set_is_no_body(name: str) -> None:
    config = f"{URL}, request_body_source_type: shared_context, request_body_source_name: nothing"
    async with kong(plugin(name, config)) as house:
        assert (await house.get()).status == 200
    assert house.callee.seen[0]["body"] == ""


async def test_source_shared_context_that_is_a_table_is_json() -> None:
    # service-callout runs before external-callout: names that sort last come first
    text = plugin(
        "service-callout", f"{URL}, request_body_source_type: none, response_to_shared_context_key: one"
    )
    second = "callout_url: http://callee.test/second, request_body_source_type: shared_context"
    text += f"  - {{name: external-callout, config: {{{second}, request_body_source_name: one}}}}\n"
    async with kong(text, callee=answers('{"a": [1, "ü"]}', **{"X-H": "v"})) as house:
        await house.get()
    assert [call["path"] for call in house.callee.seen] == ["/do", "/second"]
    sent = json.loads(house.callee.seen[1]["body"])
    assert sent["status"] == 200
    assert sent["body"] == {"a": [1, "ü"]}
    assert sent["headers"]["X-H"] == "v"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b""),
        (False, b""),
        (True, b"true"),
        (12, b"12"),
        (1.5, b"1.5"),
        ("text", b"text"),
        (b"\x00", b"\x00"),
        ({"a": [1]}, b'{"a":[1]}'),
        ([], b"[]"),
    ],
)
def test_value_as_a_body(value: Any, expected: bytes) -> None:
    assert as_body(value) == expected


@both
async def test_source_shared_context_without_a_name_is_a_failure(name: str) -> None:
    config = f"{URL}, request_body_source_type: shared_context, on_error_status: 502, on_error_body: no name"
    async with kong(plugin(name, config)) as house:
        reply = await house.get()
    assert (reply.status, reply.text) == (502, "no name")
    assert house.callee.seen == house.upstream.seen == []


@both
@pytest.mark.parametrize("more", ["on_error_continue: true", "wait_for_response: false"])
async def test_source_shared_context_without_a_name_is_dropped_otherwise(name: str, more: str) -> None:
    config = f"{URL}, request_body_source_type: shared_context, response_to_shared_context_key: k, {more}"
    async with kong(plugin(name, config) + show("shared.k.status or 'nothing'")) as house:
        assert (await house.get()).status == 200
        await house.runtime.drain(1)
        assert failures(house) == [("missing_source", 0, "continue" if "continue" in more else "none")]
    assert house.callee.seen == []
    assert house.sent["headers"]["x-shown"] == "nothing"


# ---- what is stored


async def stored(name: str, expression: str, callee: Any, config: str = "") -> str:
    text = plugin(name, f"{URL}, response_to_shared_context_key: result{config}")
    async with kong(text + show(expression), callee=callee) as house:
        assert (await house.get()).status == 200
    shown: str = house.sent["headers"]["x-shown"]
    return shown


@both
async def test_status_and_headers_are_stored(name: str) -> None:
    callee = answers("x", 201, **{"X-Score": "7"})
    assert await stored(name, "shared.result.status", callee) == "201"
    assert await stored(name, "shared.result.headers['x-score']", callee) == "7"
    assert await stored(name, "shared.result.headers.X_Score", callee) == "7"


BODIES = [
    ("CLEAN", "CLEAN", "CLEAN"),
    ('{"a":{"b":5}}', '{"a":{"b":5}}', '{"a":{"b":5}}'),
    ("12", "12", "12"),
    ("", "", ""),
    ("{broken", "{broken", "{broken"),
]


@pytest.mark.parametrize(("body", "external", "service"), BODIES)
async def test_body_is_stored(body: str, external: str, service: str) -> None:
    assert await stored("external-callout", "shared.result.body", answers(body)) == external
    assert await stored("service-callout", "shared.result.body", answers(body)) == service


async def test_service_callout_decodes_json_and_external_callout_does_not() -> None:
    callee = answers('{"user": {"name": "ann"}, "list": ["x", "y"]}')
    assert await stored("service-callout", "shared.result.body.user.name", callee) == "ann"
    assert await stored("service-callout", "shared.result.body.list[2]", callee) == "y"
    assert await stored("external-callout", "shared.result.body.user or 'text'", callee) == "text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"a":1}', {"a": 1}), ("12", 12), ('"x"', "x"), ("true", True), ("null", None), ("no", "no"), ("", "")],
)
def test_json_is_decoded_where_it_is_json(text: str, expected: Any) -> None:
    assert decoded(text) == expected


def test_headers_are_found_in_any_spelling() -> None:
    table = HeaderTable({"Content-Type": "a"})
    assert table["content-type"] == table["CONTENT-TYPE"] == table.get("content_type") == "a"
    assert table.get("x") is None


@both
async def test_value_before_is_replaced(name: str) -> None:
    text = plugin(name, f"{URL}, response_to_shared_context_key: k") + remember("k", "'old'")
    async with kong(text + show("shared.k.status")) as house:
        await house.get()
    assert house.sent["headers"]["x-shown"] == "200"


@both
async def test_nothing_is_stored_without_a_key(name: str) -> None:
    async with kong(plugin(name, URL) + show("shared.result.status or 'nothing'")) as house:
        await house.get()
    assert house.sent["headers"]["x-shown"] == "nothing"


# ---- failure


def failures(house: KongHouse) -> list[tuple[str, int, str]]:
    """The failures that were recorded, as (kind, status, action)."""
    kept = house.runtime.gateway.records._kept.get("kong-callouts", ())
    return [(record["kind"], record["status"], record["action"]) for record in kept]


@both
@pytest.mark.parametrize("status", [200, 204, 301, 302, 399])
async def test_status_below_400_is_no_failure_and_redirects_are_not_followed(name: str, status: int) -> None:
    text = plugin(name, f"{URL}, response_to_shared_context_key: r") + show("shared.r.status")
    async with kong(text, callee=answers("", status, Location="http://callee.test/there")) as house:
        assert (await house.get()).status == 200
    assert len(house.callee.seen) == 1
    assert house.sent["headers"]["x-shown"] == str(status)


@both
@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_status_from_400_on_refuses_the_request(name: str, status: int) -> None:
    config = f"{URL}, on_error_status: 403, on_error_body: Security check failed."
    async with kong(plugin(name, config), callee=answers("partner data", status)) as house:
        reply = await house.get()
        assert failures(house) == [("status", status, "abort")]
    assert (reply.status, reply.text) == (403, "Security check failed.")
    assert house.upstream.seen == []


@both
async def test_refusal_has_no_content_type_and_kongs_headers(name: str) -> None:
    async with kong(plugin(name, URL), callee=answers("", 500)) as house:
        reply = await house.get()
    assert (reply.status, reply.text) == (500, "External Callout failed.")
    assert "Content-Type" not in reply.headers
    assert reply.headers["Content-Length"] == "24"
    assert reply.headers["Server"] == "kong/3.10.0"
    assert "X-Kong-Response-Latency" in reply.headers
    assert "X-Kong-Request-Id" in reply.headers


@both
async def test_body_of_a_refusal_may_be_json_or_empty(name: str) -> None:
    for body in ('{"error": "x"}', ""):
        config = f"{URL}, on_error_body: {json.dumps(body)}"
        async with kong(plugin(name, config), callee=answers("", 500)) as house:
            reply = await house.get()
        assert reply.text == body
        assert "Content-Type" not in reply.headers


@both
async def test_server_that_is_down_is_a_failure(name: str) -> None:
    config = "callout_url: http://127.0.0.1:1/x, on_error_status: 504"
    async with kong(plugin(name, config)) as house:
        assert (await house.get()).status == 504
        assert failures(house) == [("transport", 0, "abort")]


@both
async def test_call_that_takes_too_long_is_a_failure(name: str) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.Response()

    async with kong(plugin(name, URL), callee=slow, callout_seconds=(0.1, 0.2)) as house:
        began = time.monotonic()
        assert (await house.get()).status == 500
        assert time.monotonic() - began < 1.5


@both
async def test_failure_is_stored_before_the_request_goes_on(name: str) -> None:
    more = ", on_error_continue: true"
    assert await stored(name, "shared.result.status", answers("why", 503), more) == "503"
    assert await stored(name, "shared.result.body", answers("why", 503), more) == "why"


@both
async def test_server_that_is_down_is_stored_as_status_0_with_the_error(name: str) -> None:
    config = "callout_url: http://127.0.0.1:1/x, response_to_shared_context_key: r, on_error_continue: true"
    async with kong(plugin(name, config) + show("shared.r.status")) as house:
        assert (await house.get()).status == 200
        assert failures(house) == [("transport", 0, "continue")]
    assert house.sent["headers"]["x-shown"] == "0"
    async with kong(plugin(name, config) + show("shared.r.body")) as house:
        await house.get()
    assert "no connection" in house.sent["headers"]["x-shown"]


@both
async def test_later_plugins_run_after_a_failure_that_is_continued(name: str) -> None:
    text = plugin(name, f"{URL}, on_error_continue: true") + "  - {name: request-termination}\n"
    async with kong(text, callee=answers("", 500)) as house:
        assert (await house.get()).status == 503


@both
async def test_filters_run_after_a_refusal_and_access_does_not(name: str) -> None:
    text = plugin(name, URL) + "  - {name: cors}\n  - {name: rate-limiting, config: {minute: 5}}\n"
    async with kong(text, callee=answers("", 500)) as house:
        reply = await house.get()
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "RateLimit-Limit" not in reply.headers


@both
async def test_log_tells_the_status_and_never_the_body(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "apiproxy"):
        async with kong(plugin(name, URL), callee=answers("secret partner data", 500)) as house:
            await house.get()
    assert "answered 500" in caplog.text
    assert "secret" not in caplog.text


# ---- fire and forget


@both
async def test_request_does_not_wait(name: str) -> None:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    async with kong(plugin(name, f"{URL}, wait_for_response: false"), callee=slow) as house:
        reply = await asyncio.wait_for(house.post(data=b"log me"), 2)
        assert reply.status == 200
        release.set()
        await house.runtime.drain(2)
    assert house.callee.seen[0]["body"] == "log me"


@both
@pytest.mark.parametrize("status", [200, 500])
async def test_answer_is_forgotten(name: str, status: int) -> None:
    text = plugin(name, f"{URL}, wait_for_response: false, response_to_shared_context_key: r")
    async with kong(text + show("shared.r.status or 'nothing'"), callee=answers("", status)) as house:
        assert (await house.get()).status == 200
        await house.runtime.drain(2)
        assert failures(house) == []
    assert house.sent["headers"]["x-shown"] == "nothing"
    assert len(house.callee.seen) == 1


@both
async def test_transport_failure_is_recorded_and_nothing_else(name: str) -> None:
    config = "callout_url: http://127.0.0.1:1/x, wait_for_response: false"
    async with kong(plugin(name, config)) as house:
        assert (await house.get()).status == 200
        await house.runtime.drain(2)
        assert failures(house) == [("transport", 0, "none")]


@both
async def test_many_calls_stand_in_line_and_all_are_made(name: str) -> None:
    running = most = 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response()

    async with kong(plugin(name, f"{URL}, wait_for_response: false"), callee=counted) as house:
        await asyncio.gather(*(house.get() for _ in range(150)))
        await house.runtime.drain(10)
    assert len(house.callee.seen) == 150
    assert most <= 64


# ---- order


async def test_callouts_run_after_authentication_and_before_limits() -> None:
    text = (
        plugin("service-callout", URL)
        + "  - {name: key-auth}\n  - {name: rate-limiting, config: {minute: 1}}\n"
    )
    text += "consumers: [{username: a, keyauth_credentials: [{key: k}]}]\n"
    async with kong(text) as house:
        assert (await house.get()).status == 401
        assert house.callee.seen == []
        replies = [(await house.get(headers={"apikey": "k"})).status for _ in range(2)]
    assert replies == [200, 429]
    assert len(house.callee.seen) == 2
