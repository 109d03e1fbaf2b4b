"""No expression stalls the server: which engine runs what, and what happens at the limit."""

from __future__ import annotations

import time

import pytest

from apiproxy_runtime.expression.boundedregex import (
    BoundedRegex,
    RegexTimeout,
    bounded_fullmatch,
    bounded_search,
)
from apiproxy_runtime.expression.condition.compiler import compile_condition
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message

#: expression and degree of its matching time (None: exponential)
DEGREES = [
    ("abc", 0),
    ("get|put|post", 0),
    ("(?:get|put|post)?", 0),
    ("[^/]+/[^/]+/[^/]+", 1),
    ("/v1/(?:[^/]*/)*x", 1),
    ("[0-9a-f]{8}-[0-9a-f]{4}", 1),
    (".*", 1),
    (".*x", 1),
    (".*x.*", 2),
    (".*x.*y.*", 3),
    (r"\d{3}\d{4}", 2),
    (r"(?:\d{1,3}\.){3}\d{1,3}", 2),
    ("a*a*a*", 3),
    ("(a+)+", None),
    ("(a*)*", None),
    ("(a|a)*", None),
    ("(a|ab|b)*", None),
    ("(?:a|b)*", 1),
    ("(a?b?)*", None),
    ("(.*,){5}x", None),
    (r"(\w+\s?)*", None),
    (r"(\w+\s)*", 1),
    ("(a|a){30}", None),
    (r"(.)(\1)*", None),
    ("(?=a*)a*", 1),
    ("((?=a)?a)*", None),
    ("((a?)?b)*", None),
    (r"(a|\b)*", None),
    ("((?!b){1,}a)*", None),
]


@pytest.mark.parametrize(("expression", "degree"), DEGREES)
def test_the_cost_of_an_expression_is_told_from_it(expression, degree):
    assert BoundedRegex(expression).cost.degree == degree


def test_many_options_in_a_row_count_as_the_ways_they_are():
    assert BoundedRegex("a?" * 25 + "a" * 25).cost.paths > 1_000_000


EVIL = [
    "(a+)+b",
    "(a|a)*b",
    "(a|aa)+b",
    "(a*)*b",
    "(.*a){20}b",
    "a?" * 40 + "a" * 40 + "b",
    r"([a-zA-Z]+)*\d",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:a(?=a*b)|a)*c",
    "(?i)(a|A)*b",
    ".*.*.*.*.*x",
    "(?:(?:a|b)*|c)*d",
    "(?:(?=a)?a)*c",
    "(?:((a?)?b?)?a)*c",
    "(?:a$*)*c",
]


@pytest.mark.parametrize("expression", EVIL)
@pytest.mark.parametrize("length", [20, 35, 100, 3000])
def test_an_evil_expression_ends_within_its_limit(expression, length):
    pattern = BoundedRegex(expression, timeout=0.1)
    for attempt in (pattern.fullmatch, pattern.search):
        begin = time.perf_counter()
        try:
            assert attempt("a" * length + "!") is None
        except RegexTimeout:
            pass
        assert time.perf_counter() - begin < 1.5


def test_the_time_limit_is_reported():
    with pytest.raises(RegexTimeout, match=r"did not finish within 0\.05 s") as caught:
        bounded_fullmatch("(a|aa)+b", "a" * 5000, timeout=0.05)
    assert "(a|aa)+b" in str(caught.value)
    with pytest.raises(RegexTimeout):
        bounded_search("(a|aa)+b", "a" * 5000, timeout=0.05)
    with pytest.raises(RegexTimeout):
        BoundedRegex("(a|aa)+b", timeout=0.05).replace("a" * 5000, lambda match: "")


def test_an_evil_condition_ends_too():
    condition = compile_condition('x ~~ "(a|aa)+b"', lambda name: lambda ctx: ctx.variables.get(name))
    with pytest.raises(RegexTimeout):
        condition(MessageContext(Message.request(), variables={"x": "a" * 5000}))


def test_linear_expressions_run_on_the_fast_engine_whatever_the_length():
    match = BoundedRegex("/items/[^/]+").fullmatch
    assert type(match("/items/x")).__module__ == "re"
    assert type(match("/items/" + "x" * 3_000_000)).__module__ == "re"


def test_both_engines_find_the_same():
    pattern = BoundedRegex(r"<\s*(script|iframe)\b[^>]*>")
    for padding in (10, 100_000):
        match = pattern.search("x" * padding + "< script src='a'>")
        assert match is not None
        assert match.span() == (padding, padding + 17)
        assert match.group(1) == "script"
