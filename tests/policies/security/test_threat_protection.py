"""JSONThreatProtection, XMLThreatProtection and RegularExpressionProtection."""

import time
from pathlib import Path

import pytest
from apiproxy_policies.security.xml_threat_protection import _Exceeded, _Judge
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.message.message import Message
from tests.house import house, proxy, show, steps, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, load, request, run

JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}


def jtp(inside: str) -> str:
    return f'<JSONThreatProtection name="JTP">{inside}</JSONThreatProtection>'


def xtp(inside: str) -> str:
    return f'<XMLThreatProtection name="XTP">{inside}</XMLThreatProtection>'


@pytest.mark.parametrize(
    "inside",
    [
        "<ContainerDepth>deep</ContainerDepth>",
        "<ArrayElementCount>1.5</ArrayElementCount>",
        "<StringValueLength>x</StringValueLength>",
    ],
)
def test_limits_of_json_are_numbers(inside: str) -> None:
    assert len(deploy_errors(jtp(inside))) == 1
    assert deploy_errors(jtp("<ContainerDepth>3</ContainerDepth>")) == []


def rep(inside: str) -> str:
    return f'<RegularExpressionProtection name="REP">{inside}</RegularExpressionProtection>'


@pytest.mark.parametrize(
    ("limit", "good", "bad", "reason"),
    [
        ("<ContainerDepth>2</ContainerDepth>", '{"a":[1]}', '{"a":\n[{"b":1}]}', "container depth at line 2"),
        (
            "<ObjectEntryCount>2</ObjectEntryCount>",
            '{"a":1,"b":2}',
            '{"a":1,\n"b":2,\n"c":3}',
            "object entry count at line 3",
        ),
        (
            "<ObjectEntryCount>1</ObjectEntryCount>",
            '{"a":{"b":1}}',
            '{"a":1,\n"a":2}',
            "object entry count at line 2",
        ),
        ("<ArrayElementCount>2</ArrayElementCount>", "[1,2]", "[1,2,\n\n3]", "array element count at line 3"),
        (
            "<ObjectEntryNameLength>3</ObjectEntryNameLength>",
            '{"abc":1}',
            '{"abcd":1}',
            "object entry name length at line 1",
        ),
        (
            "<StringValueLength>3</StringValueLength>",
            '["abc"]',
            '["\\n\\n\\n",\n"abcd"]',
            "string value length at line 2",
        ),
    ],
)
async def test_each_json_limit(limit: str, good: str, bad: str, reason: str) -> None:
    step = compile_policy(jtp(limit))
    await run(step, context(request=request(verb="POST", headers=JSON, body=good)))
    fault = await fault_of(step, context(request=request(verb="POST", headers=JSON, body=bad)))
    assert fault.code == "steps.jsonthreatprotection.ExecutionFailed"
    assert fault.status == 500
    assert fault.text == (
        f"JSONThreatProtection[JTP]: Execution failed. reason: JSONThreatProtection[JTP]: Exceeded {reason}"
    )


@pytest.mark.parametrize(
    ("kind", "policy", "limit", "bodies"),
    [
        ("json", "JSONThreatProtection", "<ContainerDepth>1</ContainerDepth>", ("{}", '{"a":{}}')),
        (
            "xml",
            "XMLThreatProtection",
            "<StructureLimits><NodeDepth>1</NodeDepth></StructureLimits>",
            ("<a/>", "<a><b/></a>"),
        ),
    ],
)
async def test_failure_is_told_with_and_without_the_policys_name(
    tmp_path: Path, kind: str, policy: str, limit: str, bodies: tuple[str, str]
) -> None:
    told = show("told", X_Failed=f"{{{kind}attack.failed}} {{{kind}attack.TP.failed}}")
    files = {
        "proxies/default.xml": proxy(
            "/p", request=steps("TP"), response=steps("told"), routes='<RouteRule name="none"/>'
        ),
        "policies/TP.xml": f'<{policy} name="TP" continueOnError="true"><Source>request</Source>{limit}</{policy}>',
        "policies/told.xml": told,
    }
    async with house(write_bundle(tmp_path, "p", files)) as gateway:
        found = [
            (
                await gateway.call("POST", "/p", data=body, headers={"Content-Type": f"application/{kind}"})
            ).headers["X-Failed"]
            for body in bodies
        ]
    assert found == ["false false", "true true"]


async def test_malformed_json_and_other_types() -> None:
    step = compile_policy(jtp("<ContainerDepth>2</ContainerDepth>"))
    fault = await fault_of(step, context(request=request(verb="POST", headers=JSON, body='{"a" 1}')))
    assert fault.text == "JSONThreatProtection[JTP]: Execution failed. reason: Expecting : at line 1"
    await run(
        step, context(request=request(verb="POST", headers={"Content-Type": "text/plain"}, body='{"a" 1}'))
    )
    await run(step, context(request=request(verb="POST", headers=JSON, body="")))


async def test_json_sources() -> None:
    fault = await fault_of(compile_policy(jtp("<Source>gone</Source>")), context())
    assert fault.text == "JSONThreatProtection[JTP]:: Source gone is not available"
    fault = await fault_of(compile_policy(jtp("<Source>word</Source>")), context(variables={"word": "x"}))
    assert fault.text == "JSONThreatProtection[JTP]: Variable word does not resolve to a Message"


async def test_hostile_depth_is_a_fault_and_quick() -> None:
    step = compile_policy(jtp("<ContainerDepth>10</ContainerDepth>"))
    began = time.process_time()
    fault = await fault_of(step, context(request=request(verb="POST", headers=JSON, body="[" * 200_000)))
    assert "Exceeded container depth at line 1" in fault.text
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("limit", "good", "bad", "reason"),
    [
        (
            "<StructureLimits><NodeDepth>2</NodeDepth></StructureLimits>",
            "<a><b/></a>",
            "<a><b><c/></b></a>",
            "Node depth exceeded 2 at line 1",
        ),
        (
            "<StructureLimits><ChildCount>3</ChildCount></StructureLimits>",
            "<a>\n<b/>\n<c/>\n<d/>\n</a>",
            "<a>\n<b/>\n<c/>\n<d/>\n<e/></a>",
            "Children count exceeded 3 at line 5",
        ),
        (
            '<StructureLimits><ChildCount includeComment="false">1</ChildCount></StructureLimits>',
            "<a><!-- x --><b/></a>",
            "<a>text<b/></a>",
            "Children count exceeded 1",
        ),
        (
            "<StructureLimits><AttributeCountPerElement>1</AttributeCountPerElement></StructureLimits>",
            '<a xmlns="u" b="1"/>',
            '<a b="1" c="2"/>',
            "Attribute count exceeded 1",
        ),
        (
            "<StructureLimits><NamespaceCountPerElement>1</NamespaceCountPerElement></StructureLimits>",
            '<a xmlns="u"/>',
            '<a xmlns="u" xmlns:v="v"/>',
            "Namespace count exceeded 1",
        ),
        (
            "<NameLimits><Element>3</Element></NameLimits>",
            "<abc/>",
            "<abcd/>",
            "Element name length exceeded 3",
        ),
        (
            "<NameLimits><Attribute>3</Attribute></NameLimits>",
            '<a abc="1"/>',
            '<a abcd="1"/>',
            "Attribute name length exceeded 3",
        ),
        (
            "<NameLimits><NamespacePrefix>1</NamespacePrefix></NameLimits>",
            '<p:a xmlns:p="u"/>',
            '<pp:a xmlns:pp="u"/>',
            "Namespace prefix length exceeded 1",
        ),
        (
            "<NameLimits><ProcessingInstructionTarget>2</ProcessingInstructionTarget></NameLimits>",
            "<a><?pi x?></a>",
            "<a><?pit x?></a>",
            "Processing Instruction target length exceeded 2",
        ),
        ("<ValueLimits><Text>3</Text></ValueLimits>", "<a>abc</a>", "<a>abcd</a>", "Text length exceeded 3"),
        (
            "<ValueLimits><Attribute>3</Attribute></ValueLimits>",
            '<a b="abc"/>',
            '<a b="abcd"/>',
            "Attribute value length exceeded 3",
        ),
        (
            "<ValueLimits><NamespaceURI>3</NamespaceURI></ValueLimits>",
            '<a xmlns="abc"/>',
            '<a xmlns="abcd"/>',
            "Namespace uri length exceeded 3",
        ),
        (
            "<ValueLimits><Comment>3</Comment></ValueLimits>",
            "<a><!--abc--></a>",
            "<a><!--abcd--></a>",
            "Comment length exceeded 3",
        ),
        (
            "<ValueLimits><ProcessingInstructionData>3</ProcessingInstructionData></ValueLimits>",
            "<a><?pi abc?></a>",
            "<a><?pi abcd?></a>",
            "Processing Instruction data length exceeded 3",
        ),
    ],
)
async def test_each_xml_limit(limit: str, good: str, bad: str, reason: str) -> None:
    step = compile_policy(xtp(limit))
    await run(step, context(request=request(verb="POST", headers=XML, body=good)))
    fault = await fault_of(step, context(request=request(verb="POST", headers=XML, body=bad)))
    assert fault.code == "steps.xmlthreatprotection.ExecutionFailed"
    prefix = "XMLThreatProtection stepDefinition XTP: "
    assert fault.text.startswith(f"{prefix}Execution failed. reason: {prefix}{reason}")
    assert "(possibly around char " in fault.text


async def test_xml_is_judged_by_its_content_type_and_must_be_well_formed() -> None:
    step = compile_policy(xtp("<ValueLimits><Text>1</Text></ValueLimits>"))
    await run(step, context(request=request(verb="POST", headers=JSON, body="<a>long</a>")))
    fault = await fault_of(step, context(request=request(verb="POST", headers=XML, body="{}")))
    assert fault.text.endswith("reason: Syntax error while parsing XML prologue")
    fault = await fault_of(step, context(request=request(verb="POST", headers=XML, body="<a>\n<b>")))
    assert "Premature end of document while parsing at line 2(possibly  around char " in fault.text


async def test_a_billion_laughs_are_refused_at_once() -> None:
    body = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'
    fault = await fault_of(
        compile_policy(xtp("")), context(request=request(verb="POST", headers=XML, body=body))
    )
    assert "Entity x is declared" in fault.text


@pytest.mark.parametrize(
    ("inside", "good", "bad"),
    [
        ("<URIPath><Pattern>ba[dt]</Pattern></URIPath>", "/good", "/very-bad-path"),
        (
            '<QueryParam name="q"><Pattern>(?i)drop\\s+table</Pattern></QueryParam>',
            "?q=drop",
            "?q=x+DROP+TABLE+y",
        ),
    ],
)
async def test_patterns_are_found_anywhere(inside: str, good: str, bad: str) -> None:
    step = compile_policy(rep(inside))
    for target, refused in ((good, False), (bad, True)):
        path, _, query = target.partition("?")
        ctx = context(request=request(path=path, query=query.replace("+", "%20")), path_suffix=path)
        if refused:
            fault = await fault_of(step, ctx)
            assert fault.code == "steps.regexprotection.ThreatDetected"
            assert fault.text.startswith("Regular Expression Threat Detected in REP: regex: ")
        else:
            await run(step, ctx)


async def test_every_part_is_searched() -> None:
    header = compile_policy(rep('<Header name="X"><Pattern>evil</Pattern></Header>'))
    await run(header, context(request=request(headers={"X": "fine"})))
    assert (
        await fault_of(header, context(request=request(headers={"x": "an evil one"})))
    ).name == "ThreatDetected"
    json = compile_policy(
        rep(
            "<JSONPayload><JSONPath><Expression>$.a.b</Expression><Pattern>evil</Pattern></JSONPath></JSONPayload>"
        )
    )
    assert (
        await fault_of(json, context(request=request(verb="POST", headers=JSON, body='{"a":{"b":"evil"}}')))
    ).name == "ThreatDetected"
    await run(json, context(request=request(verb="POST", headers=JSON, body='{"a":{"c":"evil"}}')))
    await run(json, context(request=request(verb="POST", headers=XML, body="<evil/>")))
    xml = compile_policy(
        rep(
            '<XMLPayload><Namespaces><Namespace prefix="n">urn:n</Namespace></Namespaces><XPath><Expression>/n:a/n:b</Expression>'
            "<Type>string</Type><Pattern>evil</Pattern></XPath></XMLPayload>"
        )
    )
    body = '<a xmlns="urn:n"><b>evil</b></a>'
    assert (
        await fault_of(xml, context(request=request(verb="POST", headers=XML, body=body)))
    ).name == "ThreatDetected"


async def test_unresolved_variables() -> None:
    strict = compile_policy(rep('<Variable name="v"><Pattern>x</Pattern></Variable>'))
    assert (await fault_of(strict, context())).text == "Failed to resolve variable v"
    lenient = compile_policy(
        rep(
            '<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><Variable name="v"><Pattern>x</Pattern></Variable>'
        )
    )
    await run(lenient, context())
    assert (await fault_of(lenient, context(variables={"v": "axb"}))).name == "ThreatDetected"


async def test_a_catastrophic_pattern_is_cut_off() -> None:
    step = compile_policy(rep('<Header name="X"><Pattern>^(([a-z])+.)+[A-Z]([a-z])+$</Pattern></Header>'))
    began = time.monotonic()
    fault = await fault_of(step, context(request=request(headers={"X": "a" * 3000})))
    assert fault.name == "ExecutionFailed"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("", "NothingToEnforce"),
        ('<Header name="x"/>', "NoPatternsToEnforce"),
        ('<Header name="x"><Pattern>foo){2}</Pattern></Header>', "InvalidRegularExpression"),
        (
            "<JSONPayload><JSONPath><Expression/><Pattern>x</Pattern></JSONPath></JSONPayload>",
            "EmptyJSONPathExpression",
        ),
        (
            "<JSONPayload><JSONPath><Expression>$.[</Expression><Pattern>x</Pattern></JSONPath></JSONPayload>",
            "JSONPathCompilationFailed",
        ),
        ("<XMLPayload><XPath><Expression/><Pattern>x</Pattern></XPath></XMLPayload>", "EmptyXPathExpression"),
        (
            "<XMLPayload><XPath><Expression>/p:a</Expression><Pattern>x</Pattern></XPath></XMLPayload>",
            "XPathCompilationFailed",
        ),
        (
            "<XMLPayload><XPath><Expression>count(/a)</Expression><Type>nodeset</Type><Pattern>x</Pattern></XPath></XMLPayload>",
            "CannotBeConvertedToNodeset",
        ),
        (
            '<XMLPayload><Namespaces><Namespace prefix="p">u</Namespace><Namespace prefix="p">v</Namespace></Namespaces>'
            "<XPath><Expression>/p:a</Expression><Pattern>x</Pattern></XPath></XMLPayload>",
            "DuplicatePrefix",
        ),
    ],
)
def test_deploy_errors(inside: str, error: str) -> None:
    assert deploy_errors(rep(inside)) == [error]


WORDS = st.text("ab ", max_size=3)
NAMES = st.sampled_from(["a", "bb", "p:ccc", "q:d"])
TREES = st.recursive(
    st.one_of(WORDS, WORDS.map("<!--{}-->".format), WORDS.map("<?pi {}?>".format), st.just("<![CDATA[xx]]>")),
    lambda inner: st.tuples(
        NAMES,
        st.dictionaries(
            st.sampled_from(["k", "long", "p:x", "xmlns:zz"]), st.text("ab", min_size=1, max_size=4)
        ),
        st.lists(inner, max_size=4),
    ).map(
        lambda t: (
            f"<{t[0]}{''.join(f' {k}={chr(34)}{v}{chr(34)}' for k, v in t[1].items())}>{''.join(t[2])}</{t[0]}>"
        )
    ),
    max_leaves=12,
)
LIMITS = st.sampled_from(
    [
        f"<{group}><{name}>{{}}</{name}></{group}>"
        for group, names in {
            "NameLimits": ("Element", "Attribute", "NamespacePrefix", "ProcessingInstructionTarget"),
            "StructureLimits": (
                "NodeDepth",
                "AttributeCountPerElement",
                "NamespaceCountPerElement",
                "ChildCount",
            ),
            "ValueLimits": ("Text", "Attribute", "NamespaceURI", "Comment", "ProcessingInstructionData"),
        }.items()
        for name in names
    ]
)


@given(TREES, LIMITS, st.integers(0, 4))
def test_what_the_tree_finds_harmless_breaks_no_limit(tree, limit, number):
    policy, _ = load(xtp(limit.format(number)))
    message = Message.request("POST", "/")
    message.body = f'<r xmlns:p="urn:p" xmlns:q="u">{tree}</r>'.encode()
    if policy._harmless()(message):
        try:
            _Judge(policy, message.body).run()
        except _Exceeded as broken:
            pytest.fail(f"{limit.format(number)} {message.body!r}: {broken.what}")
