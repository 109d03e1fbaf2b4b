import pytest

from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.kong.convert.cel import cel
from apiproxy_runtime.kong.convert.condition import NotRoutable, matchers, text_of
from apiproxy_runtime.kong.convert.matcher import METHODS
from apiproxy_runtime.kong.convert.paths import regex


def asked(condition, base="/base"):
    """Each alternative as (methods, path, headers); None stands for all methods."""
    node = parse(condition)
    assert node is not None
    return [
        (
            None if len(one.methods) == len(METHODS) else ",".join(m for m in METHODS if m in one.methods),
            regex(one.path) if one.path is not None else None,
            {name: list(values) for name, values in one.headers},
        )
        for one in matchers(node, base)
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('request.verb = "GET"', [("GET", None, {})]),
        ('request.verb := "get"', [("GET", None, {})]),
        ('request.verb != "OPTIONS"', [("GET,HEAD,POST,PUT,PATCH,DELETE,TRACE,CONNECT", None, {})]),
        ('not (request.verb = "GET")', [("HEAD,POST,PUT,PATCH,DELETE,OPTIONS,TRACE,CONNECT", None, {})]),
        ('request.verb ~~ "GET|POST"', [("GET,POST", None, {})]),
        ('request.verb = "GET" and request.verb = "POST"', []),
        ('proxy.pathsuffix MatchesPath "/orders/*"', [(None, "/orders/[^/]*", {})]),
        ('proxy.pathsuffix MatchesPath "/"', [(None, "/?", {})]),
        ('proxy.pathsuffix = "/a"', [(None, "/a", {})]),
        ('proxy.pathsuffix StartsWith "/a"', [(None, "/a.*", {})]),
        ('proxy.pathsuffix ~~ "/t[0-9]+"', [(None, "(?:/t[0-9]+)", {})]),
        ('request.path MatchesPath "/base/x/**"', [(None, "/x/.*", {})]),
        ('request.header.X-Kind = "new"', [(None, None, {"x-kind": ["new"]})]),
        ("request.header.origin != null", [(None, None, {"origin": []})]),
        (
            '(proxy.pathsuffix MatchesPath "/a" or proxy.pathsuffix MatchesPath "/b") and request.verb = "GET"',
            [("GET", "/a", {}), ("GET", "/b", {})],
        ),
        (
            'proxy.pathsuffix MatchesPath "/a/**" and proxy.pathsuffix MatchesPath "/a/b"',
            [(None, "/a/b", {})],
        ),
        ("true", [(None, None, {})]),
        ("false", []),
    ],
)
def test_a_route_can_ask(condition, expected):
    assert asked(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        'request.queryparam.v = "1"',
        "flow.allowed = true",
        'not (proxy.pathsuffix MatchesPath "/a")',
        'request.header.x != "a"',
        'proxy.pathsuffix ~~ "/(?=a).*"',
        'proxy.pathsuffix MatchesPath "/*/b" and proxy.pathsuffix MatchesPath "/a/*"',
        'request.path MatchesPath "/other/*"',
        "request.verb = flow.verb",
    ],
)
def test_a_route_cannot_ask(condition):
    with pytest.raises(NotRoutable):
        asked(condition)


def test_two_spellings_of_a_condition_are_one():
    one, other = parse('request.verb equals "GET" && a is null'), parse('request.verb == "GET" and a = null')
    assert one is not None
    assert other is not None
    assert text_of(one) == text_of(other)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('request.verb = "GET"', 'http.method == "GET"'),
        ("request.queryparam.limit = null", "!(has(http.queries.limit))"),
        ('request.header.X-Kind = "a"', 'has(http.headers.x_kind) && http.headers.x_kind == "a"'),
        ('proxy.pathsuffix MatchesPath "/a/*"', 'http.path.matches("^/base/a/[^/]*$")'),
        (
            'not (request.verb = "GET" or request.verb = "PUT")',
            '!((http.method == "GET") || (http.method == "PUT"))',
        ),
        ("flow.allowed = true", None),
    ],
)
def test_the_suggestion_for_kong_enterprise(condition, expected):
    node = parse(condition)
    assert node is not None
    assert cel(node, "/base") == expected
