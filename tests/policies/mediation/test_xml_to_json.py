"""XMLToJSON: declaration, the shapes of JSON, sources and outputs, faults, and what bounds it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    load,
    read,
    request,
    response,
    run,
    xml_response,
)


def policy(body: str = "<Options/>", name: str = "X2J") -> str:
    return f'<XMLToJSON name="{name}">{body}</XMLToJSON>'


def options(body: str) -> str:
    return policy(f"<Options>{body}</Options>")


async def converted(xml: str, body: str = "<Options/>") -> str:
    """The JSON text that a response becomes."""
    ctx = context(response=xml_response(xml))
    await run(compile_policy(policy(body)), ctx)
    assert ctx.response is not None
    return ctx.response.content


# ---- declaration


def test_all_elements_are_known():
    _, findings = load(
        options(
            """<RecognizeNumber>true</RecognizeNumber><RecognizeBoolean>true</RecognizeBoolean>
            <RecognizeNull>true</RecognizeNull><NullValue>NULL</NullValue>
            <NamespaceBlockName>#namespaces</NamespaceBlockName>
            <DefaultNamespaceNodeName>&amp;</DefaultNamespaceNodeName>
            <NamespaceSeparator>***</NamespaceSeparator><TextAlwaysAsProperty>true</TextAlwaysAsProperty>
            <TextNodeName>TEXT</TextNodeName><AttributeBlockName>A</AttributeBlockName>
            <AttributePrefix>@</AttributePrefix><OutputPrefix>(</OutputPrefix><OutputSuffix>)</OutputSuffix>
            <StripLevels>2</StripLevels><TreatAsArray><Path unwrap="true">a/b</Path></TreatAsArray>"""
        )
    )
    assert findings == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "EitherOptionOrFormat"),
        ("<Options/><Format>yahoo</Format>", "EitherOptionOrFormat"),
        ("<Format>parker</Format>", "UnknownFormat"),
        ("<Options><StripLevels>two</StripLevels></Options>", "InvalidElement"),
    ],
)
def test_what_cannot_be_deployed(body: str, error: str):
    assert deploy_errors(policy(body)) == [error]


# ---- shapes

_SHAPES: list[tuple[str, str, str, Any]] = [
    ("text", "", "<a>value</a>", {"a": "value"}),
    ("elements", "", "<a><b>1</b><c>2</c></a>", {"a": {"b": "1", "c": "2"}}),
    ("repeated elements", "", "<a><b>1</b><b>2</b></a>", {"a": {"b": ["1", "2"]}}),
    ("repeated, not in a row", "", "<a><b>1</b><c/><b>2</b></a>", {"a": {"b": ["1", "2"], "c": {}}}),
    ("empty", "", "<a><b/><c></c></a>", {"a": {"b": {}, "c": {}}}),
    ("blanks only", "", "<a>\n <b>  </b>\n</a>", {"a": {"b": {}}}),
    ("blanks around text", "", "<a> v </a>", {"a": " v "}),
    ("cdata", "", "<a><![CDATA[<x>]]></a>", {"a": "<x>"}),
    ("comments", "", "<a>1<!-- c -->2</a>", {"a": {"#text": ["1", "2"]}}),
    ("attributes", "", '<a b="1"><c>2</c></a>', {"a": {"b": "1", "c": "2"}}),
    ("attributes and text", "", '<a b="1">t</a>', {"a": {"b": "1", "#text": "t"}}),
    ("prefixes", "", '<p:a xmlns:p="u"><p:b p:c="1"/></p:a>', {"a": {"b": {"c": "1"}}}),
    ("mixed", "", "<a>1<b>2</b>3<c>4</c>5</a>", {"a": {"#text": ["1", "3", "5"], "b": "2", "c": "4"}}),
    ("numbers stay text", "", "<a><b>100</b><c>true</c></a>", {"a": {"b": "100", "c": "true"}}),
    (
        "text node name",
        "<TextNodeName>TEXT</TextNodeName>",
        "<a>1<b>2</b>3</a>",
        {"a": {"TEXT": ["1", "3"], "b": "2"}},
    ),
    (
        "text always",
        "<TextAlwaysAsProperty>true</TextAlwaysAsProperty><TextNodeName>TEXT</TextNodeName>",
        "<a>value</a>",
        {"a": {"TEXT": "value"}},
    ),
    (
        "attribute block and prefix",
        "<AttributeBlockName>BLOCK</AttributeBlockName><AttributePrefix>P_</AttributePrefix>",
        '<a x="1" y="2"/>',
        {"a": {"BLOCK": {"P_x": "1", "P_y": "2"}}},
    ),
    ("attribute prefix", "<AttributePrefix>P_</AttributePrefix>", '<a x="1"/>', {"a": {"P_x": "1"}}),
    (
        "namespaces",
        "<NamespaceBlockName>#namespaces</NamespaceBlockName>"
        "<DefaultNamespaceNodeName>&amp;</DefaultNamespaceNodeName><NamespaceSeparator>***</NamespaceSeparator>",
        '<a xmlns="http://ns.com" xmlns:n="http://ns1.com"><n:b xml:lang="nl" n:c="1">v</n:b></a>',
        {
            "a": {
                "#namespaces": {"&": "http://ns.com", "n": "http://ns1.com"},
                "n***b": {"xml***lang": "nl", "n***c": "1", "#text": "v"},
            }
        },
    ),
    ("null", "<RecognizeNull>true</RecognizeNull>", "<a><b/></a>", {"a": {"b": None}}),
    (
        "null under the default name",
        "<RecognizeNull>true</RecognizeNull><NullValue>NULL</NullValue>",
        "<a/>",
        {"a": None},
    ),
    (
        "null under another name",
        "<RecognizeNull>true</RecognizeNull><NullValue>I_AM_NULL</NullValue>",
        "<a/>",
        {"a": "I_AM_NULL"},
    ),
    (
        "booleans",
        "<RecognizeBoolean>true</RecognizeBoolean>",
        "<a><b>true</b><c>TRUE</c><d>1</d></a>",
        {"a": {"b": True, "c": "TRUE", "d": "1"}},
    ),
    ("strip", "<StripLevels>2</StripLevels>", "<a x='1'><b><c>1</c><d>2</d></b></a>", {"c": "1", "d": "2"}),
    ("strip one", "<StripLevels>1</StripLevels>", "<a><b>1</b></a>", {"b": "1"}),
    (
        "strip several",
        "<StripLevels>2</StripLevels>",
        "<e><h><i>1</i></h><b><j>2</j></b></e>",
        {"i": "1", "j": "2"},
    ),
    ("strip more than there is", "<StripLevels>9</StripLevels>", "<a><b>1</b></a>", "1"),
]


@pytest.mark.parametrize(
    ("body", "xml", "expected"), [case[1:] for case in _SHAPES], ids=[c[0] for c in _SHAPES]
)
async def test_shape(body: str, xml: str, expected: Any):
    found = await converted(xml, f"<Options>{body}</Options>")
    assert json.loads(found) == expected
    assert found == json.dumps(expected, separators=(",", ":")), "members stand in document order"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", "100"),
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("1e3", "1000.0"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("007", '"007"'),
        ("+1", '"+1"'),
        ("1.", '"1."'),
        (" 1", '" 1"'),
        ("1_0", '"1_0"'),
        ("١", '"١"'),
        ("NaN", '"NaN"'),
        ("1e999", '"1e999"'),
    ],
)
async def test_only_what_json_calls_a_number_becomes_one(text: str, expected: str):
    found = await converted(f"<a>{text}</a>", "<Options><RecognizeNumber>true</RecognizeNumber></Options>")
    assert found == f'{{"a":{expected}}}'


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("xml.com", {"a": {"@x": "1", "b": {"#text": "t", "@y": "2"}, "c": "5", "d": None}}),
        ("yahoo", {"a": {"x": "1", "b": {"content": "t", "y": "2"}, "c": 5, "d": {}}}),
        ("google", {"a": {"x": "1", "n$b": {"$t": "t", "y": "2"}, "c": {"$t": "5"}, "d": {}}}),
        (
            "badgerFish",
            {
                "a": {
                    "@xmlns": {"$": "urn:d", "n": "urn:n"},
                    "@x": "1",
                    "n:b": {"$": "t", "@y": "2"},
                    "c": {"$": "5"},
                    "d": {},
                }
            },
        ),
    ],
)
async def test_format_presets(format: str, expected: Any):
    xml = '<a xmlns="urn:d" xmlns:n="urn:n" x="1"><n:b y="2">t</n:b><c>5</c><d/></a>'
    assert json.loads(await converted(xml, f"<Format>{format}</Format>")) == expected


_TEACHERS = (
    """<teachers><teacher><name>A</name><studentnames><name>s1</name></studentnames></teacher></teachers>"""
)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (
            "<Path>teachers/teacher/studentnames/name</Path>",
            {"teachers": {"teacher": {"name": "A", "studentnames": {"name": ["s1"]}}}},
        ),
        (
            '<Path unwrap="true">teachers/teacher/studentnames/name</Path>',
            {"teachers": {"teacher": {"name": "A", "studentnames": ["s1"]}}},
        ),
        (
            '<Path unwrap="true">/teachers/teacher</Path><Path>/teachers/teacher/studentnames/name/</Path>',
            {"teachers": [{"name": "A", "studentnames": {"name": ["s1"]}}]},
        ),
        ("<Path>teachers</Path>", {"teachers": [{"teacher": {"name": "A", "studentnames": {"name": "s1"}}}]}),
    ],
)
async def test_treat_as_array(paths: str, expected: Any):
    body = f"<Options><TreatAsArray>{paths}</TreatAsArray></Options>"
    assert json.loads(await converted(_TEACHERS, body)) == expected


async def test_unwrap_leaves_an_object_that_has_other_members():
    body = '<Options><TreatAsArray><Path unwrap="true">a/b</Path></TreatAsArray></Options>'
    assert json.loads(await converted("<a><b>1</b><c>2</c></a>", body)) == {"a": {"b": ["1"], "c": "2"}}
    assert json.loads(await converted("<a><b>1</b><b>2</b></a>", body)) == {"a": ["1", "2"]}


async def test_prefix_and_suffix_surround_the_json():
    body = "<Options><OutputPrefix>PREFIX_</OutputPrefix><OutputSuffix>_SUFFIX</OutputSuffix></Options>"
    assert await converted("<a>value</a>", body) == 'PREFIX_{"a":"value"}_SUFFIX'


# ---- sources and outputs


async def test_message_of_the_moment_becomes_json_in_utf_8():
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")
    ctx = context(request("POST", body=body, type="text/xml; charset=ISO-8859-1"))
    await run(compile_policy(policy()), ctx)
    assert (ctx.request.body, ctx.request.content_type()) == ('{"a":"é"}'.encode(), "application/json")


@pytest.mark.parametrize("type", ["application/xml", "text/xml; charset=utf-8", "application/atom+xml"])
async def test_every_xml_type_is_converted(type: str):
    ctx = context(response=response(body="<a/>", type=type))
    await run(compile_policy(policy()), ctx)
    assert read(ctx, "response.content") == '{"a":{}}'


@pytest.mark.parametrize("type", ["application/json", "text/plain", "text/html", None])
async def test_a_message_of_another_type_is_passed_over(type: str | None):
    ctx = context(response=response(body="<a/>", type=type))
    await run(compile_policy(policy()), ctx)
    assert read(ctx, "response.content") == "<a/>"


async def test_a_string_becomes_a_string():
    ctx = context(variables={"in": '<?xml version="1.0" encoding="UTF-16"?><a>é</a>'})
    await run(
        compile_policy(policy("<Source>in</Source><OutputVariable>out</OutputVariable><Options/>")), ctx
    )
    assert ctx.variables["out"] == '{"a":"é"}'


async def test_output_may_be_another_message_which_is_made_if_missing():
    ctx = context(response=xml_response("<a>1</a>"))
    await run(
        compile_policy(policy("<Source>response</Source><OutputVariable>kept</OutputVariable><Options/>")),
        ctx,
    )
    assert read(ctx, "kept.content") == '{"a":"1"}'
    assert read(ctx, "kept.header.content-type") == "application/json"
    assert read(ctx, "response.content") == "<a>1</a>"


# ---- faults


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "Premature end of document while parsing at line 1(possibly  around char 0)"),
        ("<a>", "Premature end of document while parsing at line 1(possibly  around char 4)"),
        ("<a><b></a>", "Opening and ending tag mismatch: b line 1 and a at line 1(possibly  around char 11)"),
    ],
)
async def test_malformed_xml(xml: str, reason: str):
    fault = await fault_of(compile_policy(policy()), context(response=xml_response(xml)))
    assert (fault.code, fault.status) == ("steps.xml2json.ExecutionFailed", 500)
    assert fault.text == f"XMLToJSON[X2J]: Execution failed. reason: {reason}"


@pytest.mark.parametrize(
    ("variables", "output", "code", "text"),
    [
        ({}, "out", "SourceUnavailable", "XMLToJSON[X2J]: Source in is not available"),
        (
            {"in": "<a/>"},
            "",
            "OutputVariableIsNotAvailable",
            "XMLToJSON[X2J]: Output variable is not available.",
        ),
        (
            {"in": "<a/>"},
            "request",
            "InCompatibleTypes",
            "XMLToJSON[X2J]: String can not be assigned to message type.",
        ),
        (
            {"in": xml_response("<a/>"), "out": "text"},
            "out",
            "InCompatibleTypes",
            "XMLToJSON[X2J]: String can not be assigned to message type.",
        ),
        (
            {"in": 7},
            "out",
            "InvalidSourceType",
            "XMLToJSON[class java.lang.Integer]: Invalid source type class java.lang.Integer. "
            "Valid source types are [message, string].",
        ),
    ],
)
async def test_faults_of_source_and_output(variables: dict[str, Any], output: str, code: str, text: str):
    target = f"<OutputVariable>{output}</OutputVariable>" if output else ""
    step = compile_policy(policy(f"<Source>in</Source>{target}<Options/>"))
    fault = await fault_of(step, context(variables=variables))
    assert (fault.code, fault.text) == (f"steps.xml2json.{code}", text)


def test_variables_of_a_failure():
    assert load(policy())[0].failed_variables() == ("xmltojson.X2J.failed",)


# ---- bounds


async def test_entity_bombs_and_endless_nesting_are_refused():
    lines = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "ha">{lines}]><a>&e9;</a>'
    for xml in (bomb, "<a>" * 5000 + "</a>" * 5000):
        started = time.perf_counter()
        fault = await fault_of(compile_policy(policy()), context(response=xml_response(xml)))
        assert fault.name == "ExecutionFailed"
        assert time.perf_counter() - started < 1


async def test_files_are_never_read():
    xml = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>'
    assert json.loads(await converted(xml)) == {"a": {}}


async def test_a_big_document_is_converted_aside():
    xml = "<a>" + "<b>text</b>" * 50_000 + "</a>"
    step = compile_policy(policy())
    ctx = context(response=xml_response(xml))
    waiting = step(ctx)
    assert waiting is not None, "the event loop has to stay free"
    await waiting
    assert len(json.loads(read(ctx, "response.content"))["a"]["b"]) == 50_000


async def test_faults_of_a_big_document_are_told_too():
    fault = await fault_of(compile_policy(policy()), context(response=xml_response("<a>" + "<b/>" * 50_000)))
    assert fault.name == "ExecutionFailed"


_NAMES = st.sampled_from(["a", "b", "c"])
_TREES = st.recursive(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="￾￿"), max_size=8
    ),
    lambda below: st.lists(st.tuples(_NAMES, below), min_size=1, max_size=4),
    max_leaves=12,
)


def _element(name: str, content: Any) -> etree._Element:
    element = etree.Element(name)
    if isinstance(content, str):
        element.text = content
    else:
        for each, below in content:
            element.append(_element(each, below))
    return element


@given(_TREES)
async def test_every_text_of_a_document_is_in_the_json(tree: Any):
    xml = etree.tostring(_element("root", tree), encoding="unicode")
    value = json.loads(await converted(xml))

    def texts(found: Any) -> list[str]:
        if isinstance(found, str):
            return [found]
        children = found.values() if isinstance(found, dict) else found
        return [text for child in children for text in texts(child)]

    expected = [text for text in etree.fromstring(xml).itertext() if text.strip()]
    assert sorted(texts(value)) == sorted(expected)
