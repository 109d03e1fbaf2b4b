from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from apiproxy_runtime.expression.template.compiler import UnresolvedVariable, compile_template
from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.expression.template.functions import FUNCTIONS
from apiproxy_runtime.expression.template.text import escape_json, escape_xml, escape_xml11, substring
from apiproxy_runtime.expression.template.xeger import generator
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.variables import getter
from apiproxy_runtime.world import FrozenWorld, World

#: RFC 4231, test case 2
WANT = "what do ya want for nothing?"
JEFE_384 = "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
JEFE_512 = (
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)


def context(**variables: Any) -> MessageContext:
    return MessageContext(Message.request("GET", "/"), variables=variables)


def lenient(text: str, **variables: Any) -> str:
    return compile_template(text, getter, world=World()).render(context(**variables))


def strict(text: str, **variables: Any) -> str:
    return compile_template(text, getter, world=World()).strict(context(**variables))


@pytest.mark.parametrize(
    ("text", "variables", "result"),
    [
        ("{toUpperCase(v)}", {"v": "straße"}, "STRASSE"),
        ("{decodeBase64(v)}", {"v": "aGk"}, "hi"),
        ("{decodeBase64(v)}", {"v": "aG\r\nk="}, "hi"),
        ("{decodeBase64(v)}", {"v": "no base64!"}, ""),
        ("{encodeBase64(v)}", {"v": "é"}, "w6k="),
        ("{md5Hex(v)}", {"v": ""}, "d41d8cd98f00b204e9800998ecf8427e"),
        ("{sha384Base64('')}", {}, "OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb"),
        ("{hmacSha384('Jefe',v,'utf-8','HEX')}", {"v": WANT}, JEFE_384),
        ("{hmacSha512('4a656665',v,'base16','hex')}", {"v": WANT}, JEFE_512),
        ("{hmacSha512('SmVmZQ==',v,'base64','hex')}", {"v": WANT}, JEFE_512),
        ("{replaceAll(v,'(a)(b)','$2$1')}", {"v": "abab"}, "baba"),
        ("{replaceAll(v,'\\.',' ')}", {"v": "a.b.c"}, "a b c"),
        ("{replaceAll(v,'[','x')}", {"v": "a"}, ""),
        ("{replaceAll(v,'a','$9')}", {"v": "a"}, ""),
        ("{replaceFirst(v,'^\\s+','')}", {"v": "  x "}, "x "),
        ("{escapeJSON(v)}", {"v": 'é/\\"\n\x01'}, 'é/\\\\\\"\\n\\u0001'),
        ("{escapeXML(v)}", {"v": "a\x01b\x85\x86"}, "ab\x85&#134;"),
        ("{escapeXML11(v)}", {"v": "a\x01\x0b\t\x7f\ufffe"}, "a&#1;&#11;\t&#127;"),
        ("{encodeHTML(v)}", {"v": "it's <b>"}, "it&#39;s &lt;b&gt;"),
        ("{escapeHTML(v)}", {"v": "<"}, "&lt;"),
        ("{timeFormat('yyyy',v)}", {"v": "-1"}, "1969"),
        ("{timeFormatUTCMs('SSS',v)}", {"v": 1494390266123}, "123"),
        ("{timeFormatUTCMs('yyyy',v)}", {"v": "soon"}, ""),
        ("{timeFormatUTCMs('b',v)}", {"v": "1"}, ""),
        ("{timeFormatUTC('yyyy',v)}", {"v": "99999999999999"}, ""),
        ("{firstnonnull(a,b:x)}", {}, "x"),
        ("{firstnonnull(a,'')}", {}, ""),
        ("{substring(v,x)}", {"v": "abc", "x": "one"}, ""),
        ("{xpath('count(//a)',v,'number')}", {"v": "<r><a/><a/></r>"}, "2"),
        ("{xpath('//a',v)}", {"v": "<r><a>1</a>x<a>2</a></r>"}, "<a>1</a><a>2</a>"),
        ("{xpath('//a',v,'node')}", {"v": "<r><a>1</a>x<a>2</a></r>"}, "<a>1</a>"),
        ("{xpath('//z',v,'boolean')}", {"v": "<r/>"}, "false"),
        ("{xpath('//z',v)}", {"v": "no xml"}, ""),
        ("{xpath('//p:a',v)}", {"v": "<a/>"}, ""),
        ("{xPath('//p:a/text()',v,'p:urn:x')}", {"v": "<a xmlns='urn:x'>é</a>"}, "é"),
        ("{xpath('/a/text()',v)}", {"v": "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"}, "é"),
        ("{xpath('/a/text()',v)}", {"v": "<!DOCTYPE a [<!ENTITY e SYSTEM '/etc/hostname'>]><a>&e;</a>"}, ""),
        ("{jsonPath('$.a',v)}", {"v": "no json"}, ""),
        ("{jsonPath('$.a',v)}", {"v": '{"a":null}'}, ""),
        ("{jsonPath('$.a',v)}", {"v": '{"a":{"b":[1, "é"]}}'}, '{"b":[1,"é"]}'),
        ("{jsonPath('$.a',v)}", {"v": '{"a":[]}'}, ""),
        ("{jsonPath('$.a[*]',v)}", {"v": '{"a":[]}'}, ""),
        ("{jsonPath('$.a[*]',v,'true')}", {"v": '{"a":[]}'}, "[]"),
        ("{jsonPath('$.a',v)}", {"v": '{"a":[{"b":1},2]}'}, '{"b":1}'),
        ("{jsonPath('$.a.length()',v)}", {"v": '{"a":[1,2]}'}, "2"),
        ("{jsonPath('$.c[-1].p[-1].t',v,'true')}", {"v": '{"c":[{"p":[{"t":"x"},{"t":"y"}]}]}'}, "y"),
        ("{jsonPath('$.a',v)}", {"v": "[" * 100_000}, ""),
        ("{jsonPath('$.a[',v)}", {"v": '{"a":1}'}, ""),
        ("{jsonPath('$.a',response.content)}", {}, ""),
    ],
)
def test_function(text: str, variables: dict[str, Any], result: str) -> None:
    assert lenient(text, **variables) == result


@pytest.mark.parametrize(
    "text",
    [
        "{substring(v,x)}",
        "{replaceAll(v,'(',x)}",
        "{hmacMd5(v,v,'rot13')}",
        "{hmacMd5(v,v,'hex')}",
        "{hmacMd5(v,v,'utf-8','octal')}",
        "{timeFormat(v,x)}",
        "{randomLong(five,three)}",
        "{xeger('(')}",
        "{jsonPath('$.a[',v)}",
        "{xpath('//p:a',v)}",
        "{timeFormatUTCMs()}",
        "{toUpperCase(v,v)}",
        "{firstnonnull(nothing)}",
    ],
)
def test_failing_call_counts_as_unresolved(text: str) -> None:
    variables = {"v": "abc", "x": "one", "five": 5, "three": 3}
    assert lenient(f"<{text}>", **variables) == "<>"
    with pytest.raises(UnresolvedVariable) as caught:
        strict(text, **variables)
    assert caught.value.name == text[1:-1]
    assert caught.value.reason


def test_argument_that_names_no_variable_stands_for_itself_where_unresolved_is_ignored() -> None:
    assert lenient("{toUpperCase(abc)}") == "ABC"
    with pytest.raises(UnresolvedVariable) as caught:
        strict("{toUpperCase(abc)}")
    assert caught.value.name == "abc"


def test_time_ids_and_randomness_come_from_the_world() -> None:
    text = "{createUuid()} {randomLong()} {randomLong('1','6')} {xeger('[a-z]{8}')}"
    first, second, other = (
        compile_template(text, getter, world=FrozenWorld(seed=seed)).render(context()) for seed in (1, 1, 2)
    )
    assert first == second != other


def test_random_long_reaches_both_its_bounds() -> None:
    template = compile_template("{randomLong('3','4')}", getter, world=FrozenWorld())
    assert {template.render(context()) for _ in range(50)} == {"3", "4"}
    low = compile_template("{randomLong('9223372036854775807')}", getter, world=World())
    assert low.render(context()) == "9223372036854775807"


@pytest.mark.parametrize(
    "regex",
    [
        "abc",
        "[A-Z]{3}-[0-9]{4}",
        "(foo|bar|)+",
        "a?b*c+",
        r"\d\w\s\D\W\S",
        ".{5}",
        "[^a-z]{9}",
        r"\x41é\t\.",
        "(?:x){0}",
        "^start$",
        "(?i)abc",
        "[a-f&&[^bc]]{5}",
        r"\p{Upper}{4}",
        "(?<y>19|20)[0-9]{2}",
        "a{2,4}?",
        "[é-ü]",
    ],
)
def test_xeger_makes_text_that_matches(regex: str) -> None:
    world = FrozenWorld(seed=3)
    generate = generator(regex)
    python = regex.replace("(?<y>", "(").replace("&&[^bc]", "").replace(r"\p{Upper}", "[A-Z]")
    made = [generate(world) for _ in range(50)]
    assert all(re.fullmatch(python, text) for text in made)
    if "&&" in regex:
        assert not set("".join(made)) & set("bc")


@pytest.mark.parametrize("regex", ["(", r"(a)\1", "(?=a)b", "((a{900}){900}){900}", "a{2,1}"])
def test_xeger_refuses_what_it_cannot_make(regex: str) -> None:
    with pytest.raises(CallFailed):
        generator(regex)(World())


@given(st.text())
def test_xeger_takes_any_text_without_falling_over(regex: str) -> None:
    try:
        generator(regex)(FrozenWorld())
    except CallFailed:
        return


@given(st.text(), st.integers(-20, 20), st.integers(-20, 20))
def test_substring_is_a_part_of_the_text(text: str, start: int, end: int) -> None:
    assert substring(text, str(start), str(end)) in text


@given(st.text())
def test_escaped_text_reads_back(text: str) -> None:
    assert json.loads(f'"{escape_json(text)}"') == text
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\r]", "", text)
    assert (etree.fromstring(f"<a>{escape_xml(kept)}</a>").text or "") == kept
    assert "\x00" not in escape_xml11(text)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_every_function_is_documented_and_named_as_called(function: Any) -> None:
    assert function.signature.startswith(f"{function.name}(")
    assert function.doc.endswith(".")
    assert 0 <= function.least <= function.most
