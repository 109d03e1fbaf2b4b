"""Which plugins run, in which order, and under which conditions."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.kong.condition import ConditionError, compile_condition
from apiproxy_runtime.kong.plugin import order, plugins
from tests.kong.house import kong, plugin
from tests.kong.plugins.test_transformers import context

HEAD = '_format_version: "3.0"\nservices: [{name: s, url: http://up.test, routes: [{name: r, paths: [/]}, {name: q, paths: [/q]}]}]\n'
PEOPLE = """
consumer_groups: [{name: gold}]
consumers:
  - {username: ann, keyauth_credentials: [{key: a}], groups: [{name: gold}]}
  - {username: bob, keyauth_credentials: [{key: b}]}
"""


def mark(value: str, *scope: str) -> str:
    """An instance of request-transformer that tells the upstream which one it is."""
    bound = "".join(f", {item}" for item in scope)
    return f"  - {{name: request-transformer{bound}, config: {{add: {{headers: ['x-who:{value}']}}}}}}\n"


# of two instances the first runs
PRECEDENCE = [
    (("route: r", "service: s", "consumer: ann"), ("route: r", "consumer: ann")),
    (("route: r", "consumer: ann"), ("service: s", "consumer: ann")),
    (("service: s", "consumer: ann"), ("route: r", "service: s")),
    (("route: r", "service: s"), ("consumer: ann",)),
    (("consumer: ann",), ("consumer_group: gold",)),
    (("consumer: ann",), ("route: r",)),
    (("consumer_group: gold",), ("route: r",)),
    (("consumer_group: gold", "route: r"), ("route: r", "service: s")),
    (("route: r",), ("service: s",)),
    (("service: s",), ()),
]


@pytest.mark.parametrize(("better", "worse"), PRECEDENCE)
async def test_most_specific_instance_runs(better: tuple[str, ...], worse: tuple[str, ...]) -> None:
    for first, second in ((("better", better), ("worse", worse)), (("worse", worse), ("better", better))):
        text = (
            HEAD
            + "plugins:\n  - {name: key-auth}\n"
            + mark(first[0], *first[1])
            + mark(second[0], *second[1])
        )
        async with kong(text + PEOPLE) as house:
            await house.get(headers={"apikey": "a"})
        assert house.sent["headers"]["x-who"] == "better"


async def test_instance_of_another_consumer_or_route_does_not_run() -> None:
    text = HEAD + "plugins:\n  - {name: key-auth}\n" + mark("ann", "consumer: ann") + mark("q", "route: q")
    async with kong(text + PEOPLE) as house:
        await house.get(headers={"apikey": "b"})
        assert "x-who" not in house.sent["headers"]
        await house.get("/q", headers={"apikey": "a"})
        assert house.sent["headers"]["x-who"] == "ann"


async def test_disabled_instance_does_not_run() -> None:
    text = HEAD + "plugins:\n" + mark("off", "route: r", "enabled: false") + mark("on")
    async with kong(text) as house:
        await house.get()
    assert house.sent["headers"]["x-who"] == "on"


async def test_instance_for_another_protocol_does_not_run() -> None:
    text = HEAD + "plugins:\n" + mark("grpc", "protocols: [grpc]")
    async with kong(text) as house:
        await house.get()
    assert "x-who" not in house.sent["headers"]


def test_order_is_by_priority_then_by_name_descending() -> None:
    names = [
        *("key-auth", "service-callout", "external-callout", "cors", "acl", "rate-limiting", "jwt"),
        *(
            "request-termination",
            "correlation-id",
            "pre-function",
            "post-function",
            "proxy-cache",
            "ip-restriction",
        ),
        *(
            "bot-detection",
            "basic-auth",
            "hmac-auth",
            "request-transformer",
            "response-transformer",
            "redirect",
        ),
        *("request-size-limiting", "response-ratelimiting", "http-log", "file-log"),
    ]
    ordered = sorted((plugins()[name] for name in names), key=order, reverse=True)
    assert [each.name for each in ordered] == [
        *(
            "pre-function",
            "correlation-id",
            "bot-detection",
            "cors",
            "jwt",
            "key-auth",
            "basic-auth",
            "hmac-auth",
        ),
        *(
            "service-callout",
            "external-callout",
            "ip-restriction",
            "request-size-limiting",
            "acl",
            "rate-limiting",
        ),
        *("response-ratelimiting", "request-transformer", "response-transformer", "redirect", "proxy-cache"),
        *("http-log", "file-log", "request-termination", "post-function"),
    ]


async def test_ordering_moves_a_plugin() -> None:
    text = (
        plugin("key-auth")
        + "  - {name: rate-limiting, config: {minute: 1}, ordering: {before: {access: [key-auth]}}}\n"
    )
    async with kong(text) as house:
        assert [(await house.get()).status for _ in range(2)] == [401, 429]
    text = plugin("key-auth") + "  - {name: cors, ordering: {after: {access: [key-auth]}}}\n"
    async with kong(text) as house:
        preflight = {"Origin": "a", "Access-Control-Request-Method": "GET"}
        assert (await house.call("OPTIONS", "/", headers=preflight)).status == 401


async def test_plugin_that_breaks_answers_500() -> None:
    async with kong(plugin("rate-limiting", "minute: 1, fault_tolerant: false")) as house:
        broken: Any = house.runtime.services.store
        broken.count = None
        reply = await house.get()
    assert (reply.status, reply.json()["message"]) == (500, "An unexpected error occurred")


CONDITIONS = [
    ("true", True),
    ("http.method == 'GET'", True),
    ('http.method != "GET"', False),
    ("http.path == '' && true", True),
    ("false || !false", True),
    ("http.headers.x_a == '1'", True),
    ("http.headers['x-a'] == '1'", True),
    ("has(http.headers.x_none)", False),
    ("default(http.headers.x_none == '1', false)", False),
    ("default(http.headers.x_none, 'd') == 'd'", True),
    ("http.queries.one in ['1', '2']", True),
    ("http.queries.q.matches('^v$')", True),
    ("'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')", True),
    ("size(http.path_segments) == 0", True),
    ("kong.ctx.shared.user.name == 'ann'", True),
    ("has(kong.ctx.shared.user.nope)", False),
    ("int(http.queries.one) + 0 == 1", None),
    ("int(http.queries.one) >= 1 && int(http.queries.one) < 2", True),
    ("net.protocol == 'http'", True),
    ("(1 < 2) ? true : false", True),
    ("-1 < 0", True),
]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS)
def test_condition(text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ConditionError):
            compile_condition(text)
    else:
        assert compile_condition(text)(context()) is expected


@pytest.mark.parametrize(
    "text", ["", "http.method ==", "nothing", "a.b(", "x" * 1025, "(((1)", "1 2", "size(1, 2)", "#"]
)
def test_condition_that_is_none(text: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(text)


@pytest.mark.parametrize(
    "text", ["1", "http.headers.none == '1'", "'a' < 1", "int('x') == 1", "http.method.x == 1"]
)
def test_condition_that_cannot_be_told(text: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(text)(context())


async def test_plugin_whose_condition_is_false_runs_in_no_phase() -> None:
    text = HEAD + "plugins:\n" + '  - {name: cors, condition: "has(http.headers.x_cors)"}\n'
    async with kong(text) as house:
        without, with_it = await house.get(), await house.get(headers={"X-Cors": "1"})
    assert "Access-Control-Allow-Origin" not in without.headers
    assert with_it.headers["Access-Control-Allow-Origin"] == "*"


async def test_condition_that_fails_answers_500() -> None:
    text = HEAD + "plugins:\n" + "  - {name: cors, condition: \"http.headers.x_cors == '1'\"}\n"
    async with kong(text) as house:
        reply = await house.get()
    assert reply.status == 500


async def test_condition_may_ask_for_the_consumer_and_for_plugins() -> None:
    text = HEAD + "plugins:\n  - {name: key-auth}\n"
    text += mark("ann", "condition: \"consumer.username == 'ann' && plugins.key_auth.is_matched\"")
    async with kong(text + PEOPLE) as house:
        await house.get(headers={"apikey": "b"})
        assert "x-who" not in house.sent["headers"]
        await house.get(headers={"apikey": "a"})
        assert house.sent["headers"]["x-who"] == "ann"
