from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.jsonfile import JsonError, parse_json

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_json, st.sampled_from([None, 1]), st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_it_reads_what_json_reads(value: object, indent: int | None, ascii_only: bool, encoding: str) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_json(text.encode(encoding), "f").plain() == value


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is Python's, not JSON's")


@given(st.text(max_size=60))
@example("Infinity")
@example("[NaN]")
def test_what_json_refuses_is_refused_with_a_place(text: str) -> None:
    # a byte order mark at the start of a file is passed over
    text = text.removeprefix("\ufeff")
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        with pytest.raises(JsonError) as caught:
            parse_json(text.encode("utf-8", "replace"), "f")
        assert 1 <= caught.value.line <= text.count("\n") + 1
        assert caught.value.column >= 1
    else:
        assert parse_json(text.encode(), "f").plain() == json.loads(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(JsonError):
        assert parse_json(data, "f").line >= 1


def test_every_value_knows_its_place() -> None:
    root = parse_json(b'{\n  "a": [1,\n    {"b": "x"}],\n  "c": null}', "f.json")
    assert isinstance(root.value, dict)
    assert (root.line, root.column) == (1, 1)
    items = root.value["a"].value
    assert isinstance(items, list)
    assert [(item.line, item.column) for item in items] == [(2, 9), (3, 5)]
    inner = items[1].value
    assert isinstance(inner, dict)
    assert (inner["b"].line, inner["b"].column, inner["b"].file) == (3, 11, "f.json")
    assert (root.value["c"].line, root.value["c"].column) == (4, 8)


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ('[\n  {"a": 1,}\n]', 2, 10, "remove it"),
        ("[1, 2,\n]", 1, 6, "remove it"),
        ('{"a": 1\n "b": 2}', 2, 2, "comma"),
        ('{"a" 1}', 1, 6, "colon"),
        ("{a: 1}", 1, 2, "double quotes"),
        ('["a\nb"]', 1, 4, "control character"),
        ("[tru]", 1, 2, "expected"),
        ("", 1, 1, "end of the file"),
        ("[1] x", 1, 5, "after the end"),
        ("[NaN]", 1, 2, "expected"),
        ('["\\ud800"]', 1, 2, "surrogate"),
        ("[" * 100, 1, 66, "nested"),
    ],
)
def test_an_error_says_where_and_what(text: str, line: int, column: int, word: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse_json(text.encode(), "f")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert word in caught.value.message


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(JsonError, match="UTF-8"):
        parse_json(b'{"a":\n"\xff"}', "f")
