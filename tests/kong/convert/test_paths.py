import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.kong.convert.paths import (
    ANY,
    SEGMENT,
    SLASH,
    covers,
    expression,
    glob,
    literal,
    overlap,
    regex,
)

PATTERNS = st.lists(st.sampled_from(["/", "a", "b", SEGMENT, ANY, SLASH]), max_size=6).map(tuple)
PATHS = st.text(alphabet="/ab", max_size=8)


def fits(pattern, path):
    return re.fullmatch(regex(pattern), path, re.DOTALL) is not None


@given(PATTERNS, PATTERNS, PATHS)
def test_two_patterns_that_fit_one_path_overlap(left, right, path):
    if fits(left, path) and fits(right, path):
        assert overlap(left, right)
        assert overlap(right, left)


@given(PATTERNS, PATTERNS, PATHS)
def test_what_a_narrow_pattern_fits_the_wide_one_fits_too(wide, narrow, path):
    if covers(wide, narrow) and fits(narrow, path):
        assert fits(wide, path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/orders", "/orders", True),
        ("/orders/*", "/orders/7", True),
        ("/orders/*", "/orders/7/items", False),
        ("/orders/**", "/orders/7/items", True),
        ("/orders/{id}/items", "/orders/7/items", True),
        ("/a.b", "/axb", False),
        ("/a+b", "/a+b", True),
    ],
)
def test_globs_become_expressions_for_the_whole_path(pattern, path, expected):
    assert fits(glob(pattern, path=True), path) is expected


def test_an_expression_that_looks_around_is_not_for_kong():
    assert expression("/t[0-9]+") is not None
    for text in ("/(?=x)", r"/(a)\1", "/a++", "/(?<name>x)", "/[a&&b]"):
        assert expression(text) is None


def test_an_expression_says_of_a_plain_path_whether_it_fits():
    numbers = expression("/t[0-9]+")
    assert numbers is not None
    assert overlap(numbers, literal("/t7"))
    assert not overlap(literal("/tx"), numbers)
    assert covers(numbers, literal("/t7"))
    assert not covers(literal("/t7"), numbers)
