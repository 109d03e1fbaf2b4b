from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.propertyset import parse_properties


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=b", {"a": "b"}),
        ("a = b c ", {"a": "b c "}),
        ("a:b", {"a": "b"}),
        ("a b", {"a": "b"}),
        ("a", {"a": ""}),
        ("a==b", {"a": "=b"}),
        ("  a\t=\tb", {"a": "b"}),
        ("# no\n! no\n\n a=1", {"a": "1"}),
        ("a=1\na=2", {"a": "2"}),
        ("a\\=b\\:c\\ d=e", {"a=b:c d": "e"}),
        ("a=x\\\n   y\\\nz", {"a": "xyz"}),
        ("a=x\\\\\nb=1", {"a": "x\\", "b": "1"}),
        ("a=x\\\n#y", {"a": "x#y"}),
        ("a=\\t\\n\\u00e4\\q", {"a": "\t\näq"}),
        ("a=\\ud83d\\ude00", {"a": "😀"}),
        ("a=\\u12", {"a": "u12"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("url=https://x.example.com/a=b", {"url": "https://x.example.com/a=b"}),
        ("a=x\\", {"a": "x"}),
        ("=x", {"": "x"}),
    ],
)
def test_the_format_of_java_properties(text: str, values: dict[str, str]) -> None:
    assert parse_properties(text.encode()) == values


def test_utf_8_first_then_latin_1() -> None:
    assert parse_properties("a=ä".encode()) == {"a": "ä"}
    assert parse_properties("a=ä".encode("latin-1")) == {"a": "ä"}
    assert parse_properties(b"\xef\xbb\xbfa=1") == {"a": "1"}


@given(st.binary(max_size=80))
def test_nothing_is_an_error(data: bytes) -> None:
    for name, value in parse_properties(data).items():
        assert (name + value).encode() is not None
