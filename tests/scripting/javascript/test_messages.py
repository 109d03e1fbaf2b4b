"""request, response, message, and the message objects of context."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.context import TARGET_REQUEST, TargetCall
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from tests.scripting.javascript.scripts import answer, context, failure_of, run, value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("request.headers['Accept'] + ''", "text/html"),
        ("request.headers.accept[1]", "*/*"),
        ("request.headers.Accept.length()", 2),
        ("request.headers.Accept.length > 1", True),
        ("request.headers['X-None'] === undefined", True),
        ("request.headers['X-One'] == 'one'", True),
        ("request.headers['X-One'].toUpperCase()", "ONE"),
        ("'X-One' in request.headers", True),
        ("Object.keys(request.headers).join()", "Accept,X-One"),
        ("(function () { var n = []; for (var k in request.headers) n.push(k); return n.join(); })()", "Accept,X-One"),
        ("JSON.stringify({one: request.headers['X-One'], all: request.headers.Accept})",
         '{"one":"one","all":["text/html","*/*"]}'),
        ("request.queryParams['q'] + request.queryParams.q[1] + request.queryParams.q.length()", "ab2"),
        ("request.queryParams.none == undefined", True),
        ("request.method", "POST"),
        ("request.content", '{"a":1}'),
        ("typeof request.body", "string"),
        ("request.content.asJSON.a", 1),
        ("context.proxyRequest.content === request.content", True),
        ("message.content", '{"a":1}'),
        ("typeof response", "undefined"),
        ("typeof context.targetRequest", "undefined"),
        ("request.status === undefined", True),
    ],
)  # fmt: skip
async def test_a_request_is_read(expression: str, value: Any) -> None:
    ctx = context(
        verb="POST",
        query="q=a&q=b",
        headers={"Accept": "text/html, */*", "X-One": "one"},
        body='{"a":1}',
    )
    assert await value_of(expression, ctx) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("response.status.code", 404),
        ("response.status.message", "Not Found"),
        ("response.status == 404", True),
        ("'' + response.status", "404"),
        ("context.proxyResponse.headers['X-A'] + '!'", "b!"),
        ("message.status.code", 404),
    ],
)
async def test_a_response_is_read(expression: str, value: Any) -> None:
    assert await value_of(expression, context(response=answer(404, "x", X_A="b"))) == value


async def test_headers_and_parameters_are_changed() -> None:
    ctx = context(headers={"A": "1", "B": "2", "C": "3"}, query="p=1&q=2")
    await run(
        """
        request.headers['A'] = 'one';
        request.headers['New'] = ['x', 'y'];
        delete request.headers['B'];
        request.headers['C'][0] = 'three';
        request.queryParams.p = [7, 8];
        delete request.queryParams['q'];
        """,
        ctx,
    )
    assert list(ctx.request.headers) == [("A", "one"), ("C", "three"), ("New", "x"), ("New", "y")]
    assert ctx.request.query_string == "p=7&p=8"


async def test_verb_body_and_status_are_changed() -> None:
    ctx = context(response=answer())
    await run(
        "request.method = 'PUT'; request.body = 'new'; response.status.code = 418; response.content = 'tea';",
        ctx,
    )
    assert (ctx.request.verb, ctx.request.content) == ("PUT", "new")
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.content) == (418, "tea")


async def test_changes_of_as_json_are_written_back() -> None:
    ctx = context(response=answer())
    await run(
        "response.content = ''; var r = response.content.asJSON; r.a = 1; response.content.asJSON.b = [2];",
        ctx,
    )
    assert ctx.response is not None
    assert ctx.response.content == '{"a":1,"b":[2]}'


async def test_reading_as_json_does_not_touch_the_body() -> None:
    ctx = context(body='{ "a" : 1 }')
    await run("context.setVariable('a', request.content.asJSON.a);", ctx)
    assert ctx.request.body == b'{ "a" : 1 }'


async def test_a_body_set_by_hand_wins_over_a_view_that_was_read_before() -> None:
    ctx = context(body='{"a":1}')
    await run("var j = request.content.asJSON; j.a = 2; context.setVariable('request.content', 'mine');", ctx)
    assert ctx.request.content == "mine"


async def test_views_are_written_back_when_the_script_fails_afterwards() -> None:
    ctx = context(body="{}")
    assert "stop" in await failure_of_in(ctx, "request.content.asJSON.a = 1; throw new Error('stop');")
    assert ctx.request.content == '{"a":1}'


async def failure_of_in(ctx: Any, script: str) -> str:
    return await failure_of(script, ctx)


async def test_form_parameters_are_read_and_changed() -> None:
    ctx = context(body="a=1&a=2&b=3", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert await value_of("request.content.asForm['a'][1]", ctx) == "2"
    await run("request.content.asForm['b'] = 'x y';", ctx)
    assert ctx.request.body == b"a=1&a=2&b=x+y"


async def test_target_url_and_its_parts_are_changed_in_the_target_flow() -> None:
    ctx = context()
    ctx.target = TargetCall("default", lambda ctx: "http://one.example:81/base?x=1")
    ctx.phase = TARGET_REQUEST
    assert await value_of("context.targetRequest.host + context.targetRequest.port + request.path", ctx) == (
        "one.example81/base"
    )
    await run("context.targetRequest.protocol = 'https'; context.targetRequest.path = '/other';", ctx)
    assert ctx.target.url == "https://one.example:81/other?x=1"
    await run("request.url = 'http://two.example/x';", ctx)
    assert ctx.target.url == "http://two.example/x"


async def test_in_the_error_flow_response_is_the_pending_error() -> None:
    ctx = context()
    ctx.fault, ctx.error = Fault("x.Y", "broken"), Message.response(500)
    await run("context.proxyResponse.content = 'sorry'; message.status.code = 503;", ctx)
    assert (ctx.error.content, ctx.error.status) == ("sorry", 503)


async def test_names_of_the_runtime_can_be_taken_for_variables() -> None:
    script = "var response = {a: 1}; let request = 2; context.setVariable('r', response.a + request);"
    assert (await run(script)).variables["r"] == 3
