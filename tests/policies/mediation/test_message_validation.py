"""MessageValidation: declaration, schemas with imports, WSDL of both styles, SOAP, well-formedness, faults."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    request,
    run,
)

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


def policy(body: str = "", url: str = "xsd://o.xsd", tag: str = "MessageValidation") -> str:
    resource = f"<ResourceURL>{url}</ResourceURL>" if url else ""
    return f'<{tag} name="MV-1">{resource}{body}</{tag}>'


def xsd(body: str, namespace: str = "urn:o", attributes: str = "") -> str:
    return (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="{namespace}" targetNamespace="{namespace}" '
        f'elementFormDefault="qualified" {attributes}>{body}</xs:schema>'
    )


ORDER = xsd(
    """<xs:element name="order"><xs:complexType><xs:sequence>
    <xs:element name="id" type="xs:int"/><xs:element name="note" type="xs:string" minOccurs="0"/>
    </xs:sequence></xs:complexType></xs:element><xs:element name="other" type="xs:string"/>"""
)
GOOD = '<order xmlns="urn:o"><id>1</id></order>'


async def reason(
    xml: str, body: str = "", url: str = "xsd://o.xsd", type: str = "application/xml", **resources: str
) -> str | None:
    """The reason of the fault, None when the message passes."""
    files = {f"{name.replace('_', '.')}": text for name, text in resources.items()}
    found = {"xsd://o.xsd": ORDER} | {
        f"{name.rpartition('.')[2]}://{name}": text for name, text in files.items()
    }
    step = compile_policy(policy(body, url), resources=found)
    ctx = context(request("POST", body=xml, type=type))
    try:
        await run(step, ctx)
    except Exception:
        fault = await fault_of(step, ctx)
        assert (fault.code, fault.status) == ("steps.messagevalidation.Failed", 500)
        start = 'MessageValidation MV-1 failed with reason: "'
        assert fault.text.startswith(start)
        return fault.text[len(start) : -1]
    return None


# ---- declaration


def test_all_elements_are_known():
    body = (
        '<Source>request</Source><SOAPMessage version="1.1/1.2"/><Element namespace="urn:o">order</Element>'
    )
    assert findings_of(policy(body), resources={"xsd://o.xsd": ORDER}) == []
    assert load(policy(tag="SOAPMessageValidation"))[0].failed_variables() == (
        "messagevalidation.MV-1.failed",
    )


@pytest.mark.parametrize(
    ("xml", "schema", "error"),
    [
        (policy(url="xsl://o.xsl"), ORDER, "InvalidResourceType"),
        (policy(url="xsd://none.xsd"), ORDER, "ResourceCompileFailed"),
        (policy(), "<xs:schema", "ResourceCompileFailed"),
        (policy(), xsd('<xs:element name="a" type="t:none"/>'), "ResourceCompileFailed"),
        (policy(), xsd('<xs:include schemaLocation="none.xsd"/>'), "ResourceCompileFailed"),
        (policy(url="wsdl://o.wsdl"), ORDER, "ResourceCompileFailed"),
        (policy("<Element/>"), ORDER, "RootElementNameUnspecified"),
        (policy("<Element>1a</Element>"), ORDER, "InvalidRootElementName"),
        (policy('<SOAPMessage version="1.3"/>'), ORDER, "InvalidElement"),
    ],
)
def test_what_cannot_be_deployed(xml: str, schema: str, error: str):
    assert deploy_errors(xml, resources={"xsd://o.xsd": schema, "wsdl://o.wsdl": schema}) == [error]


def test_a_schema_that_does_not_compile_says_why():
    (finding,) = findings_of(policy(), resources={"xsd://o.xsd": xsd('<xs:element name="a" type="t:none"/>')})
    assert finding.message.startswith(
        "MessageValidation MV-1: Failed to compile resource xsd://o.xsd. Context Revision:"
    )
    assert "{urn:o}none" in finding.cure


# ---- schemas


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (GOOD, None),
        ('<other xmlns="urn:o">x</other>', None),
        (
            '<order xmlns="urn:o"><id>x</id></order>',
            "is not a valid value of the atomic type 'xs:int'. [Line 1]",
        ),
        (
            '<order xmlns="urn:o">\n<note/></order>',
            "This element is not expected. Expected is ( {urn:o}id ). [Line 2]",
        ),
        (
            "<order><id>1</id></order>",
            "No matching global declaration available for the validation root. [Line 1]",
        ),
        ("<order", "Couldn't find end of Start Tag order"),
        ("", "Document is empty"),
    ],
)
async def test_documents_against_a_schema(xml: str, expected: str | None):
    found = await reason(xml)
    assert found is None if expected is None else expected in str(found)


@pytest.mark.parametrize(
    ("elements", "good"),
    [
        ('<Element namespace="urn:o">order</Element>', True),
        ("<Element>order</Element>", True),
        ('<Element namespace="urn:o">other</Element><Element namespace="urn:o">order</Element>', True),
        ('<Element namespace="urn:o">other</Element>', False),
        ('<Element namespace="urn:x">order</Element>', False),
    ],
)
async def test_only_the_elements_named_are_accepted(elements: str, good: bool):
    found = await reason(GOOD, elements)
    if good:
        assert found is None
    else:
        assert found in ("Root element must be {urn:o}other", "Root element must be {urn:x}order")


PARTS = {
    "main_xsd": xsd(
        """<xs:include schemaLocation="./types.xsd"/><xs:import namespace="urn:p" schemaLocation="xsd://p.xsd"/>
        <xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="http://www.w3.org/xml.xsd"/>
        <xs:element name="a" type="t:A"/>""",
        attributes='xmlns:p="urn:p"',
    ),
    "types_xsd": xsd(
        """<xs:import namespace="urn:p"/><xs:complexType name="A"><xs:sequence><xs:element ref="p:price"/></xs:sequence>
        </xs:complexType>""",
        attributes='xmlns:p="urn:p"',
    ),
    "p_xsd": xsd('<xs:element name="price" type="xs:decimal"/>', "urn:p"),
}


@pytest.mark.parametrize(("price", "good"), [("1.5", True), ("x", False)])
async def test_imports_and_includes_come_from_the_bundle(price: str, good: bool):
    xml = f'<a xmlns="urn:o"><p:price xmlns:p="urn:p">{price}</p:price></a>'
    assert (await reason(xml, url="xsd://main.xsd", **PARTS) is None) is good


async def test_schemas_may_include_each_other():
    parts = {
        "a_xsd": xsd('<xs:include schemaLocation="b.xsd"/><xs:element name="a" type="t:B"/>'),
        "b_xsd": xsd(
            '<xs:include schemaLocation="a.xsd"/><xs:simpleType name="B"><xs:restriction base="xs:int"/></xs:simpleType>'
        ),
    }
    assert await reason('<a xmlns="urn:o">1</a>', url="xsd://a.xsd", **parts) is None


async def test_a_schema_without_elements():
    empty = xsd('<xs:simpleType name="B"><xs:restriction base="xs:int"/></xs:simpleType>')
    (finding,) = findings_of(policy(), resources={"xsd://o.xsd": empty})
    assert (finding.severity, finding.name) == ("warning", "NoElements")
    step = compile_policy(policy(), resources={"xsd://o.xsd": empty})
    fault = await fault_of(step, context(request("POST", body=GOOD, type="application/xml")))
    assert (fault.code, fault.text) == (
        "steps.messagevalidation.NoElements",
        'Resource "xsd://o.xsd" has no element definitions',
    )


# ---- SOAP and WSDL


def envelope(body: str, namespace: str = SOAP_11) -> str:
    return f'<s:Envelope xmlns:s="{namespace}"><s:Header><anything/></s:Header><s:Body>{body}</s:Body></s:Envelope>'


def wsdl(types: str, rest: str = "") -> str:
    return (
        '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="urn:o" xmlns:p="urn:p" targetNamespace="urn:w" '
        f'xmlns:w1="urn:w">{rest}<w:types>{types}</w:types></w:definitions>'
    )


DOCUMENT = wsdl(ORDER)


@pytest.mark.parametrize(
    ("xml", "version", "expected"),
    [
        (envelope(GOOD), "", None),
        (envelope(GOOD, SOAP_12), "", None),
        (envelope(GOOD), "1.1", None),
        (envelope(GOOD, SOAP_12), "1.1/1.2", None),
        (envelope(GOOD, SOAP_12), "1.1", f"Root element must be {{{SOAP_11}}}Envelope"),
        (envelope(GOOD), "1.2", f"Root element must be {{{SOAP_12}}}Envelope"),
        (GOOD, "", f"Root element must be {{{SOAP_11}}}Envelope or {{{SOAP_12}}}Envelope"),
        (f'<s:Envelope xmlns:s="{SOAP_11}"/>', "", "The SOAP envelope has no Body"),
        (envelope(""), "", None),
        (envelope("<s:Fault><faultcode>s:Server</faultcode></s:Fault>"), "", None),
        (
            envelope(GOOD.replace("1</id>", "x</id>")),
            "",
            "is not a valid value of the atomic type 'xs:int'. [Line 1]",
        ),
        (envelope("<unknown/>"), "", "No matching global declaration available"),
    ],
)
async def test_soap_against_a_wsdl(xml: str, version: str, expected: str | None):
    body = f'<SOAPMessage version="{version}"/>' if version else ""
    found = await reason(xml, body, "wsdl://o.wsdl", "text/xml", o_wsdl=DOCUMENT)
    assert found is None if expected is None else expected in str(found)


async def test_soap_against_a_schema_and_the_element_in_the_body():
    soap = '<SOAPMessage version="1.1"/>'
    assert await reason(envelope(GOOD), soap + '<Element namespace="urn:o">order</Element>') is None
    found = await reason(envelope(GOOD), soap + '<Element namespace="urn:o">other</Element>')
    assert found == "Root element must be {urn:o}other"


TWO = wsdl(
    xsd('<xs:import namespace="urn:p"/><xs:element name="a" type="p:P"/>', attributes='xmlns:p="urn:p"')
    + xsd('<xs:simpleType name="P"><xs:restriction base="xs:int"/></xs:simpleType>', "urn:p")
    + xsd('<xs:element name="b" type="xs:int"/>')
)
PREFIXED = wsdl('<xs:schema targetNamespace="urn:o"><xs:element name="a" type="xs:int"/></xs:schema>')
IMPORTING = wsdl('<xs:schema><xs:import namespace="urn:o" schemaLocation="o.xsd"/></xs:schema>')


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (TWO, '<a xmlns="urn:o">1</a>', '<a xmlns="urn:o">x</a>'),
        (TWO, '<b xmlns="urn:o">1</b>', '<b xmlns="urn:o">x</b>'),
        (PREFIXED, '<a xmlns="urn:o">1</a>', '<a xmlns="urn:o">x</a>'),
        (IMPORTING, GOOD, '<order xmlns="urn:o"/>'),
    ],
)
async def test_schemas_of_a_wsdl(text: str, good: str, bad: str):
    assert await reason(envelope(good), url="wsdl://o.wsdl", o_wsdl=text) is None
    assert await reason(envelope(bad), url="wsdl://o.wsdl", o_wsdl=text) is not None


async def test_a_wsdl_may_import_the_one_with_the_types():
    main = wsdl("", '<w:import namespace="urn:w" location="types.wsdl"/>').replace("<w:types></w:types>", "")
    parts = {"o_wsdl": main, "types_wsdl": DOCUMENT}
    assert await reason(envelope(GOOD), url="wsdl://o.wsdl", **parts) is None
    assert await reason(envelope("<x/>"), url="wsdl://o.wsdl", **parts) is not None


RPC = wsdl(
    xsd(
        '<xs:complexType name="P"><xs:sequence><xs:element name="n" type="xs:int"/></xs:sequence></xs:complexType>',
        "urn:p",
    ),
    """<w:message name="In"><w:part name="who" type="xs:string"/><w:part name="what" type="p:P"/></w:message>
    <w:message name="Out"><w:part name="result" type="xs:int"/></w:message>
    <w:portType name="Port"><w:operation name="ask"><w:input message="w1:In"/><w:output message="w1:Out"/></w:operation></w:portType>
    <w:binding name="B" type="w1:Port"><s:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
    <w:operation name="ask"><s:operation soapAction=""/><w:input><s:body use="literal" namespace="urn:ask"/></w:input>
    <w:output><s:body use="literal" namespace="urn:ask"/></w:output></w:operation></w:binding>""",
)


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ('<a:ask xmlns:a="urn:ask"><who>x</who><what><p:n xmlns:p="urn:p">1</p:n></what></a:ask>', True),
        ('<a:ask xmlns:a="urn:ask"><what><p:n xmlns:p="urn:p">1</p:n></what><who>x</who></a:ask>', True),
        ('<a:ask xmlns:a="urn:ask"><who>x</who></a:ask>', False),
        ('<a:askResponse xmlns:a="urn:ask"><result>1</result></a:askResponse>', True),
        ('<a:askResponse xmlns:a="urn:ask"><result>x</result></a:askResponse>', False),
    ],
)
async def test_a_wsdl_of_rpc_style(body: str, good: bool):
    assert (await reason(envelope(body), url="wsdl://o.wsdl", o_wsdl=RPC) is None) is good


# ---- well-formedness


@pytest.mark.parametrize(
    ("type", "body", "good"),
    [
        ("application/json", '{"a":1}', True),
        ("application/json;charset=utf-8", '{"a":1', False),
        ("application/json", "", False),
        ("application/xml", "<a/>", True),
        ("application/xml", "<a>", False),
        ("text/plain", "<a>", True),
        ("text/xml", "<a>", True),
    ],
)
async def test_without_a_resource_only_well_formedness_counts(type: str, body: str, good: bool):
    assert (await reason(body, url="", type=type) is None) is good


# ---- sources and bounds


@pytest.mark.parametrize(
    ("variables", "name", "text"),
    [
        ({}, "SourceMessageNotAvailable", "in message is not available for MessageValidation: MV-1"),
        ({"in": "<a/>"}, "NonMessageVariable", "Variable in does not resolve to a Message"),
    ],
)
async def test_a_source_that_is_no_message(variables: dict[str, Any], name: str, text: str):
    step = compile_policy(policy("<Source>in</Source>"), resources={"xsd://o.xsd": ORDER})
    fault = await fault_of(step, context(variables=variables))
    assert (fault.code, fault.text) == (f"steps.messagevalidation.{name}", text)


async def test_a_big_document_is_checked_aside():
    many = xsd(
        '<xs:element name="l"><xs:complexType><xs:sequence><xs:element name="i" type="xs:int" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>'
    )
    step = compile_policy(policy(), resources={"xsd://o.xsd": many})
    for last, good in (("1", True), ("x", False)):
        xml = f'<l xmlns="urn:o">{"<i>1</i>" * 50_000}<i>{last}</i></l>'
        ctx = context(request("POST", body=xml, type="application/xml"))
        waiting = step(ctx)
        assert waiting is not None, "the event loop has to stay free"
        if good:
            await waiting
        else:
            with pytest.raises(Exception, match="atomic type"):
                await waiting


async def test_entity_bombs_are_refused():
    lines = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    bomb = f'<!DOCTYPE order [<!ENTITY e0 "ha">{lines}]><order xmlns="urn:o">&e9;</order>'
    began = time.perf_counter()
    assert await reason(bomb) is not None
    assert time.perf_counter() - began < 1
