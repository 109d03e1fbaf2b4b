"""Paths: normalisation, and what the upstream is asked for. The tables are those of Kong's proxying reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.kong.path import escape, normalise, upstream_path

NORMALISED = [
    ("", ""),
    ("/", "/"),
    ("/a/b", "/a/b"),
    ("/a/", "/a/"),
    ("/a%20b", "/a b"),
    ("/%41%7e", "/A~"),
    ("/a%2fb", "/a%2Fb"),
    ("/a%3fb%23", "/a%3Fb%23"),
    ("/a%25b", "/a%25b"),
    ("/a%zz", "/a%zz"),
    ("/a%4", "/a%4"),
    ("//a///b", "/a/b"),
    ("/a/./b", "/a/b"),
    ("/a/.", "/a/"),
    ("/a/..", "/"),
    ("/a/b/..", "/a/"),
    ("/a/../b", "/b"),
    ("/../a", "/a"),
    ("/..", "/"),
    ("/a/%2e%2e/b", "/b"),
    ("/.well-known/x..y", "/.well-known/x..y"),
    ("/%C3%A9", "/é"),
]


@pytest.mark.parametrize(("path", "expected"), NORMALISED)
def test_path_is_normalised_before_it_is_matched(path: str, expected: str) -> None:
    assert normalise(path) == expected


@given(st.text(alphabet="/.%2eEfF5a~!", max_size=30))
def test_normalised_path_stays_as_it_is(tail: str) -> None:
    once = normalise("/" + tail)
    if "%" not in once:
        assert normalise(once) == once
    assert "//" not in once
    assert "/./" not in once
    assert "/../" not in once


@given(st.binary(max_size=30))
def test_escaped_path_can_stand_on_a_request_line(raw: bytes) -> None:
    text = escape("/" + raw.decode("utf-8", "surrogateescape"))
    assert text.isascii()
    assert not set(text) & set(' "<>\\^`{|}\r\n\0') - set("\\")


# service path, route path, request path, with strip_path, without
JOINED = [
    ("/", "/a", "/a", "/", "/a"),
    ("/", "/a", "/a/", "/", "/a/"),
    ("/", "/a", "/ab", "/b", "/ab"),
    ("/", "/a/", "/a/b", "/b", "/a/b"),
    ("/up", "/a", "/a", "/up", "/up/a"),
    ("/up", "/a", "/a/", "/up/", "/up/a/"),
    ("/up", "/a", "/ab", "/up/b", "/up/ab"),
    ("/up", "/a", "/a/b/", "/up/b/", "/up/a/b/"),
    ("/up/", "/a", "/a", "/up", "/up/a"),
    ("/up/", "/a", "/a/", "/up/", "/up/a/"),
    ("/up/", "/a/", "/a/b", "/up/b", "/up/a/b"),
    ("/up", "/", "/a/b", "/up/a/b", "/up/a/b"),
    ("/up", "/", "/", "/up", "/up"),
]


@pytest.mark.parametrize(("base", "matched", "path", "stripped", "kept"), JOINED)
def test_upstream_path_joins_the_paths_of_service_and_request(
    base: str, matched: str, path: str, stripped: str, kept: str
) -> None:
    assert upstream_path(base, path, matched, True) == stripped
    assert upstream_path(base, path, matched, False) == kept


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a..", "/up"), ("/a.", "/up"), ("/a../b", "/up/b"), ("/a./b", "/up/b"), ("/a.../b", "/up/.../b")],
)
def test_rest_of_a_stripped_path_cannot_climb_out(path: str, expected: str) -> None:
    assert upstream_path("/up", path, "/a", True) == expected


@pytest.mark.parametrize(
    ("base", "matched", "path", "stripped", "kept"),
    [
        ("/", "/a", "/a/b", "/b", "/a/b"),
        ("/up", "/a", "/ab", "/upb", "/upab"),
        ("/up", "/a", "/a/b", "/up/b", "/upa/b"),
        ("/up/", "/a", "/a/b", "/up/b", "/up/a/b"),
        ("/up/", "/a", "/a", "/up/", "/up/a"),
    ],
)
def test_path_handling_v1_adds_no_slash(base: str, matched: str, path: str, stripped: str, kept: str) -> None:
    assert upstream_path(base, path, matched, True, "v1") == stripped
    assert upstream_path(base, path, matched, False, "v1") == kept
