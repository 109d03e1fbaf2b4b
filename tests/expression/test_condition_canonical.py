import pytest

from apiproxy_runtime.expression.condition.canonical import Canonical, canonical
from apiproxy_runtime.expression.condition.parser import parse

SAME = [
    ('a = "x"', 'a Equals "x"'),
    ('a = "x"', '"x" = a'),
    ('a != "x"', 'not (a = "x")'),
    ('not (not (a = "x"))', 'a is "x"'),
    ('a = "x" and b = "y"', 'b = "y" && a = "x"'),
    ('(a = "x" and b = "y") and c = "z"', 'a = "x" and (b = "y" and c = "z")'),
    ('not (a = "x" or b = "y")', 'a != "x" and b != "y"'),
    ('not (a = "x" and b != "y")', '(a != "x") or (b = "y")'),
    ('a = "x" or a = "x"', 'a = "x"'),
    ('request.header.Accept = "x"', 'request.header.accept = "x"'),
    ("a = b", "b = a"),
    ('not (a ~ "x*")', 'a !~ "x*"'),
]
DIFFERENT = [
    ('a = "x"', 'A = "x"'),
    ('a = "x"', 'a = "X"'),
    ('a = "5"', "a = 5"),
    ("a < b", "b < a"),
    ('a ~ "x"', 'a ~/ "x"'),
    ('a = "x" and b = "y"', 'a = "x" or b = "y"'),
    ('request.queryparam.A = "x"', 'request.queryparam.a = "x"'),
]


def form(text: str) -> Canonical:
    node = parse(text)
    assert node is not None
    return canonical(node)


@pytest.mark.parametrize(("first", "second"), SAME)
def test_other_words_for_the_same_condition_have_one_form(first: str, second: str) -> None:
    assert form(first) == form(second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different_conditions_have_different_forms(first: str, second: str) -> None:
    assert form(first) != form(second)
