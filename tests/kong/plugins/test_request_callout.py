"""request-callout: results, dependencies, failures, and what of them reaches the upstream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from tests.kong.house import errors, kong, plugin

USER = "{name: user, request: {url: 'http://callee.test/user'}, response: {body: {decode: true}}}"


def answers(**bodies: Any) -> Any:
    """Answers of paths: a JSON body, or a status."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = bodies.get(request.path.strip("/"), {})
        return web.Response(status=body) if isinstance(body, int) else web.json_response(body)

    return answer


async def test_result_reaches_later_callouts_and_the_upstream() -> None:
    orders = (
        "{name: orders, depends_on: [user], request: {url: 'http://callee.test/orders', method: POST, "
        "query: {custom: {id: '$(callouts.user.response.body.id)'}}, "
        "headers: {custom: {x-user: '$(callouts.user.response.body.id)'}}, "
        "body: {custom: {n: '$(headers.x_n)'}}}}"
    )
    upstream = (
        "upstream: {headers: {custom: {x-status: '$(callouts.orders.response.status)'}}, "
        "query: {custom: {user: '$(callouts.user.response.body.id)'}}}"
    )
    config = f"callouts: [{orders}, {USER}], {upstream}"
    async with kong(plugin("request-callout", config), callee=answers(user={"id": "u7"})) as house:
        assert (await house.get("/a?b=1", headers={"X-N": "5"})).status == 200
    first, second = house.callee.seen
    assert first["path"] == "/user"
    assert (second["method"], second["path"]) == ("POST", "/orders?id=u7")
    assert second["headers"]["x-user"] == "u7"
    assert json.loads(second["body"]) == {"n": "5"}
    assert "x-n" not in second["headers"]
    assert house.sent["headers"]["x-status"] == "200"
    assert house.sent["headers"]["x-n"] == "5"
    assert house.sent["path"] == "/a?b=1&user=u7"


async def test_clients_request_may_be_forwarded() -> None:
    forward = "headers: {forward: true}, query: {forward: true}, body: {forward: true}"
    config = f"callouts: [{{name: c, request: {{url: 'http://callee.test/', method: POST, {forward}}}}}]"
    async with kong(plugin("request-callout", config)) as house:
        await house.post("/?a=1", data=b"body", headers={"X-A": "1"})
    call = house.callee.seen[0]
    assert (call["path"], call["body"], call["headers"]["x-a"]) == ("/?a=1", "body", "1")


@pytest.mark.parametrize(
    ("error", "status", "calls"),
    [
        ("", 200, 1),
        ("http_statuses: [500]", 400, 1),
        ("http_statuses: [500], on_error: continue", 200, 1),
        ("http_statuses: [500], on_error: retry, retries: 3", 400, 4),
        ("http_statuses: [500], error_response_code: 502, error_response_msg: no user", 502, 1),
    ],
)
async def test_failure(error: str, status: int, calls: int) -> None:
    config = f"callouts: [{{name: user, request: {{url: 'http://callee.test/user', error: {{{error}}}}}}}]"
    async with kong(plugin("request-callout", config), callee=answers(user=500)) as house:
        reply = await house.get()
    assert (reply.status, len(house.callee.seen)) == (status, calls)
    if status != 200:
        assert reply.json()["message"] == ("no user" if status == 502 else "service callout error")


async def test_server_that_is_down_refuses_or_not() -> None:
    for error, status in (("fail", 400), ("continue", 200)):
        config = (
            f"callouts: [{{name: c, request: {{url: 'http://127.0.0.1:1/', error: {{on_error: {error}}}}}}}]"
        )
        async with kong(plugin("request-callout", config)) as house:
            assert (await house.get()).status == status


async def test_answers_are_kept_when_told() -> None:
    config = f"callouts: [{USER}], cache: {{strategy: memory}}"
    shown = '  - {name: request-transformer, config: {add: {headers: ["x-id:$(callouts.user.response.body.id)"]}}}\n'
    async with kong(plugin("request-callout", config) + shown, callee=answers(user={"id": 1})) as house:
        await house.get()
        await house.get()
    assert len(house.callee.seen) == 1
    assert [seen["headers"]["x-id"] for seen in house.upstream.seen] == ["1", "1"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", "config.callouts: required field missing"),
        ("callouts: []", "config.callouts: length must be at least 1"),
        ("callouts: [{name: a}]", "config.callouts[0].request.url: required field missing"),
        (f"callouts: [{USER}, {USER}]", "the name 'user' stands twice"),
        (
            "callouts: [{name: a, depends_on: [b], request: {url: x}}]",
            "a.depends_on: there is no callout 'b'",
        ),
        (
            "callouts: [{name: a, depends_on: [b], request: {url: x}}, {name: b, depends_on: [a], request: {url: x}}]",
            "depends_on goes round in a circle",
        ),
    ],
)
def test_wrong_config_is_an_error(config: str, expected: str) -> None:
    told = errors(plugin("request-callout", config))
    assert any(expected in line for line in told), told
