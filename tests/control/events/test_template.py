"""Templates of `webhook-custom`, bodies of forms, and what counts as a repetition."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.control.events.repetition import REMEMBERED, Repetitions, key_of
from apiproxy_runtime.control.events.schema import from_form
from apiproxy_runtime.control.events.template import compile_text, compile_value
from apiproxy_runtime.policy.events import EventKind

DATA: dict[str, Any] = {
    "name": "orders",
    "status": 400,
    "ok": True,
    "nothing": None,
    "entity": {"username": "ada", "tags": ["a", "b"]},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{ name }}", "orders"),
        ("{{name}}-{{  status  }}", "orders-400"),
        ("{{ entity.username }}", "ada"),
        ("{{ entity.tags.1 }}", "b"),
        ("{{ entity }}", '{"username": "ada", "tags": ["a", "b"]}'),
        ("{{ ok }}", "true"),
        ("[{{ nothing }}{{ missing }}{{ name.deeper }}{{ entity.tags.9 }}{{ }}]", "[]"),
        ("{ name } {{ name", "{ name } {{ name"),
        ("{{ {{ name }} }}", "{{ orders }}"),
    ],
)
def test_fields_take_the_place_of_their_names(template: str, text: str) -> None:
    assert compile_text(template)(DATA) == text


def test_every_text_of_a_payload_is_a_template_and_the_rest_stays() -> None:
    payload = {"text": "{{ name }}", "list": ["{{ status }}", 1], "deep": {"flag": True}}

    assert compile_value(payload)(DATA) == {"text": "orders", "list": ["400", 1], "deep": {"flag": True}}


@given(st.text())
def test_any_text_is_a_template_and_one_without_braces_stands_for_itself(text: str) -> None:
    rendered = compile_text(text)(DATA)

    assert "{{" in text or rendered == text


@given(st.text())
def test_what_data_holds_is_never_taken_for_a_template(text: str) -> None:
    assert compile_text("<{{ a }}>")({"a": text, "b": "never"}) == f"<{text}>"


@pytest.mark.parametrize(
    ("pairs", "document"),
    [
        ([], {}),
        ([("source", "x"), ("config.url", "u")], {"source": "x", "config": {"url": "u"}}),
        ([("config.headers.x-a.b", "1")], {"config": {"headers": {"x-a": {"b": "1"}}}}),
        ([("config.functions[]", "f"), ("config.functions[]", "g")], {"config": {"functions": ["f", "g"]}}),
        ([("config.functions[1]", "f")], {"config": {"functions": ["f"]}}),
        ([("a", "1"), ("a.b", "2")], {"a": {"b": "2"}}),
    ],
)
def test_form_nests_as_kong_reads_it(pairs: list[tuple[str, str]], document: dict[str, Any]) -> None:
    assert from_form(pairs) == document


@given(st.lists(st.tuples(st.text(alphabet="ab.[]1", max_size=8), st.text(max_size=3)), max_size=6))
def test_any_form_is_a_document(pairs: list[tuple[str, str]]) -> None:
    assert json.loads(json.dumps(from_form(pairs))) == from_form(pairs)


KIND = EventKind("s", "e", ("a", "b", "c"), ("a", "b"))


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (KIND, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 4}, True),
        (KIND, {"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        (KIND, {"a": 1, "b": True}, {"a": 1, "b": "true"}, False),
        (KIND, {"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, True),
        (EventKind("s", "e", ("a", "b")), {"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (EventKind("s", "e", ("a", "b")), {"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
    ],
)
def test_events_are_the_same_when_their_unique_fields_are(
    kind: EventKind, one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert (key_of(kind, one) == key_of(kind, other)) is same


def test_events_of_two_names_are_never_the_same() -> None:
    assert key_of(EventKind("s", "e"), {}) != key_of(EventKind("s", "f"), {})


def test_snooze_lasts_from_the_last_delivery_on() -> None:
    clock = [100.0]
    repetitions = Repetitions(False, 10, lambda: clock[0])
    passed = []
    for at in (100.0, 105.0, 109.9, 110.0, 119.0, 120.5):
        clock[0] = at
        passed.append(repetitions.passes(b"k"))

    assert passed == [True, False, False, True, False, True]


def test_either_of_snooze_and_on_change_passes_an_event_over() -> None:
    clock = [100.0]
    repetitions = Repetitions(True, 10, lambda: clock[0])
    passed = [repetitions.passes(key) for key in (b"a", b"b", b"a")]
    clock[0] = 200.0
    passed += [repetitions.passes(key) for key in (b"b", b"a", b"a")]

    assert passed == [True, True, False, False, True, False]


def test_memory_of_snoozed_events_is_bounded() -> None:
    repetitions = Repetitions(False, 10, lambda: 100.0)
    for number in range(REMEMBERED + 1):
        repetitions.passes(str(number).encode())

    assert repetitions.passes(b"0")
    assert not repetitions.passes(str(REMEMBERED).encode())
