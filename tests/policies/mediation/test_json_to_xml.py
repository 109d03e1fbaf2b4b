"""JSONToXML: declaration, the shapes of XML, sources and outputs, faults, and what bounds it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.policies.kit import (
    compile_policy,
    context,
    fault_of,
    findings_of,
    load,
    read,
    request,
    response,
    run,
)

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def policy(body: str = "<Options/>", name: str = "J2X") -> str:
    return f'<JSONToXML name="{name}">{body}</JSONToXML>'


async def converted(source: str, options: str = "") -> str:
    """The XML that a request becomes, without its declaration."""
    ctx = context(request("POST", body=source, type="application/json"))
    await run(compile_policy(policy(f"<Options>{options}</Options>")), ctx)
    assert ctx.request.content.startswith(DECLARATION)
    return ctx.request.content.removeprefix(DECLARATION)


def test_all_elements_are_known():
    names = (
        "NullValue NamespaceBlockName DefaultNamespaceNodeName NamespaceSeparator TextNodeName AttributeBlockName "
        "AttributePrefix InvalidCharsReplacement ObjectRootElementName ArrayRootElementName ArrayItemElementName"
    )
    options = "".join(f"<{name}>x</{name}>" for name in names.split())
    flags = "<Indent>true</Indent><OmitXmlDeclaration>true</OmitXmlDeclaration>"
    body = (
        f"<Source>request</Source><OutputVariable>request</OutputVariable><Options>{options}{flags}</Options>"
    )
    assert findings_of(policy(body)) == []
    assert load(policy(""))[1] == []


# ---- shapes

_NAMESPACES = (
    "<NamespaceBlockName>#namespaces</NamespaceBlockName>"
    "<DefaultNamespaceNodeName>$default</DefaultNamespaceNodeName><NamespaceSeparator>:</NamespaceSeparator>"
)
_ATTRIBUTES = "<AttributeBlockName>#attrs</AttributeBlockName><AttributePrefix>@</AttributePrefix>"
_SHAPES: list[tuple[str, str, str, str]] = [
    ("single root", "", '{"a":{"b":"1","c":"2"}}', "<a><b>1</b><c>2</c></a>"),
    ("several members", "", '{"abc":"123","efg":"234"}', "<Root><abc>123</abc><efg>234</efg></Root>"),
    (
        "named root",
        "<ObjectRootElementName>Order</ObjectRootElementName>",
        '{"a":1,"b":2}',
        "<Order><a>1</a><b>2</b></Order>",
    ),
    ("empty object", "", "{}", "<Root/>"),
    (
        "array",
        "",
        '["John Cleese",{"num":42},["x"]]',
        "<Array><Item>John Cleese</Item><Item><num>42</num></Item><Item><Item>x</Item></Item></Array>",
    ),
    (
        "named array",
        "<ArrayRootElementName>L</ArrayRootElementName><ArrayItemElementName>i</ArrayItemElementName>",
        "[1]",
        "<L><i>1</i></L>",
    ),
    ("empty array", "", "[]", "<Array></Array>"),
    ("array member", "", '{"a":{"b":[1,2,{"c":3}]}}', "<a><b>1</b><b>2</b><b><c>3</c></b></a>"),
    ("array within array", "", '{"a":{"b":[[1,2],3]}}', "<a><b><Item>1</Item><Item>2</Item></b><b>3</b></a>"),
    ("empty array member", "", '{"a":{"b":[]}}', "<a/>"),
    ("array as only member", "", '{"a":[1,2]}', "<Root><a>1</a><a>2</a></Root>"),
    (
        "scalars",
        "",
        '{"a":[true,false,null,1.10,-1E+2,""]}',
        "<Root><a>true</a><a>false</a><a/><a>1.10</a><a>-1E+2</a><a></a></Root>",
    ),
    ("null by name", "", '{"person":"NULL"}', "<person/>"),
    (
        "null by another name",
        "<NullValue>none</NullValue>",
        '{"a":"none","b":"NULL"}',
        "<Root><a/><b>NULL</b></Root>",
    ),
    ("markup in text", "", '{"a":"<b>&\\"\\r\\n]]>"}', '<a>&lt;b&gt;&amp;"&#13;\n]]&gt;</a>'),
    ("characters XML cannot hold", "", '{"a":"x\\u0000\\u0007\\ud800y"}', "<a>xy</a>"),
    (
        "attributes",
        _ATTRIBUTES,
        '{"person":{"#attrs":{"firstName":"John","@lastName":"\\"S\\""},"occupation":"explorer","@age":35}}',
        '<person firstName="John" lastName="&quot;S&quot;" age="35"><occupation>explorer</occupation></person>',
    ),
    ("attributes only", _ATTRIBUTES, '{"@a":"1"}', '<Root a="1"/>'),
    ("an attribute twice", _ATTRIBUTES, '{"p":{"#attrs":{"a":1},"@a":2}}', '<p a="2"/>'),
    (
        "text",
        "<TextNodeName>age</TextNodeName>",
        '{"person":{"firstName":"John","age":35}}',
        "<person><firstName>John</firstName>35</person>",
    ),
    ("text without the option", "", '{"person":{"age":35}}', "<person><age>35</age></person>"),
    (
        "namespaces",
        _NAMESPACES,
        '{"a":{"#namespaces":{"$default":"urn:d","c":"urn:c"},"c:b":"1"}}',
        '<a xmlns="urn:d" xmlns:c="urn:c"><c:b>1</c:b></a>',
    ),
    (
        "another separator",
        "<NamespaceSeparator>$</NamespaceSeparator>",
        '{"p$a":"1"}',
        "<p:a>1</p:a>",
    ),
    (
        "prefix as it stands",
        "<AttributePrefix>@</AttributePrefix>",
        '{"s:E":{"@xmlns:s":"u"}}',
        '<s:E xmlns:s="u"/>',
    ),
    (
        "invalid characters",
        "<InvalidCharsReplacement>_</InvalidCharsReplacement>",
        '{"First%%%Name":"John"}',
        "<First_Name>John</First_Name>",
    ),
    ("invalid characters by default", "", '{"a b":{"1":"x","":"y"}}', "<a_b><_1>x</_1><_>y</_></a_b>"),
]


@pytest.mark.parametrize(
    ("options", "source", "expected"), [c[1:] for c in _SHAPES], ids=[c[0] for c in _SHAPES]
)
async def test_shape(options: str, source: str, expected: str):
    assert await converted(source, options) == expected


async def test_indent_and_omitted_declaration():
    ctx = context(request("POST", body='{"a":{"b":1,"c":{"d":[2,3]},"e":{}}}', type="application/json"))
    options = "<Options><Indent>true</Indent><OmitXmlDeclaration>true</OmitXmlDeclaration></Options>"
    await run(compile_policy(policy(options)), ctx)
    assert ctx.request.content == (
        "<a>\n    <b>1</b>\n    <c>\n        <d>2</d>\n        <d>3</d>\n    </c>\n    <e/>\n</a>"
    )


# ---- sources and outputs


async def test_the_message_becomes_text_xml():
    ctx = context(response=response(body='{"a":"é"}', type="application/json;charset=utf-8"))
    await run(compile_policy(policy()), ctx)
    assert read(ctx, "response.header.content-type") == "text/xml;charset=utf-8"
    assert read(ctx, "response.content") == f"{DECLARATION}<a>é</a>"


@pytest.mark.parametrize("type", ["text/plain", "application/xml", "text/json", None])
async def test_a_message_of_another_type_is_passed_over(type: str | None):
    ctx = context(request("POST", body='{"a":1}', type=type))
    await run(compile_policy(policy()), ctx)
    assert ctx.request.content == '{"a":1}'


async def test_a_string_becomes_a_string():
    ctx = context(variables={"in": '\ufeff {"a":1}'})
    await run(compile_policy(policy("<Source>in</Source><OutputVariable>out</OutputVariable>")), ctx)
    assert ctx.variables["out"] == f"{DECLARATION}<a>1</a>"


# ---- faults


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "Expecting { or [ at line 1"),
        ("12", "Expecting { or [ at line 1"),
        ("<a/>", "Expecting { or [ at line 1"),
        ('{"a":NaN}', "NaN is no JSON value"),
        ('{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"),
    ],
)
async def test_malformed_json(source: str, reason: str):
    ctx = context(request("POST", body=source, type="application/json"))
    fault = await fault_of(compile_policy(policy()), ctx)
    assert (fault.code, fault.status) == ("steps.json2xml.ExecutionFailed", 500)
    assert fault.text == f"JSONToXML[J2X]: Execution failed due to reason: {reason}"


@pytest.mark.parametrize(
    ("variables", "output", "code", "text"),
    [
        ({}, "out", "SourceUnavailable", "JSONToXML[J2X]: Source in is not available"),
        (
            {"in": "{}"},
            "",
            "OutputVariableIsNotAvailable",
            "JSONToXML[J2X]: Output variable is not available.",
        ),
        (
            {"in": "{}"},
            "request",
            "InCompatibleTypes",
            "JSONToXML[J2X]: String can not be assigned to message type.",
        ),
        (
            {"in": True},
            "out",
            "InvalidSourceType",
            "JSONToXML[J2X]: Invalid source type class java.lang.Boolean. Valid source types are [message, string].",
        ),
    ],
)
async def test_faults_of_source_and_output(variables: dict[str, Any], output: str, code: str, text: str):
    target = f"<OutputVariable>{output}</OutputVariable>" if output else ""
    fault = await fault_of(
        compile_policy(policy(f"<Source>in</Source>{target}")), context(variables=variables)
    )
    assert (fault.code, fault.text) == (f"steps.json2xml.{code}", text)


def test_variables_of_a_failure():
    assert load(policy())[0].failed_variables() == ("jsontoxml.J2X.failed",)


@pytest.mark.parametrize("depth", [5000, 100_000])
async def test_endless_nesting_is_a_fault(depth: int):
    ctx = context(request("POST", body="[" * depth + "]" * depth, type="application/json"))
    fault = await fault_of(compile_policy(policy()), ctx)
    assert fault.name == "ExecutionFailed"


async def test_a_big_document_is_converted_aside():
    ctx = context(
        request("POST", body=json.dumps([{"a": i} for i in range(30_000)]), type="application/json")
    )
    waiting = compile_policy(policy())(ctx)
    assert waiting is not None, "the event loop has to stay free"
    await waiting
    assert len(etree.fromstring(ctx.request.body)) == 30_000


#: a colon is left to the author: it makes a prefix
_KEYS = st.text(st.characters(exclude_characters=":"), max_size=6)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=4),
    max_leaves=15,
)


@given(st.lists(_VALUES) | st.dictionaries(_KEYS, _VALUES, max_size=4))
async def test_whatever_the_json_the_xml_is_well_formed(value: Any):
    for options in ("", _ATTRIBUTES + "<TextNodeName>t</TextNodeName>"):
        text = await converted(json.dumps(value), options)
        parser = etree.XMLParser(recover=False, huge_tree=True)
        etree.fromstring(text.encode(), parser)
