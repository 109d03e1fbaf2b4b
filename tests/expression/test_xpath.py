from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from apiproxy_runtime.expression.xpath import (
    NotANodeset,
    XPathFailed,
    XPathSyntaxError,
    compile_xpath,
)

BOOK = etree.fromstring(
    b"<order xmlns:p='urn:p' id='7'>"
    b"<item n='1'>pen</item>tail<item n='2'>ink &amp; paper</item>"
    b"<p:total>36.231</p:total><qty>2</qty><big>9223372036854775807</big><empty/><!--note--><?do it?>"
    b"<mixed>a<b>c</b>d</mixed></order>"
)


@pytest.mark.parametrize(
    ("expression", "kind", "result"),
    [
        ("/order/item", "nodeset", '<item xmlns:p="urn:p" n="1">pen</item><item xmlns:p="urn:p" n="2">ink &amp; paper</item>'),
        ("/order/item[2]/text()", "nodeset", "ink & paper"),
        ("//@n", "nodeset", "12"),
        ("//item", "node", '<item xmlns:p="urn:p" n="1">pen</item>'),
        ("//none", "nodeset", None),
        ("//none", "node", None),
        ("//none", "string", None),
        ("//none", "number", None),
        ("//none", "integer", None),
        ("//none", "boolean", "false"),
        ("/order/item", "string", "pen"),
        ("/order/empty", "string", ""),
        ("/order/mixed", "string", "acd"),
        ("/order/@id", "string", "7"),
        ("//comment()", "string", "note"),
        ("//comment()", "nodeset", "<!--note-->"),
        ("//processing-instruction()", "string", "it"),
        ("concat('a', 'b:c')", "string", "ab:c"),
        ("//p:total", "string", "36.231"),
        ("//p:total", "number", "36.231"),
        ("//p:total", "float", "36.231"),
        ("//p:total", "double", "36.231"),
        ("//p:*", "string", "36.231"),
        ("//qty", "number", "2"),
        ("//qty", "double", "2.0"),
        ("//qty", "integer", "2"),
        ("//big", "long", "9223372036854775807"),
        ("count(//item)", "number", "2"),
        ("count(//item)", "string", "2"),
        ("count(//item)", "boolean", "true"),
        ("count(//item)", "integer", "2"),
        ("1 div 3", "number", "0.3333333333333333"),
        ("1 div 3", "float", "0.33333334"),
        ("1 div 0", "number", "Infinity"),
        ("-1 div 0", "string", "-Infinity"),
        ("number('x')", "number", "NaN"),
        ("number('x')", "boolean", "false"),
        ("1 div 10000000", "string", "0.0000001"),
        ("100000000000000000000 * 10", "string", "1000000000000000000000"),
        ("//item", "number", "NaN"),
        ("//item", "boolean", "true"),
        ("''", "boolean", "false"),
        ("//item[1] = 'pen'", "boolean", "true"),
        ("//item[1] = 'pen'", "string", "true"),
        ("not(//item[@n='2'])", "boolean", "false"),
        ("child::item[position() = last()]/@n", "string", "2"),
        ("local-name(/*) or true()", "boolean", "true"),
        ("//item[@n='1' and . = 'pen'] | //none", "string", "pen"),
    ],
)  # fmt: skip
def test_result(expression: str, kind: Any, result: str | None) -> None:
    assert compile_xpath(expression, {"p": "urn:p"}, kind=kind)(BOOK) == result


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("//p:total", "integer", "36.231"),
        ("//big", "integer", "9223372036854775807"),
        ("//item", "long", "pen"),
        ("//item", "double", "pen"),
        ("//empty", "float", ""),
    ],
)
def test_value_that_is_none_of_the_type(expression: str, kind: Any, value: str) -> None:
    with pytest.raises(XPathFailed) as caught:
        compile_xpath(expression, {"p": "urn:p"}, kind=kind)(BOOK)
    assert caught.value.value == value
    assert str(caught.value) == f"Unable to cast value {value} as {kind.upper()}."


@pytest.mark.parametrize(
    ("expression", "about"),
    [
        ("//soap:Body", "'soap' in"),
        ("/a/b[@x:y='1']", "'x' in"),
        ("child::q:a", "'q' in"),
        ("ends-with(/a, 'b')", "ends-with() in"),
        ("/a[matches(., 'b')]", "matches() in"),
        ("/a[$v]", "refers to a variable"),
        ("/a[", "not an XPath 1.0 expression"),
        ("count(1)", "not an XPath 1.0 expression"),
        ("", "empty"),
        ("/a" * 6000, "longer"),
    ],
)
def test_expression_that_does_not_compile(expression: str, about: str) -> None:
    with pytest.raises(XPathSyntaxError) as caught:
        compile_xpath(expression, {}, kind="string")
    assert about in str(caught.value)


@pytest.mark.parametrize("expression", ["count(//a)", "'x'", "1 = 1"])
def test_nodeset_is_asked_of_an_expression_that_gives_none(expression: str) -> None:
    with pytest.raises(NotANodeset):
        compile_xpath(expression, {}, kind="nodeset")


@pytest.mark.parametrize(
    ("expression", "returns"),
    [("//a", "nodeset"), ("count(//a)", "number"), ("string(//a)", "string"), ("//a = 1", "boolean")],
)
def test_kind_of_the_expression_is_known_when_it_is_compiled(expression: str, returns: str) -> None:
    assert compile_xpath(expression, {}, kind="string").returns == returns


def test_names_inside_strings_are_no_prefixes_and_no_functions() -> None:
    assert compile_xpath("//item[. = 'x:y(' or @n = \"1\"]", {}, kind="string")(BOOK) == "pen"


def test_xml_prefix_needs_no_declaration_and_the_empty_one_is_left_out() -> None:
    xml = etree.fromstring("<a xml:lang='de'/>")
    assert compile_xpath("/a/@xml:lang", {"": "urn:x"}, kind="string")(xml) == "de"


PIECES = st.lists(
    st.sampled_from(
        ["/", "//", "a", "item", "@n", "[", "]", "(", ")", "'", "p:", "::", "*", "1", "=", " or ", "$", "."]
    ),
    max_size=12,
).map("".join)


@given(PIECES | st.text(), st.sampled_from(["nodeset", "string", "number", "boolean", "integer", "float"]))
def test_any_text_compiles_or_is_the_error(expression: str, kind: Any) -> None:
    try:
        xpath = compile_xpath(expression, {"p": "urn:p"}, kind=kind)
    except XPathSyntaxError:
        return
    failed_as = kind
    try:
        assert isinstance(xpath(BOOK), (str, type(None)))
    except XPathFailed as error:
        failed_as = error.kind
    assert failed_as == kind
