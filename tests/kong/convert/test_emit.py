import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.kong.convert.emit import Note, Noted, emit

TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        "",
        "yes",
        "No",
        "null",
        "~",
        "1.0",
        "0x1f",
        "2024-01-01",
        "a: b",
        "a #b",
        "- a",
        "12:30:45",
        "*",
        "&a",
        "!x",
    ]
)
SCALARS = TEXTS | st.integers(-(10**12), 10**12) | st.booleans() | st.none() | st.floats(-1e6, 1e6)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, TREES, min_size=1, max_size=5))
def test_what_is_written_is_read_again(tree):
    plain = {key: _joined(value) for key, value in tree.items()}
    plain = {_whole(key): value for key, value in plain.items()}
    assert yaml.safe_load(emit(plain)) == plain


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which no UTF-8 file can hold."""
    return text.encode("utf-8", "ignore").decode()


def _joined(value):
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, list):
        return [_joined(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _joined(item) for key, item in value.items()}
    return value


@given(st.text(alphabet=string.printable, max_size=80), st.text(max_size=40))
def test_comments_never_change_what_is_read(note, key):
    key = _whole(key)
    tree = {"a": Noted({key: [Note(note), Noted({"b": 1}, (note,))]}, (note, note))}
    assert yaml.safe_load(emit(tree)) == {"a": {key: [{"b": 1}]}}


def test_comments_stand_above_what_they_are_about():
    tree = {
        "services": [
            Noted({"name": "a", "plugins": [Note("TODO first"), {"name": "cors"}]}, ("the service",))
        ]
    }
    assert emit(tree).splitlines() == [
        "services:",
        "  # the service",
        "  - name: a",
        "    plugins:",
        "      # TODO first",
        "      - name: cors",
    ]


def test_a_list_of_comments_alone_needs_no_key():
    assert emit({"name": "a", "plugins": [Note("TODO one\nand more")]}) == "name: a\n# TODO one\n# and more\n"


@pytest.mark.parametrize(
    "text", ["one\ntwo", "one\ntwo\n", "a\n\n b", "\tx\ny", "x\n\n", " x\ny", "one\r\ntwo"]
)
def test_texts_of_several_lines_keep_their_line_ends(text):
    assert yaml.safe_load(emit({"body": text, "after": [text]})) == {"body": text, "after": [text]}
