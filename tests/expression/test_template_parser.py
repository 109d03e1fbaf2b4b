from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.expression.template.compiler import (
    TemplateSyntaxError,
    UnresolvedVariable,
    compile_template,
)
from apiproxy_runtime.expression.template.nodes import Call, Literal, Text, Variable
from apiproxy_runtime.expression.template.parser import parse_template
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.variables import getter
from apiproxy_runtime.world import FrozenWorld


def parse(text: str, **options: Any) -> tuple[Any, ...]:
    return parse_template(text, **options).nodes


def context(**variables: Any) -> MessageContext:
    return MessageContext(Message.request("GET", "/"), variables=variables)


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("", ()),
        ("plain", (Text("plain"),)),
        ("a{b}c", (Text("a"), Variable("b", None, 1), Text("c"))),
        ("{a:x:y}", (Variable("a", "x:y", 0),)),
        ("{a:}", (Variable("a", "", 0),)),
        ("{a:x{y}", (Variable("a", "x{y", 0),)),
        ("{{a}}", (Text("{"), Variable("a", None, 1), Text("}"))),
        ("{request.header.x-y.1}", (Variable("request.header.x-y.1", None, 0),)),
        ("{createUuid()}", (Call("createUuid", (), "createUuid()", 0),)),
        (
            "{substring(a, 'b' ,c:d)}",
            (
                Call(
                    "substring",
                    (Variable("a", None, 11), Literal("b", 14), Variable("c", "d", 19)),
                    "substring(a, 'b' ,c:d)",
                    0,
                ),
            ),
        ),
    ],
)
def test_nodes(text: str, nodes: tuple[Any, ...]) -> None:
    assert parse(text) == nodes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'\{"error": \{"name":"{a}", "list":[\{}]}}', '{"error": {"name":"A", "list":[{}]}}'),
        (r'\{ "a" : "{a}" \}', '{ "a" : "A" }'),
        (r"\{\}", "{}"),
        (r"CORP\{a}", r"CORP\A"),
        (r'\\{"a"}', r'\\{"a"}'),
        (r'/^\{[a-z]+\}$/ {"a"}', r'/^\{[a-z]+\}$/ {"a"}'),
    ],
)
def test_braces_of_json_may_still_stand_behind_a_backslash(text: str, expected: str) -> None:
    assert compile_template(text, getter, world=FrozenWorld()).render(context(a="A")) == expected


def test_backslashes_are_text_where_a_payload_has_delimiters_of_its_own() -> None:
    assert parse(r'\{"a":"@b#"}', prefix="@", suffix="#")[0] == Text(r'\{"a":"')


def test_unquoted_path_keeps_its_brackets_quotes_and_commas() -> None:
    (call,) = parse("{jsonPath($.r[?(@.name == 'Mae, West:x')]['a','b'],doc)}")
    assert [argument.name for argument in call.arguments] == [
        "$.r[?(@.name == 'Mae, West:x')]['a','b']",
        "doc",
    ]


def test_call_that_is_not_closed_at_once_is_text() -> None:
    text = "<a onclick=\"{search(this.value); this.value='';}\">"
    assert parse(text) == (Text(text),)


def test_script_between_braces_is_text() -> None:
    text = "function go(){var url='a:b'; x=1} function f(){return x;}"
    assert parse(text) == (Text(text),)


def test_thousands_of_calls_that_come_to_nothing_are_read_quickly() -> None:
    start = time.process_time()
    assert parse("{f('" * 20_000) == (Text("{f('" * 20_000),)
    assert time.process_time() - start < 2


def test_style_sheet_with_white_space_after_the_brace_is_text() -> None:
    text = "#map{ height: 100%; } body{\n margin: 0 }"
    assert parse(text) == (Text(text),)


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("@a#", (Variable("a", None, 0),)),
        ("@a:b#", (Variable("a", "b", 0),)),
        ("@createUuid()#", (Call("createUuid", (), "createUuid()", 0),)),
        ("me@example.com and #1", (Text("me@example.com and #1"),)),
        ("@1# {a}", (Text("@1# {a}"),)),
    ],
)
def test_old_delimiters(text: str, nodes: tuple[Any, ...]) -> None:
    assert parse(text, prefix="@", suffix="#") == nodes


def test_one_old_delimiter_alone_changes_nothing() -> None:
    assert parse("{a}@b#", prefix="@") == (Variable("a", None, 0), Text("@b#"))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('"{a}"', "1"),
        ('"x {a} y"', "x 1 y"),
        ('"abc"', '"abc"'),
        ('"{a}" and "{a}"', '"1" and "1"'),
        ('say "{a}"', 'say "1"'),
    ],
)
def test_quotes_are_stripped_only_around_the_whole_of_a_template(text: str, printed: str) -> None:
    assert compile_template(text, getter, world=FrozenWorld(), quotes=True).render(context(a="1")) == printed


def test_template_without_references_is_a_constant() -> None:
    template = compile_template('{"a": [1, 2]}', getter, world=FrozenWorld())
    assert template.constant == '{"a": [1, 2]}' == template.render(context()) == template.strict(context())
    assert compile_template("{a}", getter, world=FrozenWorld()).constant is None


def test_variables_are_named_once_and_in_order() -> None:
    template = compile_template(
        "{b}{a}{b}{toUpperCase(c)}{firstnonnull(a,'x',d)}", getter, world=FrozenWorld()
    )
    assert template.variables == ("b", "a", "c", "d")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("", ""),
        (True, "true"),
        (5, "5"),
        (1.0, "1.0"),
        (1e10, "1.0E10"),
        ("{b}", "{b}"),
        ("é'\"\\", "é'\"\\"),
    ],
)
def test_values_print_as_java_prints_them_and_are_not_scanned_again(value: Any, printed: str) -> None:
    template = compile_template("<{a}>", getter, world=FrozenWorld())
    assert template.render(context(a=value, b="no")) == template.strict(context(a=value)) == f"<{printed}>"


def test_message_prints_its_content() -> None:
    message = Message.response()
    message.content = "body"
    template = compile_template("{callout}", getter, world=FrozenWorld())
    assert template.render(context(callout=message)) == "body"


def test_default_takes_the_place_of_an_unset_variable_only() -> None:
    template = compile_template("[{a:x y}]", getter, world=FrozenWorld())
    assert [template.strict(context()), template.strict(context(a="")), template.strict(context(a=0))] == [
        "[x y]",
        "[]",
        "[0]",
    ]


def test_strict_names_the_variable_that_does_not_resolve() -> None:
    template = compile_template("{a:1}{b}{c}", getter, world=FrozenWorld())
    with pytest.raises(UnresolvedVariable) as caught:
        template.strict(context())
    assert caught.value.name == "b"


def test_text_around_references_is_copied_whatever_it_holds() -> None:
    around = "'\"\\{ }}%s{0}\n\r\x00\ud800\N{SNOWMAN}\\N{ SNOWMAN}"
    template = compile_template(around + "{a}" + around, getter, world=FrozenWorld())
    assert template.render(context(a="1")) == around + "1" + around


PIECES = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "'",
            '"',
            ",",
            ":",
            "|",
            " ",
            "\n",
            "a",
            "b.c",
            "1",
            "@",
            "#",
            "\\",
            "é",
            "toUpperCase",
            "substring(",
            "jsonPath('$.a',",
            "{a}",
            "{a:d}",
            "createUuid()",
        ]
    ),
    max_size=30,
).map("".join)


@given(
    PIECES | st.text(), st.sampled_from([(None, None), ("@", "#"), ("{", "}"), ("${", "}")]), st.booleans()
)
def test_any_text_parses_or_is_a_positioned_error(
    text: str, delimiters: tuple[str | None, str | None], quotes: bool
) -> None:
    prefix, suffix = delimiters
    world, offset, unresolved = FrozenWorld(), 0, None
    try:
        template = compile_template(text, getter, world=world, prefix=prefix, suffix=suffix, quotes=quotes)
        assert all(0 <= warning.offset <= len(text) for warning in template.warnings)
        assert isinstance(template.render(context(a="1")), str)
        assert isinstance(template.strict(context(a="1")), str)
    except TemplateSyntaxError as error:
        offset = error.offset
    except UnresolvedVariable as error:
        unresolved = error.name
    assert 0 <= offset <= len(text)
    assert unresolved is None or unresolved in text


@given(st.text())
def test_text_without_braces_is_its_own_result(text: str) -> None:
    plain = text.replace("{", "")
    assert compile_template(plain, getter, world=FrozenWorld()).constant == plain


@given(st.text(), st.text())
def test_default_is_what_stands_after_the_first_colon(value: str, around: str) -> None:
    default, around = value.replace("}", ""), around.replace("{", "")
    template = compile_template(f"{around}{{x:{default}}}", getter, world=FrozenWorld())
    assert template.render(context()) == around + default
