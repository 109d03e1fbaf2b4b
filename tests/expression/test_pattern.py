"""The patterns of ExtractVariables."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.expression import glob
from apiproxy_runtime.expression.pattern import (
    InvalidPattern,
    PatternError,
    PatternWithoutVariable,
    compile_pattern,
)

PATHS = [
    ("/animals/{name}", "/animals/cat", {"name": "cat"}),
    ("/animals/{name}", "/animals/cat/food", None),
    ("/animals/{name}", "/animals", None),
    ("/animals/{name}", "/animals/", {"name": ""}),
    ("/a/{b}/c/{d}", "/a/1/c/2", {"b": "1", "d": "2"}),
    ("/*/{id}", "/x/7", {"id": "7"}),
    ("/*/{id}", "/x/y/7", None),
    ("/**/{id}", "/x/y/7", {"id": "7"}),
    ("/{first}/**", "/a/b/c", {"first": "a"}),
    ("/models/{model}:generate", "/models/m-1:generate", {"model": "m-1"}),
    ("/models/{model}:generate", "/models/a:b:generate", {"model": "a:b"}),
    ("/%{x%}/{y}", "/{x}/1", {"y": "1"}),
    ("/{a}-{b}", "/1-2-3", {"a": "1", "b": "2-3"}),
    ("/{a.b}/{c-d}", "/1/2", {"a.b": "1", "c-d": "2"}),
    ("/{a}/{a}", "/1/2", {"a": "2"}),
    ("/Animals/{name}", "/animals/cat", None),
]

TEXTS = [
    ("Bearer {token}", "Bearer abc/def", {"token": "abc/def"}),
    ("Bearer {token}", "bearer abc", None),
    ("DBN{code}", "DBN88271", {"code": "88271"}),
    ("{first}:{rest}", "a:b:c", {"first": "a", "rest": "b:c"}),
    ("{name}.jpg", "a.jpg.jpg", {"name": "a.jpg"}),
    ("*={value}", "a/b=c", {"value": "c"}),
    ("**={value}", "a/b=c", {"value": "c"}),
    ("{all}", "", {"all": ""}),
    ("{all}", "a\nb", {"all": "a\nb"}),
    ("{a},{b};{c}", "1,2;3;4", {"a": "1", "b": "2", "c": "3;4"}),
    ("x{a}", "y1", None),
]


@pytest.mark.parametrize(("pattern", "text", "captured"), PATHS)
def test_path_patterns(pattern, text, captured):
    assert compile_pattern(pattern, path=True).match(text) == captured


@pytest.mark.parametrize(("pattern", "text", "captured"), TEXTS)
def test_text_patterns(pattern, text, captured):
    assert compile_pattern(pattern, path=False).match(text) == captured


def test_case_is_ignored_on_request_and_kept_in_what_is_captured():
    pattern = compile_pattern("/Animals/{Name}", path=True, ignore_case=True)
    assert pattern.match("/aNIMALS/Cat") == {"Name": "Cat"}


def test_a_pattern_tells_its_variables_and_segments():
    pattern = compile_pattern("/a/{b}/*/{c}/", path=True)
    assert pattern.variables == ("b", "c")
    assert pattern.segments == 4
    assert compile_pattern("{x}", path=False).segments == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/a/b", "PatternWithoutVariable"),
        ("", "PatternWithoutVariable"),
        ("/%{a%}", "PatternWithoutVariable"),
        ("/{*}", "InvalidPattern"),
        ("/{}", "InvalidPattern"),
        ("/{a", "InvalidPattern"),
        ("/{a{b}}", "InvalidPattern"),
        ("/{a b}", "InvalidPattern"),
        ("/{1}", "InvalidPattern"),
        ("/{%a}", "InvalidPattern"),
    ],
)
def test_errors_carry_the_names_of_apigees_deployment_errors(text, error):
    with pytest.raises(PatternError) as caught:
        compile_pattern(text, path=True)
    assert caught.value.error == error
    assert text in str(caught.value)
    assert type(caught.value) in (PatternWithoutVariable, InvalidPattern)


@given(st.text(max_size=30), st.text(max_size=30), st.booleans(), st.booleans())
def test_any_text_compiles_or_is_refused(text, subject, path, ignore_case):
    try:
        pattern = compile_pattern(text, path=path, ignore_case=ignore_case)
    except PatternError:
        return
    captured = pattern.match(subject)
    assert captured is None or set(captured) == set(pattern.variables)


_PARTS = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "{x}", "{y}", "ab/"]), min_size=1, max_size=7)


@settings(max_examples=1000, deadline=None)
@given(_PARTS, st.text(alphabet="ab/", max_size=10), st.booleans())
def test_both_ways_of_matching_capture_the_same(parts, text, path):
    pattern = "".join(parts)
    if "{" not in pattern:
        return
    compiled = compile_pattern(pattern, path=path)
    pieces = glob.split(pattern, path=path, braces=True)
    spans = glob.backtrack(pieces, text)
    expected = None
    if spans is not None:
        wildcards = [piece for piece in pieces if isinstance(piece, glob.Wildcard)]
        expected = {w.name: text[a:b] for w, (a, b) in zip(wildcards, spans, strict=True) if w.name}
    assert compiled.match(text) == expected


def test_a_long_text_matches_as_a_short_one_does():
    pattern = compile_pattern("**/A*/{x}", path=True, ignore_case=True)
    for length in (3, 5000):
        assert pattern.match("b/" * length + "a1/Yes") == {"x": "Yes"}
        assert pattern.match("b/" * length) is None


def test_time_grows_with_the_text_alone():
    pattern = compile_pattern("**a*" * 8 + "{x}b", path=True)
    begin = time.perf_counter()
    assert pattern.match("a/" * 2000 + "a" * 2000) is None
    assert time.perf_counter() - begin < 2
