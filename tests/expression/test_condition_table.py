"""Conditions with the variables they read and what they come to: every operator, the null table, both literals' quotes.

`"error"` marks what must be refused. Rows that tell the two readings of mixed `and` and `or` apart hold for the
default reading; JAVA_PRECEDENCE lists the same expressions read as in Java.
"""

from __future__ import annotations

import pytest

from apiproxy_runtime.expression.condition.compiler import compile_condition
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message

ROWS: list[tuple[str, dict[str, object], bool | str]] = [
    ('request.verb = "GET"', {"request.verb": "GET"}, True),
    ('request.verb = "GET"', {"request.verb": "POST"}, False),
    ('request.verb = "get"', {"request.verb": "GET"}, False),
    ('request.verb == "GET"', {"request.verb": "GET"}, True),
    ('request.verb Equals "GET"', {"request.verb": "GET"}, True),
    ('request.verb equals "GET"', {"request.verb": "GET"}, True),
    ('request.verb Is "GET"', {"request.verb": "GET"}, True),
    ('request.verb != "OPTIONS"', {"request.verb": "GET"}, True),
    ('request.verb NotEquals "OPTIONS"', {"request.verb": "OPTIONS"}, False),
    ('fault.name IsNot "RaiseFault"', {"fault.name": "InvalidApiKey"}, True),
    ('request.verb := "get"', {"request.verb": "GET"}, True),
    ('request.verb EqualsCaseInsensitive "gEt"', {"request.verb": "GET"}, True),
    ('request.verb="GET"', {"request.verb": "GET"}, True),
    ('request.verb!="GET"', {"request.verb": "GET"}, False),
    (
        "request.verb = request.header.x-method",
        {"request.verb": "PUT", "request.header.x-method": "PUT"},
        True,
    ),
    ("request.verb = GET", {"request.verb": "GET"}, False),
    ("maint_mode = 'true'", {"maint_mode": "true"}, True),
    ("(request.queryparam.raisefault = 'true')", {"request.queryparam.raisefault": "true"}, True),
    ("maint_mode = 'true'", {"maint_mode": "false"}, False),
    ("'request.header.help!me' = \"yes\"", {"request.header.help!me": "yes"}, True),
    ("request.header.host is null", {}, True),
    ("request.header.host is null", {"request.header.host": "h"}, False),
    ("request.header.host = null", {}, True),
    ("request.header.X-DoNothing != null", {"request.header.X-DoNothing": "1"}, True),
    ("request.header.X-DoNothing != null", {}, False),
    ("request.header.host is not null", {"request.header.host": "h"}, True),
    ('absent = "x"', {}, False),
    ('absent != "x"', {}, True),
    ('absent := "x"', {}, False),
    ('absent =| "x"', {}, False),
    ("absent > 5", {}, True),
    ("absent >= 5", {}, False),
    ("absent < 5", {}, True),
    ("absent <= 5", {}, True),
    ('absent ~ "*"', {}, False),
    ('absent ~~ ".*"', {}, False),
    ('absent ~/ "/**"', {}, False),
    ('absent !~ "*"', {}, True),
    ("present = absent", {"present": "x"}, False),
    ("present != absent", {"present": "x"}, True),
    ("present > absent", {"present": 5}, False),
    ("present >= absent", {"present": 5}, True),
    ("present < absent", {"present": 5}, False),
    ("present <= absent", {"present": 5}, False),
    ("absent = alsoabsent", {}, True),
    ("absent != alsoabsent", {}, False),
    ("absent >= alsoabsent", {}, True),
    ("absent <= alsoabsent", {}, True),
    ("absent > alsoabsent", {}, False),
    ('absent = ""', {}, False),
    ('x = ""', {"x": ""}, True),
    ("x != null", {"x": ""}, True),
    ("analytics not null", {"analytics": "x"}, True),
    ("analytics not null", {}, False),
    ("analytics equals null", {}, True),
    ('("default" equals proxy.name)', {"proxy.name": "default"}, True),
    (
        '((request.verb equals "POST") and (request.header.Content-Type = "application/json"))',
        {"request.verb": "GET"},
        False,
    ),
    ("flow.cachehit is true", {"flow.cachehit": True}, True),
    ("flow.cachehit is true", {"flow.cachehit": "true"}, True),
    ('flow.cachehit = "true"', {"flow.cachehit": True}, True),
    ("lookupcache.LC-1.cachehit = false", {"lookupcache.LC-1.cachehit": False}, True),
    ('oauthV2.verify-api-key.failed = "true"', {"oauthV2.verify-api-key.failed": True}, True),
    ("oauthV2.verify-api-key.failed = true", {}, False),
    ("request.header.echo", {"request.header.echo": "true"}, True),
    ("flag", {"flag": True}, True),
    ("flag", {}, False),
    ("!flag", {}, True),
    ("response.status.code = 404", {"response.status.code": 404}, True),
    ('response.status.code = "404"', {"response.status.code": 404}, True),
    ("response.status.code = 400", {"response.status.code": 404}, False),
    ("response.status.code >= 400", {"response.status.code": 404}, True),
    ("response.status.code GreaterThan 399", {"response.status.code": 400}, True),
    ("response.status.code GreaterThanOrEquals 400", {"response.status.code": 400}, True),
    ("response.status.code LesserThan 400", {"response.status.code": 200}, True),
    ("response.status.code LesserThanOrEquals 200", {"response.status.code": 200}, True),
    ("ratelimit.Q1.exceed.count GreaterThan 0", {"ratelimit.Q1.exceed.count": 1}, True),
    ('ratelimit.Q1.exceed.count GreaterThan "0"', {"ratelimit.Q1.exceed.count": 1}, True),
    ('ratelimit.Q1.exceed.count GreaterThan "9"', {"ratelimit.Q1.exceed.count": 10}, False),
    ("request.queryparam.n > 5", {"request.queryparam.n": "10"}, False),
    ("mine > 100", {"mine": "5"}, False),
    ("mine > 5", {"mine": "10"}, True),
    ("mine <= 1.5", {"mine": "-2.25"}, True),
    ("mine > 5", {"mine": "many"}, True),
    ("mine > 5", {"mine": "1_0"}, False),
    ('request.queryparam.n > "5"', {"request.queryparam.n": "10"}, False),
    ("a > b", {"a": "10", "b": 9}, False),
    ("a > b", {"a": "10", "b": "9"}, False),
    ("n = 3.142f", {"n": 3.142}, True),
    ("n > 12321421312L", {"n": 12321421313}, True),
    ("n = 1d", {"n": 1}, True),
    ("A>=250", {"A": 250}, True),
    ('proxy.pathsuffix =| "/admin"', {"proxy.pathsuffix": "/admin/users"}, True),
    ('proxy.pathsuffix StartsWith "/Admin"', {"proxy.pathsuffix": "/admin/users"}, False),
    (
        'request.header.content-type =| "text/xml"',
        {"request.header.content-type": "text/xml; charset=utf-8"},
        True,
    ),
    (
        'request.header.content-type = "text/xml"',
        {"request.header.content-type": "text/xml; charset=utf-8"},
        False,
    ),
    ("url StartsWith prefix", {"url": "https://a/b", "prefix": "https://a"}, True),
    ('proxy.pathsuffix Matches "/cat"', {"proxy.pathsuffix": "/cat"}, True),
    ('proxy.pathsuffix Matches "/*at"', {"proxy.pathsuffix": "/bat"}, True),
    ('proxy.pathsuffix Matches "/*at"', {"proxy.pathsuffix": "/owl"}, False),
    ('proxy.pathsuffix Matches "/cat*"', {"proxy.pathsuffix": "/cat"}, True),
    ('proxy.pathsuffix Matches "/cat*"', {"proxy.pathsuffix": "/cat/tiger"}, True),
    ('proxy.pathsuffix Matches "/c%*at"', {"proxy.pathsuffix": "/c*at"}, True),
    ('proxy.pathsuffix ~ "/c%*at"', {"proxy.pathsuffix": "/cat"}, False),
    ('environment.name ~ "*prod*"', {"environment.name": "eu-prod-1"}, True),
    ('message.content Like "*unavailable*"', {"message.content": "sorry, unavailable now"}, True),
    (
        'request.header.scopes ~ "*content%.component_manage*"',
        {"request.header.scopes": "a content.component_manage b"},
        True,
    ),
    ('proxy.pathsuffix !~ "/cat*"', {"proxy.pathsuffix": "/dog"}, True),
    ('proxy.pathsuffix MatchesPath "/statuses"', {"proxy.pathsuffix": "/statuses"}, True),
    ('proxy.pathsuffix MatchesPath "/*/a/"', {"proxy.pathsuffix": "/x/a/"}, True),
    ('proxy.pathsuffix ~/ "/*/a/*"', {"proxy.pathsuffix": "/y/a/foo"}, True),
    ('proxy.pathsuffix LikePath "/*/a/**"', {"proxy.pathsuffix": "/x/a/b/c/d"}, True),
    ('proxy.pathsuffix MatchesPath "/*/a/{reader}/feed/"', {"proxy.pathsuffix": "/y/a/foo/feed/"}, True),
    ('proxy.pathsuffix MatchesPath "/a/**/feed/**"', {"proxy.pathsuffix": "/a/b/feed/rss/1234"}, True),
    ('x MatchesPath "%{user%}"', {"x": "{user}"}, True),
    ('x MatchesPath "%{user%}"', {"x": "user"}, False),
    ('proxy.pathsuffix MatchesPath "/animals/*"', {"proxy.pathsuffix": "/animals/cats/wild"}, False),
    ('proxy.pathsuffix MatchesPath "/animals/**"', {"proxy.pathsuffix": "/animals/cats/wild"}, True),
    ('proxy.pathsuffix MatchesPath "/animals/**"', {"proxy.pathsuffix": "/animals"}, False),
    ('proxy.pathsuffix MatchesPath "/items/*"', {"proxy.pathsuffix": "/items/"}, True),
    ('proxy.pathsuffix MatchesPath "/extensive-search"', {"proxy.pathsuffix": "/extensive-search/"}, False),
    ('proxy.pathsuffix MatchesPath "/Cat"', {"proxy.pathsuffix": "/cat"}, False),
    ('request.path MatchesPath "/**/india/blr/**"', {"request.path": "/india/blr/x"}, False),
    ('request.path MatchesPath "**/india/blr"', {"request.path": "/x/india/blr"}, True),
    ('proxy.pathsuffix MatchesPath "/*/products*"', {"proxy.pathsuffix": "/de/products"}, True),
    ('proxy.pathsuffix JavaRegex "/c*t"', {"proxy.pathsuffix": "/cat"}, False),
    ('proxy.pathsuffix JavaRegex "/ca?t"', {"proxy.pathsuffix": "/ct"}, True),
    ('proxy.pathsuffix JavaRegex "/[cbr]at"', {"proxy.pathsuffix": "/rat"}, True),
    ('proxy.pathsuffix ~~ "/items/[^/]+"', {"proxy.pathsuffix": "/items/a/b"}, False),
    ('proxy.pathsuffix ~~ "/items/.+"', {"proxy.pathsuffix": "/items/"}, False),
    ('proxy.pathsuffix ~~ "/extensive-search/?"', {"proxy.pathsuffix": "/extensive-search/"}, True),
    ('token_scope ~~ ".*\\bid_token\\b.*"', {"token_scope": "openid id_token x"}, True),
    ('proxy.pathsuffix ~~ "/CAT"', {"proxy.pathsuffix": "/cat"}, False),
    ('proxy.pathsuffix ~~ "(?i)/CAT"', {"proxy.pathsuffix": "/cat"}, True),
    (
        '(p Matches "/DR/*") or ((p Matches "/DR*") and (request.verb != "GET")) and version >= 10100',
        {"p": "/DR/1", "request.verb": "GET", "version": 9},
        False,
    ),
    (
        '(proxy.pathsuffix MatchesPath "/statuses") and (request.verb = "GET")',
        {"proxy.pathsuffix": "/statuses", "request.verb": "GET"},
        True,
    ),
    ("(response.status.code = 503) or (response.status.code = 400)", {"response.status.code": 400}, True),
    ('a = "1" && b = "2" || c = "3" && d = "4"', {"a": "1", "b": "2"}, False),
    ('a = "1" && b = "2" || c = "3" && d = "4"', {"a": "1", "c": "3", "d": "4"}, True),
    ('a = "1" AND b = "2" OR c = "3"', {"c": "3"}, False),
    ('a = "1" or b = "2" and c = "3"', {"a": "1"}, False),
    ('(a = "1" and b = "2") or c = "3"', {"c": "3"}, True),
    ('(a = "1" or b = "2") and c = "3"', {"a": "1"}, False),
    ('a = "1" && b = "2"', {"a": "1", "b": "2"}, True),
    ('a = "1" || b = "2"', {"b": "2"}, True),
    ('not (request.verb = "POST")', {"request.verb": "GET"}, True),
    (
        'NOT(proxy.pathsuffix MatchesPath "/api-console/**") AND NOT(proxy.pathsuffix MatchesPath "/meta-data/**")',
        {"proxy.pathsuffix": "/x"},
        True,
    ),
    ('!(request.verb = "POST")', {"request.verb": "POST"}, False),
    ('(x != null) and (not x ~~ "^[0-9a-f-]+$")', {"x": "zz"}, True),
    ('A not ~~ "b.*"', {"A": "abc"}, True),
    ('request.header.cache-control = "public"', {"request.header.cache-control": "public"}, True),
    (
        'request.header.cache-control.values.string = "public, maxage=16544"',
        {"request.header.cache-control.values.string": "public, maxage=16544"},
        True,
    ),
    ('request.header.accept = "*/*"', {"request.header.accept": "*/*"}, True),
    ('request.verb = "*"', {"request.verb": "GET"}, False),
    ('request.verb = "GET', {}, "error"),
    ('(request.verb = "GET"', {}, "error"),
    ("a = 1 + 2", {"a": 3}, "error"),
    ('{a} = "1"', {"a": "1"}, "error"),
    ("", {}, True),
]

JAVA_PRECEDENCE = [
    ('a = "1" && b = "2" || c = "3" && d = "4"', {"a": "1", "b": "2"}, True),
    ('a = "1" && b = "2" || c = "3" && d = "4"', {"a": "1", "c": "3", "d": "4"}, True),
    ('a = "1" AND b = "2" OR c = "3"', {"c": "3"}, True),
    ('a = "1" or b = "2" and c = "3"', {"a": "1"}, True),
    ('(a = "1" or b = "2") and c = "3"', {"a": "1"}, False),
]

#: Beyond the reference's rows: the corners of the type adaptation table.
TYPES: list[tuple[str, object, bool]] = [
    ('x = "404"', 404, True),
    ('x = "404"', 404.0, False),
    ('x = "404.0"', 404.0, True),
    ("x = 404", "404", True),
    ("x = 404", 404.0, True),
    ("x = 1", True, True),
    ('x = "1"', True, False),
    ('x = "true"', True, True),
    ("x = true", "TRUE", False),
    ("x = 1.5", 1.5, True),
    ("x = 1d", "1.0", True),
    ("x = 1d", "1", False),
    ("x > false", True, True),
    ("x >= 2.5", 3, True),
    ('x =| "40"', 404, True),
    ("x =| 40", "404", True),
    ('x := "TRUE"', True, True),
    ('x ~ "4*"', 404, True),
    ('x ~~ "[0-9]+"', 404, True),
    ('x ~/ "*"', 404, True),
    ('x !~ "4*"', 404, False),
    ('x = "NaN"', float("nan"), True),
]


def read(name: str):
    return lambda ctx: ctx.variables.get(name)


def evaluate(expression: str, variables: dict[str, object], **options: bool) -> bool:
    context = MessageContext(Message.request(), variables=variables)
    return compile_condition(expression, read, **options)(context)


@pytest.mark.parametrize(("expression", "variables", "result"), ROWS)
def test_condition(expression, variables, result):
    if result == "error":
        with pytest.raises(ConditionSyntaxError):
            compile_condition(expression, read)
    else:
        assert evaluate(expression, variables) is result


@pytest.mark.parametrize(("expression", "variables", "result"), JAVA_PRECEDENCE)
def test_java_precedence_binds_and_tighter_than_or(expression, variables, result):
    assert evaluate(expression, variables, java_precedence=True) is result


@pytest.mark.parametrize(("expression", "value", "result"), TYPES)
def test_operands_adapt_to_one_type(expression, value, result):
    assert evaluate(expression, {"x": value}) is result
    assert evaluate(f"y = null or {expression}", {"x": value, "y": ""}) is result


OBJECTS = [["a", "b"], [], Message.request("GET", "/"), {"a": 1}]


@pytest.mark.parametrize("value", OBJECTS)
@pytest.mark.parametrize("operator", ["=", "!=", ":=", ">", ">=", "<", "<=", "=|", "~", "~~", "~/", "!~"])
def test_an_object_compares_with_nothing(value, operator):
    assert evaluate(f'x {operator} "a"', {"x": value}) is False


@pytest.mark.parametrize("value", OBJECTS)
def test_an_object_is_not_null(value):
    assert evaluate("x != null and not (x = null)", {"x": value}) is True


def test_a_variable_read_twice_keeps_its_own_type():
    assert evaluate('x ~ "4*" and x = 404 and x != "405"', {"x": 404}) is True


def test_a_variable_that_was_skipped_is_still_read_later():
    expression = '(a = "1" and b = "2") or b = "3"'
    assert evaluate(expression, {"a": "0", "b": "3"}) is True
    assert evaluate(expression, {"a": "0", "b": "2"}) is False


def test_the_variable_of_a_condition_is_read_once():
    reads: list[str] = []

    def counting(name):
        def get(ctx):
            reads.append(name)
            return ctx.variables.get(name)

        return get

    condition = compile_condition('v = "A" or v = "B" or v = "C" or v = "D"', counting)
    assert condition(MessageContext(Message.request(), variables={"v": "D"})) is True
    assert reads == ["v"]
