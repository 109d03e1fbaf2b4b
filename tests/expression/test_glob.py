"""The wildcards of Matches and MatchesPath."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.expression import glob
from apiproxy_runtime.expression.glob import linear_fullmatch, matches, matches_path

TEXTS = [
    ("/cat", ["/cat"], ["/cats", "/Cat", "cat"]),
    ("/*at", ["/bat", "/at", "/a/b/at"], ["/owl"]),
    ("/cat*", ["/cat", "/cat/tiger"], ["/ca"]),
    ("*", ["", "a/b\nc"], []),
    ("**", ["", "a/b"], []),
    ("/c%*at", ["/c*at"], ["/cat", "/cxat"]),
    ("a%.b", ["a.b"], ["axb"]),
    ("a%%b", ["a%b"], ["a%%b"]),
    ("a%", ["a%"], ["a"]),
    ("a?[b]{c}.", ["a?[b]{c}."], ["ax[b]{c}."]),
    ("*a*b*", ["ab", "xaxbx", "bab"], ["ba"]),
    ("a*a", ["aa", "aba"], ["a"]),
    ("", [""], ["a"]),
]

PATHS = [
    ("/statuses", ["/statuses"], ["/statuses/", "/Statuses"]),
    ("/*/a/", ["/x/a/"], ["/x/a", "/x/y/a/"]),
    ("/*/a/*", ["/y/a/foo", "/y/a/"], ["/y/a", "/y/a/b/c"]),
    ("/*/a/**", ["/x/a/b/c/d", "/x/a/"], ["/x/a"]),
    ("/*/a/{reader}/feed/", ["/y/a/foo/feed/"], ["/y/a/foo/bar/feed/"]),
    ("/a/**/feed/**", ["/a/b/feed/rss/1234", "/a/b/c/feed/"], ["/a/feed/x"]),
    ("%{user%}", ["{user}"], ["user"]),
    ("/animals/**", ["/animals/cats/wild", "/animals/"], ["/animals"]),
    ("/**/india/blr/**", ["/x/india/blr/y"], ["/india/blr/x", "/x/india/blr"]),
    ("**/india/blr", ["/x/india/blr", "/india/blr"], ["/india/blr/"]),
    ("/*/products*", ["/de/products", "/de/products-2"], ["/de/products/1"]),
    ("/music**", ["/music", "/music/a"], ["/musi"]),
    ("/a{b", ["/a{b"], ["/a", "/ax"]),
    ("/{a}{b}", ["/", "/x"], ["/x/y"]),
    ("**a*b", ["/x/a/ab", "aab"], ["a/b"]),
    ("/", ["", "/"], ["/x"]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), TEXTS)
def test_matches(pattern, matching, others):
    test = matches(pattern)
    assert [text for text in matching + others if test(text)] == matching
    assert {type(test(text)) for text in [*matching, *others]} == {bool}


@pytest.mark.parametrize(("pattern", "matching", "others"), PATHS)
def test_matches_path(pattern, matching, others):
    test = matches_path(pattern)
    assert [text for text in matching + others if test(text)] == matching
    assert {type(test(text)) for text in [*matching, *others]} == {bool}


def test_whether_the_root_pattern_takes_a_slash_is_a_choice():
    test = matches_path("/", root_matches_slash=False)
    assert test("")
    assert not test("/")


def plainly(pattern: str, path: bool) -> re.Pattern[str]:
    """The documented meaning, written without a thought for time."""
    source, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        if character == "%" and position + 1 < len(pattern):
            position += 1
            source += re.escape(pattern[position])
        elif path and pattern.startswith("**", position):
            position += 1
            source += ".*"
        elif character == "*":
            source += "[^/]*" if path else ".*"
        else:
            source += re.escape(character)
        position += 1
    return re.compile(source, re.DOTALL)


_PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "%*", "ab", "/a"]), max_size=8).map("".join)
_TEXTS = st.lists(st.sampled_from(["a", "b", "/", "*", "ab"]), max_size=10).map("".join)


@settings(max_examples=1000, deadline=None)
@given(_PATTERNS, _TEXTS)
def test_every_way_of_matching_agrees_with_the_plain_meaning(pattern, text):
    assert matches(pattern)(text) == bool(plainly(pattern, False).fullmatch(text))
    if pattern == "/":
        return
    expected = bool(plainly(pattern, True).fullmatch(text))
    assert matches_path(pattern)(text) == expected
    parts = glob.merge(glob.split(pattern, path=True, braces=True))
    assert (glob.backtrack(parts, text) is not None) == expected
    fullmatch = linear_fullmatch(pattern, path=True)
    assert fullmatch is None or bool(fullmatch(text)) == expected


@settings(max_examples=300)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_a_pattern(pattern, text):
    assert type(matches(pattern)(text)) is bool
    assert type(matches_path(pattern)(text)) is bool


@pytest.mark.parametrize(
    "pattern", ["*a" * 30 + "b", "**a*" * 12 + "b", "**/*a" * 12 + "x", "{x}a" * 30 + "b"]
)
def test_time_grows_with_the_text_alone(pattern):
    text = "a/" * 2000 + "a" * 2000
    for compiled in (matches(pattern), matches_path(pattern)):
        begin = time.perf_counter()
        assert compiled(text) is False
        assert time.perf_counter() - begin < 2
