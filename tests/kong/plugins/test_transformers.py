"""request-transformer, response-transformer, and the templates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.template import TemplateError, compile_template, renderer
from apiproxy_runtime.message.context import Client, Deployment
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from tests.kong.house import errors, kong, plugin

JSON = {"Content-Type": "application/json"}


def context() -> KongContext:
    request = Message(True, Headers([("X-A", "1"), ("X-Two", "a"), ("X-Two", "b")]))
    request.query_string = "q=v&q=w&one=1"
    ctx = KongContext(request, Deployment(), Client())
    ctx.captures = {"0": "/u/7", "1": "7", "id": "7"}
    ctx.variables.update(
        user={"name": "ann", "tags": ["x", "y"], "n": 2.0, "deep": {"a-b": 1}},
        yes=True,
        callouts={"c": {"response": {"body": {"x": "cx"}}}},
    )
    return ctx


TEMPLATES = [
    ("plain", "plain"),
    ("$(headers.x_a)", "1"),
    ("$(headers['X-A'])", "1"),
    ('$(headers["x-two"][2])', "b"),
    ("$(headers.none)", ""),
    ("a$(query_params.one)b", "a1b"),
    ("$(query_params.q[1])", "v"),
    ("$(uri_captures.id)/$(uri_captures[1])", "7/7"),
    ("$(shared.user.name)", "ann"),
    ("$(shared.user.tags[2])", "y"),
    ("$(shared.user.n)", "2"),
    ("$(shared.user['deep']['a-b'])", "1"),
    ("$(shared.user.tags)", '["x","y"]'),
    ("$(shared.yes)", "true"),
    ("$(shared.nobody.name)", ""),
    ("$(headers.none or 'else')", "else"),
    ("$(headers.none or query_params.one)", "1"),
    ("$(callouts.c.response.body.x)", "cx"),
    ("$((headers.x_a == '1' and 'yes') or 'no')", "yes"),
    ("$((headers.none ~= nil and headers.none:sub(1, 3) ~= 'abc' and headers.none) or headers.x_a)", "1"),
    ("$(shared.user.name:sub(1, 2))", "an"),
    ("$(shared.user.name:sub(-2))", "nn"),
    ("$(string.upper(shared.user.name))", "ANN"),
    ("$('a' .. shared.user.name .. ')')", "aann)"),
    ("$(not shared.yes)", "false"),
    ("$(#shared.user.tags)", "2"),
    ("$(tonumber(query_params.one) >= 1)", "true"),
    ("$(tonumber('x') or -1)", "-1"),
    ("$(tostring(nil))", "nil"),
    ("$(headers.none:sub(1))", ""),
    ("$(1 < 'a')", "false"),
]


@pytest.mark.parametrize(("template", "expected"), TEMPLATES)
def test_template(template: str, expected: str) -> None:
    assert renderer(template)(context()) == expected


@pytest.mark.parametrize(
    "template",
    [
        "$(os.time())",
        "$(headers.x",
        "$(string.gsub(headers.x, 'a', 'b'))",
        "$(1 + 1)",
        "$(headers.x or)",
        "$(load('x'))",
        "$()",
        "$(headers..x)",
    ],
)
def test_lua_beyond_values_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        compile_template(template)


REQUEST = [
    ("remove: {headers: [X-A, x-none]}", {"headers": {"X-A": "1", "X-B": "2"}}, {"x-a": None, "x-b": "2"}),
    ("rename: {headers: ['X-A:X-C']}", {"headers": {"X-A": "1"}}, {"x-a": None, "x-c": "1"}),
    ("replace: {headers: ['X-A:9', 'X-N:9']}", {"headers": {"X-A": "1"}}, {"x-a": "9", "x-n": None}),
    ("add: {headers: ['X-A:9', 'X-N:9']}", {"headers": {"X-A": "1"}}, {"x-a": "1", "x-n": "9"}),
    ("append: {headers: ['X-N:9']}", {}, {"x-n": "9"}),
    ("add: {headers: ['X-N:$(headers.x_a):b']}", {"headers": {"X-A": "1"}}, {"x-n": "1:b"}),
    ("replace: {headers: ['Host:other.test']}", {}, {"host": "other.test"}),
    ("add: {headers: ['Host:other.test']}", {}, {"host": "up.test"}),
    (
        "remove: {headers: [X-A]}, rename: {headers: ['X-B:X-A']}, replace: {headers: ['X-A:r']}, add: {headers: ['X-C:$(headers.x_a)']}",
        {"headers": {"X-A": "1", "X-B": "2"}},
        {"x-a": "r", "x-b": None, "x-c": "1"},
    ),
]


@pytest.mark.parametrize(("config", "request_of", "expected"), REQUEST)
async def test_headers_of_the_request(
    config: str, request_of: dict[str, Any], expected: dict[str, str | None]
) -> None:
    async with kong(plugin("request-transformer", config)) as house:
        assert (await house.get(**request_of)).status == 200
    sent = house.sent["headers"]
    assert {name: sent.get(name) for name in expected} == expected


async def test_append_adds_a_line() -> None:
    async with kong(plugin("request-transformer", "append: {headers: ['X-A:2', 'X-A:3']}")) as house:
        await house.get(headers={"X-A": "1"})
    assert [value for name, value in house.sent["raw_headers"] if name == "X-A"] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("config", "query", "expected"),
    [
        ("remove: {querystring: [a]}", "a=1&b=2&a=3", "b=2"),
        ("rename: {querystring: ['a:c']}", "a=1&b=2", "b=2&c=1"),
        ("replace: {querystring: ['a:9', 'n:9']}", "a=1&b=2", "a=9&b=2"),
        ("add: {querystring: ['a:9', 'n:x y']}", "a=1", "a=1&n=x%20y"),
        ("append: {querystring: ['a:9']}", "a=1", "a=1&a=9"),
        ("add: {querystring: ['h:$(headers.x_a)']}", "", "h=1"),
        ("add: {headers: ['y:1']}", "a=1&b&c=", "a=1&b&c="),
    ],
)
async def test_query_of_the_request(config: str, query: str, expected: str) -> None:
    async with kong(plugin("request-transformer", config)) as house:
        await house.get("/p" + (f"?{query}" if query else ""), headers={"X-A": "1"})
    _, _, sent = house.sent["path"].partition("?")
    assert sent == expected


@pytest.mark.parametrize(
    ("config", "body", "expected"),
    [
        ("remove: {body: [a]}", {"a": 1, "b": {"c": 2}}, {"b": {"c": 2}}),
        ("rename: {body: ['a:z']}", {"a": [1]}, {"z": [1]}),
        ("replace: {body: ['a:9', 'n:9']}", {"a": 1}, {"a": "9"}),
        ("add: {body: ['a:9', 'n:9']}", {"a": 1}, {"a": 1, "n": "9"}),
        (
            "append: {body: ['a:9', 'l:9', 'n:9']}",
            {"a": "1", "l": ["0"]},
            {"a": ["1", "9"], "l": ["0", "9"], "n": ["9"]},
        ),
    ],
)
async def test_json_body_of_the_request(config: str, body: Any, expected: Any) -> None:
    async with kong(plugin("request-transformer", config)) as house:
        await house.post(json=body)
    assert json.loads(house.sent["body"]) == expected
    assert house.sent["headers"]["content-length"] == str(len(house.sent["body"].encode()))


async def test_form_and_multipart_bodies_of_the_request() -> None:
    import aiohttp

    config = "remove: {body: [a]}, rename: {body: ['b:c']}, add: {body: ['n:9']}, replace: {body: ['d:8']}"
    async with kong(plugin("request-transformer", config)) as house:
        await house.post(data={"a": "1", "b": "2", "d": "3"})
        form = aiohttp.FormData(default_to_multipart=True)
        for name in "abd":
            form.add_field(name, f"v{name}")
        await house.post(data=form)
    form_body, multipart = (seen["body"] for seen in house.upstream.seen)
    assert form_body == "d=8&c=2&n=9"
    assert 'name="a"' not in multipart
    assert 'name="c"\r\n\r\nvb\r\n' in multipart
    assert 'name="d"\r\n\r\n8\r\n' in multipart
    assert 'name="n"\r\n\r\n9\r\n' in multipart


async def test_body_that_is_no_json_stays() -> None:
    async with kong(plugin("request-transformer", "add: {body: ['n:9']}")) as house:
        await house.post(data=b"{broken", headers=JSON)
        await house.post(data=b"[1]", headers=JSON)
        await house.post(data=b"text", headers={"Content-Type": "text/plain"})
    assert [seen["body"] for seen in house.upstream.seen] == ["{broken", "[1]", "text"]


async def test_path_method_and_captures() -> None:
    text = (
        '_format_version: "3.0"\n'
        "services: [{name: s, url: http://up.test/v1, routes: [{name: r, paths: ['~/u/(?<id>\\d+)']}]}]\n"
        "plugins: [{name: request-transformer, config: {http_method: PUT, replace: {uri: '/users/$(uri_captures.id)'}}}]\n"
    )
    async with kong(text) as house:
        await house.get("/u/7?x=1")
    assert (house.sent["method"], house.sent["path"]) == ("PUT", "/users/7?x=1")


async def test_form_that_becomes_a_get_goes_into_the_query() -> None:
    async with kong(plugin("request-transformer", "http_method: GET")) as house:
        await house.post("/?a=1", data={"b": "2"})
    assert (house.sent["method"], house.sent["path"]) == ("GET", "/?a=1&b=2")


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("request-transformer", "add: {headers: [x]}", "key 'x' has no value"),
        ("request-transformer", "add: {headers: ['a b:1']}", "'a b' is not a valid header"),
        ("request-transformer", "add: {headers: ['x:$(os.exit())']}", "is not in supported format, error: "),
        ("request-transformer", "rename: {headers: ['x:a b']}", "'a b' is not a valid header"),
        ("request-transformer", "replace: {url: /x}", "config.replace.url: unknown field. Did you mean uri?"),
        ("request-transformer", "http_method: get", "invalid value: get"),
        ("request-transformer", "add: [x]", "config.add: expected a record, not an array"),
        ("response-transformer", "add: {json: [x]}", "invalid value: x; write name:value"),
        (
            "response-transformer",
            "add: {json: ['a:1'], json_types: [int]}",
            "expected one of: boolean, number, string",
        ),
    ],
)
def test_wrong_config_is_an_error(name: str, config: str, expected: str) -> None:
    told = errors(plugin(name, config))
    assert any(expected in line for line in told), told


RESPONSE = [
    ("remove: {headers: [X-A]}", {"x-a": None}),
    ("rename: {headers: ['X-A:X-C']}", {"x-a": None, "x-c": "1"}),
    ("replace: {headers: ['X-A:9', 'X-N:9']}", {"x-a": "9", "x-n": None}),
    ("add: {headers: ['X-A:9', 'X-N:a:b']}", {"x-a": "1", "x-n": "a:b"}),
]


@pytest.mark.parametrize(("config", "expected"), RESPONSE)
async def test_headers_of_the_response(config: str, expected: dict[str, str | None]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"X-A": "1"})

    async with kong(plugin("response-transformer", config), answer=answer) as house:
        reply = await house.get()
    assert {name: reply.headers.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("config", "body", "expected"),
    [
        ("remove: {json: [a]}", {"a": 1, "b": 2}, {"b": 2}),
        ("rename: {json: ['a:z']}", {"a": 1}, {"z": 1}),
        ("replace: {json: ['a:9', 'n:9']}", {"a": 1}, {"a": "9"}),
        ("replace: {json: ['a:9'], json_types: [number]}", {"a": 1}, {"a": 9}),
        (
            "add: {json: ['n:1.5', 'b:true', 's:x'], json_types: [number, boolean]}",
            {},
            {"n": 1.5, "b": True, "s": "x"},
        ),
        ("add: {json: ['n:abc'], json_types: [number]}", {}, {}),
        ("append: {json: ['a:9']}", {"a": "1"}, {"a": ["1", "9"]}),
    ],
)
async def test_json_of_the_response(config: str, body: Any, expected: Any) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    async with kong(plugin("response-transformer", config), answer=answer) as house:
        reply = await house.get()
    assert reply.json() == expected


async def test_other_bodies_of_the_response_stay() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/text":
            return web.Response(text='{"a":1}')
        return web.Response(body=b"{broken", content_type="application/json")

    async with kong(plugin("response-transformer", "remove: {json: [a]}"), answer=answer) as house:
        assert (await house.get("/text")).text == '{"a":1}'
        assert (await house.get("/broken")).text == "{broken"


async def test_kongs_own_answers_are_transformed_too() -> None:
    text = plugin("response-transformer", "add: {headers: ['X-N:1'], json: ['extra:1']}")
    async with kong(text + "  - {name: request-termination}\n") as house:
        reply = await house.get()
    assert reply.headers["X-N"] == "1"
    assert reply.json() == {"message": "Service unavailable", "extra": "1"}
