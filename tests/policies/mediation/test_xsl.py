"""XSL: declaration, transformations by either engine, parameters, parts, faults, and what it cannot reach."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiproxy_policies import aside
from apiproxy_policies.mediation import xsl
from apiproxy_policies.xslt import saxon
from apiproxy_policies.xslt.stylesheet import read_stylesheet
from lxml import etree

from apiproxy_runtime.message.context import MessageContext
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    read,
    request,
    run,
    xml_response,
)

needs_saxon = pytest.mark.skipif(not saxon.available(), reason="the extra xslt is not installed")


@pytest.fixture
def no_saxon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saxon, "available", lambda: False)


@pytest.fixture(scope="module", autouse=True)
def processes() -> Iterator[None]:
    yield
    saxon._processes.close()


def policy(body: str = "", url: str = "xsl://s.xsl") -> str:
    return f'<XSL name="XSL-1"><ResourceURL>{url}</ResourceURL>{body}</XSL>'


def sheet(body: str, version: str = "1.0", attributes: str = "") -> str:
    return (
        f'<xsl:stylesheet version="{version}" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" {attributes}>'
        f'<xsl:output omit-xml-declaration="yes"/>{body}</xsl:stylesheet>'
    )


NAME = sheet('<xsl:template match="/"><n><xsl:value-of select="/a/b"/></n></xsl:template>')
GROUPS = sheet(
    """<xsl:param name="by" select="'b'"/>
    <xsl:template match="/"><r by="{$by}"><xsl:for-each-group select="/a/b" group-by="@k">
    <g k="{current-grouping-key()}"><xsl:value-of select="current-group()" separator="+"/></g></xsl:for-each-group></r>
    </xsl:template>""",
    "2.0",
)


async def transformed(
    stylesheet: str, xml: str = "<a><b>1</b></a>", body: str = "", **more: str
) -> MessageContext:
    resources = {"xsl://s.xsl": stylesheet} | {f"xsl://{n.replace('_', '.')}": t for n, t in more.items()}
    ctx = context(response=xml_response(xml), variables={"limit": 5, "quote": 'it\'s "so"'})
    return await run(compile_policy(policy(body), resources=resources), ctx)


def content(ctx: MessageContext) -> str:
    return str(read(ctx, "response.content")).strip()


# ---- declaration


def test_all_elements_are_known():
    body = """<Source>response</Source><OutputVariable>out</OutputVariable>
    <Parameters ignoreUnresolvedVariables="true"><Parameter name="a" ref="b"/><Parameter name="c" value="d"/></Parameters>"""
    assert findings_of(policy(body), resources={"xsl://s.xsl": NAME}) == []


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        ('<XSL name="x"/>', "XSLEmptyResourceUrl"),
        (policy(url="jsc://s.js"), "XSLInvalidResourceType"),
        (policy(url="xsl://none.xsl"), "ResourceDoesNotExist"),
    ],
)
def test_what_cannot_be_deployed(xml: str, error: str):
    assert deploy_errors(xml, resources={"xsl://s.xsl": NAME}) == [error]


@pytest.mark.parametrize(
    ("stylesheet", "reason"),
    [
        ("<xsl:stylesheet>", "line 1"),
        (sheet('<xsl:template match="a["/>'), "xsl://s.xsl"),
        (sheet('<xsl:include href="none.xsl"/>'), "there is no xsl://none.xsl"),
        (sheet('<xsl:include href="s.xsl"/>'), "s.xsl includes itself"),
    ],
)
def test_a_stylesheet_that_does_not_compile(stylesheet: str, reason: str):
    (finding,) = findings_of(policy(), resources={"xsl://s.xsl": stylesheet})
    assert finding.name == "XSLCompilationFailed"
    assert reason in finding.message


def test_an_output_variable_cannot_be_a_message():
    (finding,) = findings_of(
        policy("<OutputVariable>response</OutputVariable>"), resources={"xsl://s.xsl": NAME}
    )
    assert (finding.severity, finding.name) == ("warning", "OutputVariableIsMessage")


def test_the_old_element_name_is_understood():
    assert load('<XSLTransform name="x"><ResourceURL>xsl://s</ResourceURL></XSLTransform>')[0].tag == "XSL"


# ---- transformations


async def test_the_result_replaces_the_content_and_not_the_content_type():
    ctx = await transformed(NAME)
    assert content(ctx) == "<n>1</n>"
    assert read(ctx, "response.header.content-type") == "application/xml"


async def test_the_result_goes_to_a_string_variable():
    ctx = await transformed(NAME, body="<OutputVariable>out</OutputVariable>")
    assert read(ctx, "out").strip() == "<n>1</n>"
    assert content(ctx) == "<a><b>1</b></a>"


async def test_a_string_may_be_the_source():
    step = compile_policy(policy("<Source>text</Source>"), resources={"xsl://s.xsl": NAME})
    ctx = await run(
        step, context(variables={"text": '<?xml version="1.0" encoding="UTF-16"?><a><b>é</b></a>'})
    )
    assert ctx.variables["text"].strip() == "<n>é</n>"


async def test_the_declared_encoding_is_that_of_the_bytes():
    stylesheet = sheet('<xsl:output encoding="ISO-8859-1"/><xsl:template match="/">é</xsl:template>')
    stylesheet = stylesheet.replace('omit-xml-declaration="yes"', 'method="text"')
    ctx = await transformed(stylesheet)
    assert ctx.response is not None
    assert ctx.response.body == "é".encode("latin-1")
    assert read(await transformed(stylesheet, body="<OutputVariable>o</OutputVariable>"), "o") == "é"


async def test_html_output_leaves_the_content_type_to_others():
    stylesheet = '<html xsl:version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><br/></html>'
    assert "<br>" in content(await transformed(stylesheet))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_an_identity_transformation_of_2_0_needs_no_extra(no_saxon: None, version: str):
    identity = """<xsl:strip-space elements="*"/><xsl:template match="@*|node()">
        <xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>"""
    ctx = await transformed(sheet(identity, version), "<a> <b c='1'> x </b> </a>")
    assert content(ctx) == '<a><b c="1"> x </b></a>'


@needs_saxon
async def test_groups_of_xslt_2():
    body = '<Parameters><Parameter name="by" ref="quote"/></Parameters>'
    ctx = await transformed(GROUPS, "<a><b k='x'>1</b><b k='y'>2</b><b k='x'>3</b></a>", body)
    root = etree.fromstring(content(ctx))
    assert root.get("by") == 'it\'s "so"'
    assert [(g.get("k"), g.text) for g in root] == [("x", "1+3"), ("y", "2")]


@needs_saxon
async def test_one_process_runs_many_transformations():
    step = compile_policy(policy(), resources={"xsl://s.xsl": GROUPS})
    contexts = [context(response=xml_response(f"<a><b k='{i}'/></a>")) for i in range(20)]
    for ctx in contexts:
        await run(step, ctx)
    assert [etree.fromstring(content(ctx))[0].get("k") for ctx in contexts] == [str(i) for i in range(20)]
    assert len(saxon._processes.idle) <= 2


def test_without_the_extra_a_2_0_stylesheet_names_it(no_saxon: None):
    (finding,) = findings_of(policy(), resources={"xsl://s.xsl": GROUPS})
    assert finding.name == "XSLEngineMissing"
    assert "<xsl:for-each-group> in line" in finding.message
    assert "apiproxy-runtime[xslt]" in finding.cure


def test_without_the_extra_a_harmless_2_0_stylesheet_is_warned_of(no_saxon: None):
    stylesheet = NAME.replace('version="1.0"', 'version="2.0"')
    (finding,) = findings_of(policy(), resources={"xsl://s.xsl": stylesheet})
    assert (finding.severity, finding.name) == ("warning", "XSLVersion")


@pytest.mark.parametrize(
    "expression",
    [
        "matches(a, 'b')",
        "if (a) then b else c",
        "for $i in 1 to 3 return $i",
        "a/string()",
        "('x', 'y')",
        "a eq b",
        "some $i in a satisfies $i",
        "fn:upper-case(a)",
    ],
)
def test_newer_expressions_are_recognised(expression: str):
    stylesheet = sheet(
        f'<xsl:template match="/"><a b="{{{expression}}}"/></xsl:template>',
        attributes='xmlns:fn="http://www.w3.org/2005/xpath-functions"',
    )
    assert read_stylesheet("s.xsl", {"s.xsl": stylesheet.encode()}.get).newer is not None


async def test_xsl_namespace_works_in_a_1_0_stylesheet(no_saxon: None):
    stylesheet = sheet(
        """<xsl:template match="/"><R><xsl:namespace name="{concat('ns_', 1)}" select="/a/b"/>
        <xsl:namespace name="p">urn:p</xsl:namespace><c/></R></xsl:template>"""
    )
    root = etree.fromstring(content(await transformed(stylesheet, "<a><b>urn:1</b></a>")))
    assert root.nsmap == {"ns_1": "urn:1", "p": "urn:p"}
    assert [child.tag for child in root] == ["c"]


# ---- parameters


PARAMETERS = sheet(
    """<xsl:param name="p" select="'default'"/><xsl:param name="q"/>
    <xsl:template match="/"><r p="{$p}" q="{$q}"/></xsl:template>"""
)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ('<Parameters><Parameter name="p" value="it\'s"/></Parameters>', ("it's", "")),
        ('<Parameters><Parameter name="p" ref="limit"/></Parameters>', ("5", "")),
        ('<Parameters><Parameter name="p" ref="quote"/></Parameters>', ('it\'s "so"', "")),
        ('<Parameters><Parameter name="p" ref="none" value="v"/></Parameters>', ("v", "")),
        (
            '<Parameters ignoreUnresolvedVariables="true"><Parameter name="p" ref="none"/>'
            '<Parameter name="q" value="1"/></Parameters>',
            ("default", "1"),
        ),
    ],
)
async def test_parameters(parameters: str, expected: tuple[str, str]):
    root = etree.fromstring(content(await transformed(PARAMETERS, body=parameters)))
    assert (root.get("p"), root.get("q")) == expected


async def test_an_unresolved_parameter_is_a_fault():
    step = compile_policy(
        policy('<Parameters><Parameter name="p" ref="none"/></Parameters>'),
        resources={"xsl://s.xsl": PARAMETERS},
    )
    fault = await fault_of(step, context(response=xml_response("<a/>")))
    assert (fault.code, fault.status) == ("steps.xsl.XSLVariableResolutionFailed", 500)
    assert fault.text == "Failed to resolve variable none"


# ---- parts


LIBRARY = sheet('<xsl:template name="n">low</xsl:template><xsl:template match="b"><B/></xsl:template>')


@pytest.mark.parametrize("href", ["lib.xsl", "./lib.xsl", "xsl://lib.xsl"])
@pytest.mark.parametrize("version", ["1.0", pytest.param("2.0", marks=needs_saxon)])
async def test_imports_come_from_the_bundle(href: str, version: str):
    stylesheet = sheet(
        f"""<xsl:import href="{href}"/><xsl:template match="/"><r><xsl:apply-templates select="a/b"/>
        <xsl:call-template name="n"/></r></xsl:template><xsl:template name="n">high</xsl:template>""",
        version,
    ).replace('<xsl:output omit-xml-declaration="yes"/>', "", 1)
    root = etree.fromstring(content(await transformed(stylesheet, lib_xsl=LIBRARY)).encode())
    assert (root[0].tag, "".join(root.itertext()).strip()) == ("B", "high")


async def test_includes_may_include():
    stylesheet = sheet(
        '<xsl:include href="one.xsl"/><xsl:template match="/"><xsl:call-template name="n"/></xsl:template>'
    )
    one = sheet('<xsl:include href="lib.xsl"/>')
    assert content(await transformed(stylesheet, one_xsl=one, lib_xsl=LIBRARY)) == "low"


# ---- faults


async def test_a_missing_source():
    step = compile_policy(policy("<Source>response</Source>"), resources={"xsl://s.xsl": NAME})
    fault = await fault_of(step, context())
    assert fault.code == "steps.xsl.XSLSourceMessageNotAvailable"
    assert fault.text == "response message is not available for XSL: XSL-1"


@pytest.mark.parametrize(
    ("stylesheet", "xml", "reason"),
    [
        (NAME, "", "Document is empty"),
        (NAME, "<a>", "Premature end of data"),
        (NAME, "<a>" * 5000, "Excessive depth"),
        (
            sheet(
                '<xsl:template match="/"><xsl:message terminate="yes">too dear</xsl:message></xsl:template>'
            ),
            "<a/>",
            "too dear",
        ),
    ],
)
async def test_what_fails_is_told(stylesheet: str, xml: str, reason: str):
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    fault = await fault_of(step, context(response=xml_response(xml)))
    assert (fault.code, fault.status) == ("steps.xsl.XSLEvaluationFailed", 500)
    assert fault.text.startswith('Evaluation of XSL s.xsl failed with reason: "')
    assert reason in fault.text


@needs_saxon
async def test_what_fails_in_saxon_is_told():
    stylesheet = sheet(
        '<xsl:template match="/"><xsl:sequence select="error((), \'too dear\')"/></xsl:template>', "2.0"
    )
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    fault = await fault_of(step, context(response=xml_response("<a/>")))
    assert fault.text == 'Evaluation of XSL s.xsl failed with reason: "too dear"'


@needs_saxon
def test_what_saxon_does_not_compile_is_told_with_its_line():
    stylesheet = sheet('\n<xsl:template match="/"><xsl:sequence select="nobody(1)"/></xsl:template>', "2.0")
    (finding,) = findings_of(policy(), resources={"xsl://s.xsl": stylesheet})
    assert finding.name == "XSLCompilationFailed"
    assert "(line 2)" in finding.message
    assert "file:" not in finding.message


def test_variables_of_a_failure():
    assert load(policy())[0].failed_variables() == ("xsl.XSL-1.failed",)


# ---- what it cannot reach


@pytest.mark.parametrize("version", ["1.0", pytest.param("2.0", marks=needs_saxon)])
async def test_no_file_is_read(version: str, tmp_path: Path):
    secret = tmp_path / "secret.xml"
    secret.write_text("<secret>hidden</secret>")
    stylesheet = sheet(
        f'<xsl:template match="/"><r><xsl:copy-of select="document(\'{secret.as_uri()}\')"/></r></xsl:template>',
        version,
    )
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    ctx = context(response=xml_response(f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><a>&e;</a>'))
    assert (await fault_of(step, ctx)).name == "XSLEvaluationFailed"


async def test_no_file_is_written(tmp_path: Path):
    out = tmp_path / "out.xml"
    stylesheet = sheet(
        f'<xsl:template match="/"><r><exsl:document href="{out.as_uri()}"><a/></exsl:document></r></xsl:template>',
        attributes='xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl"',
    )
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    await fault_of(step, context(response=xml_response("<a/>")))
    assert not out.exists()


@needs_saxon
def test_a_stylesheet_of_2_0_that_writes_files_is_not_deployed(tmp_path: Path):
    out = tmp_path / "out.xml"
    write = f'<xsl:result-document href="{out.as_uri()}"><a/></xsl:result-document>'
    stylesheet = sheet(f'<xsl:template match="/"><r>{write}</r></xsl:template>', "2.0")
    assert deploy_errors(policy(), resources={"xsl://s.xsl": stylesheet}) == ["XSLCompilationFailed"]


def test_imports_cannot_leave_the_bundle():
    stylesheet = sheet('<xsl:import href="file:///etc/passwd"/>')
    (finding,) = findings_of(policy(), resources={"xsl://s.xsl": stylesheet})
    assert "there is no xsl://" in finding.message


# ---- what bounds it

SLOW = """<xsl:template match="/"><xsl:for-each select="//b"><xsl:for-each select="//b"><xsl:if test="count(//b) = 3">
<x/></xsl:if></xsl:for-each></xsl:for-each></xsl:template>"""


@pytest.mark.parametrize(
    "stylesheet",
    [
        sheet(SLOW),
        pytest.param(
            sheet(
                '<xsl:template match="/"><xsl:sequence select="count(for $i in 1 to 100000, $j in 1 to 100000 return $i)"/>'
                "</xsl:template>",
                "2.0",
            ),
            marks=needs_saxon,
        ),
    ],
)
async def test_others_go_on_while_a_transformation_takes_too_long(
    stylesheet: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(xsl, "TIME_LIMIT", 0.6)
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    longest, ended = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not ended:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - began)

    watching = asyncio.ensure_future(watch())
    began = time.perf_counter()
    fault = await fault_of(step, context(response=xml_response("<a>" + "<b/>" * 500 + "</a>")))
    assert time.perf_counter() - began < 2
    ended = True
    await watching
    assert "it took longer than 0.6 s" in fault.text
    assert longest < 0.3
    for _ in range(100):
        if aside._bench.lost == 0:
            break
        await asyncio.sleep(0.1)
    assert aside._bench.lost == 0, "the thread is free again once the work has ended"


@pytest.mark.parametrize(
    ("body", "quick"),
    [
        (
            '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>',
            True,
        ),
        (
            '<xsl:template match="/"><xsl:for-each select="a/b[c]"><xsl:value-of select="."/></xsl:for-each></xsl:template>',
            True,
        ),
        ('<xsl:template match="/a//b"><xsl:value-of select="@c"/></xsl:template>', True),
        ('<xsl:template match="/"><xsl:value-of select="//b"/></xsl:template>', False),
        ('<xsl:template match="b[//c]"/>', False),
        ('<xsl:template match="b"><xsl:value-of select="../c"/></xsl:template>', False),
        ('<xsl:template match="b"><xsl:value-of select="preceding::c"/></xsl:template>', False),
        ('<xsl:template match="b"><xsl:apply-templates select="."/></xsl:template>', False),
        ('<xsl:template match="b"><xsl:apply-templates/><xsl:apply-templates/></xsl:template>', False),
        ('<xsl:template match="b"><xsl:apply-templates select="$all"/></xsl:template>', False),
        ('<xsl:template name="n"><xsl:call-template name="m"/></xsl:template><xsl:template name="m"/>', True),
        ('<xsl:template name="n"><xsl:call-template name="n"/></xsl:template>', False),
        ('<xsl:template name="n"><xsl:apply-templates/></xsl:template>', False),
    ],
)
def test_which_stylesheets_are_quick(body: str, quick: bool):
    assert read_stylesheet("s.xsl", {"s.xsl": sheet(body).encode()}.get).quick is quick


async def test_a_quick_stylesheet_does_not_leave_the_loop_for_a_small_document():
    stylesheet = sheet('<xsl:template match="/"><n><xsl:value-of select="a/b"/></n></xsl:template>')
    step = compile_policy(policy(), resources={"xsl://s.xsl": stylesheet})
    ctx = context(request("POST", body="<a><b>1</b></a>", type="text/xml"))
    assert step(ctx) is None
    assert ctx.request.content.strip() == "<n>1</n>"
