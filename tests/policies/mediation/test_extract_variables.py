"""ExtractVariables: declaration, then patterns, JSON, XML, and what goes wrong when a request runs."""

from __future__ import annotations

import pytest

from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    request,
    response,
    run,
)


def policy(body: str, name: str = "EV") -> str:
    return f'<ExtractVariables name="{name}">{body}</ExtractVariables>'


# ---- declaration


def test_everything_may_stand_in_one_policy():
    _, findings = load(
        policy("""
        <DisplayName>all</DisplayName><Properties/>
        <Source clearPayload="true">request</Source>
        <VariablePrefix>p</VariablePrefix>
        <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
        <URIPath><Pattern ignoreCase="true">/a/{id}</Pattern></URIPath>
        <QueryParam name="q"><Pattern>{q}</Pattern></QueryParam>
        <Header name="h"><Pattern ignoreCase="false">{h}</Pattern></Header>
        <FormParam name="f"><Pattern>{f}</Pattern></FormParam>
        <Variable name="v"><Pattern>{v}</Pattern></Variable>
        <JSONPayload><Variable name="j" type="integer"><JSONPath>$.j</JSONPath></Variable></JSONPayload>
        <XMLPayload stopPayloadProcessing="false">
          <Namespaces><Namespace prefix="a">urn:a</Namespace></Namespaces>
          <Variable name="x" type="nodeset"><XPath>/a:x</XPath></Variable>
        </XMLPayload>""")
    )
    assert findings == []


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        (
            "<Source>request</Source>",
            "NothingToExtract",
            "ExtractVariables EV: at least one of URIPath, QueryParam, Header, FormParam, XMLPayload, "
            "JSONPayload is mandatory.",
        ),
        (
            '<XMLPayload><Namespaces><Namespace prefix="a"/></Namespaces></XMLPayload>',
            "NONEmptyPrefixMappedToEmptyURI",
            "ExtractVariables EV: Non-empty prefix a cannot be mapped to empty uri.",
        ),
        (
            '<XMLPayload><Namespaces><Namespace prefix="a">urn:a</Namespace><Namespace prefix="a">urn:b</Namespace>'
            "</Namespaces></XMLPayload>",
            "DuplicatePrefix",
            "ExtractVariables EV: Duplicate prefix a.",
        ),
        (
            '<XMLPayload><Variable name="v"/></XMLPayload>',
            "NoXPathsToEvaluate",
            "ExtractVariables EV: no xpaths to evaluate in variable v.",
        ),
        (
            '<XMLPayload><Variable name="v"><XPath> </XPath></Variable></XMLPayload>',
            "EmptyXPathExpression",
            "ExtractVariables EV: XPath expression is empty in variable v.",
        ),
        (
            '<JSONPayload><Variable name="v"/></JSONPayload>',
            "NoJSONPathsToEvaluate",
            "ExtractVariables EV: no jsonpaths to evaluate in variable v.",
        ),
        (
            '<JSONPayload><Variable name="v"><JSONPath/></Variable></JSONPayload>',
            "EmptyJSONPathExpression",
            "ExtractVariables EV: JSONPath expression is empty in variable v.",
        ),
        (
            "<QueryParam><Pattern>{a}</Pattern></QueryParam>",
            "MissingName",
            "Error occurred while validation of bean EV.xml. Reason: - Required attribute name is missing in QueryParam",
        ),
        (
            "<JSONPayload><Variable><JSONPath>$.a</JSONPath></Variable></JSONPayload>",
            "MissingName",
            "Error occurred while validation of bean EV.xml. Reason: - Required attribute name is missing in Variable",
        ),
        (
            '<Header name="h"><Pattern>abc</Pattern></Header>',
            "PatternWithoutVariable",
            "Pattern abc should have atleast one variable in ExtractVariables stepDefinition EV.",
        ),
        (
            "<URIPath><Pattern>/{*}</Pattern></URIPath>",
            "InvalidPattern",
            "Pattern /{*} is invalid in ExtractVariables stepDefinition EV.",
        ),
        (
            '<XMLPayload><Variable name="v" type="nodeset"><XPath>count(//a)</XPath></Variable></XMLPayload>',
            "CannotBeConvertedToNodeset",
            "ExtractVariables EV: Result of xpath count(//a) cannot be converted to nodeset. "
            "Context Revision:1;APIProxy:test-proxy;Organization:hybrid;Environment:test.",
        ),
        (
            '<XMLPayload><Variable name="v"><XPath>/b:x</XPath></Variable></XMLPayload>',
            "XPathCompilationFailed",
            "ExtractVariables EV: Failed to compile xpath /b:x. "
            "Context Revision:1;APIProxy:test-proxy;Organization:hybrid;Environment:test.",
        ),
        (
            '<JSONPayload><Variable name="v"><JSONPath>$.a[</JSONPath></Variable></JSONPayload>',
            "JSONPathCompilationFailed",
            None,
        ),
        (
            '<JSONPayload><Variable name="v" type="String"><JSONPath>$.a</JSONPath></Variable></JSONPayload>',
            "InstantiationFailed",
            None,
        ),
    ],
)
def test_what_cannot_be_deployed(body: str, name: str, message: str | None):
    findings = [finding for finding in findings_of(policy(body)) if finding.severity == "error"]
    assert [finding.name for finding in findings] == [name]
    assert findings[0].cure
    assert findings[0].line >= 1
    if message is not None:
        assert findings[0].message == message


def test_an_empty_json_payload_beside_other_elements_is_accepted():
    assert (
        deploy_errors(policy('<QueryParam name="a"><Pattern>{a}</Pattern></QueryParam><JSONPayload/>')) == []
    )


def test_every_trouble_is_listed_at_once():
    names = deploy_errors(
        policy("""<URIPath><Pattern>/a</Pattern></URIPath>
        <JSONPayload><Variable name="v"><JSONPath>$.a[</JSONPath></Variable></JSONPayload>
        <XMLPayload><Variable name="x"><XPath>///</XPath></Variable></XMLPayload>""")
    )
    assert names == ["PatternWithoutVariable", "JSONPathCompilationFailed", "XPathCompilationFailed"]


def test_axes_that_apigee_lacks_are_warned_of():
    body = '<XMLPayload><Variable name="v"><XPath>//a/following-sibling::b</XPath></Variable></XMLPayload>'
    assert [finding.name for finding in findings_of(policy(body))] == ["UnsupportedXPathAxis"]


# ---- URIPath


def uri(*patterns: str, ignore_case: bool = False) -> str:
    flag = str(ignore_case).lower()
    return policy(
        "<URIPath>" + "".join(f'<Pattern ignoreCase="{flag}">{p}</Pattern>' for p in patterns) + "</URIPath>"
    )


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["/accounts/{id}"], "/accounts/12", {"id": "12"}),
        (["/accounts/{id}"], "/accounts/12/orders", {}),
        (["/accounts/{id}"], "/ACCOUNTS/12", {}),
        (["/{a}/x/{b}"], "/1/x/2", {"a": "1", "b": "2"}),
        (["/*/{b}"], "/any/2", {"b": "2"}),
        (["/**/{b}"], "/any/deep/2", {"b": "2"}),
        (["/%{user%}/{b}"], "/{user}/2", {"b": "2"}),
        (["/a/{id}"], "", {}),
    ],
)
async def test_uri_path_is_matched_with_the_path_suffix(
    patterns: list[str], path: str, expected: dict[str, str]
):
    ctx = await run(compile_policy(uri(*patterns)), context(path_suffix=path))
    assert ctx.variables == expected


async def test_ignore_case_matches_either_case():
    ctx = await run(
        compile_policy(uri("/Accounts/{id}", ignore_case=True)), context(path_suffix="/aCCounts/X")
    )
    assert ctx.variables == {"id": "X"}


async def test_the_pattern_with_most_segments_wins_wherever_it_stands():
    step = compile_policy(uri("/a/{rest}", "/**/{last}", "/a/{x}/{y}", "/{p}/{q}/{r}"))
    assert (await run(step, context(path_suffix="/a/1/2"))).variables == {"x": "1", "y": "2"}
    assert (await run(step, context(path_suffix="/a/1"))).variables == {"rest": "1"}


async def test_of_patterns_with_equally_many_segments_the_first_wins():
    step = compile_policy(uri("/{a}/{b}", "/{c}/{d}"))
    assert (await run(step, context(path_suffix="/1/2"))).variables == {"a": "1", "b": "2"}


async def test_uri_path_and_query_are_ignored_for_a_response():
    step = compile_policy(
        policy(
            '<URIPath><Pattern>/{a}</Pattern></URIPath><QueryParam name="q"><Pattern>{q}</Pattern></QueryParam>'
        )
    )
    ctx = await run(step, context(request(query="q=1"), response(), path_suffix="/x"))
    assert ctx.variables == {}


async def test_uri_path_of_the_request_works_in_the_response_flow():
    step = compile_policy(policy("<Source>request</Source><URIPath><Pattern>/{a}</Pattern></URIPath>"))
    assert (await run(step, context(response=response(), path_suffix="/x"))).variables == {"a": "x"}


# ---- headers, parameters, variables


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (
            '<QueryParam name="code"><Pattern ignoreCase="true">DBN{code}</Pattern></QueryParam>',
            {"code": "88271"},
        ),
        ('<QueryParam name="w"><Pattern>{first}</Pattern></QueryParam>', {"first": "a b"}),
        ('<QueryParam name="w.2"><Pattern>{second}</Pattern></QueryParam>', {"second": "c"}),
        ('<QueryParam name="w.3"><Pattern>{third}</Pattern></QueryParam>', {}),
        ('<QueryParam name="nope"><Pattern>{x}</Pattern></QueryParam>', {}),
        ('<Header name="Authorization"><Pattern>Bearer {token}</Pattern></Header>', {"token": "abc.def"}),
        ('<Header name="authorization"><Pattern>bearer {token}</Pattern></Header>', {}),
        (
            '<Header name="authorization"><Pattern ignoreCase="true">bearer {token}</Pattern></Header>',
            {"token": "abc.def"},
        ),
        ('<Header name="X-Tags.2"><Pattern>{tag}</Pattern></Header>', {"tag": "two"}),
        ('<Header name="X-Tags.values"><Pattern>[{all}]</Pattern></Header>', {"all": "one, two"}),
        ('<Header name="X-Tags"><Pattern>{a}</Pattern><Pattern>{b}</Pattern></Header>', {"a": "one"}),
        ('<Header name="X-Tags"><Pattern>no{a}</Pattern><Pattern>o{b}</Pattern></Header>', {"b": "ne"}),
        ('<FormParam name="size"><Pattern>{size}</Pattern></FormParam>', {"size": "XL"}),
        ('<Variable name="flow.text"><Pattern>*/{tail}</Pattern></Variable>', {"tail": "end"}),
        ('<Variable name="flow.number"><Pattern>{n}</Pattern></Variable>', {"n": "12"}),
        ('<Variable name="flow.unset"><Pattern>{n}</Pattern></Variable>', {}),
    ],
)
async def test_named_parts_are_matched(element: str, expected: dict[str, str]):
    message = request(
        "POST",
        query="code=DBN88271&w=a%20b&w=c",
        headers={"Authorization": "Bearer abc.def", "X-Tags": "one, two"},
        body="size=XL",
        type="application/x-www-form-urlencoded",
    )
    given = {"flow.text": "any/thing/end" if "*/" not in element else "any/end", "flow.number": 12}
    ctx = await run(compile_policy(policy(element)), context(message, variables=given))
    assert {name: value for name, value in ctx.variables.items() if name not in given} == expected


async def test_form_parameters_need_the_form_content_type():
    step = compile_policy(policy('<FormParam name="size"><Pattern>{size}</Pattern></FormParam>'))
    ctx = await run(step, context(request("POST", body="size=XL", type="text/plain")))
    assert ctx.variables == {}


async def test_the_source_may_be_a_message_that_a_policy_made():
    step = compile_policy(
        policy('<Source>callout</Source><Header name="X-A"><Pattern>{a}</Pattern></Header>')
    )
    ctx = context(variables={"callout": response(headers={"X-A": "1"})})
    assert (await run(step, ctx)).variables["a"] == "1"


async def test_a_whole_message_is_nothing_to_match():
    step = compile_policy(policy('<Variable name="request"><Pattern>{a}</Pattern></Variable>'))
    assert (await fault_of(step)).code == "steps.extractvariables.UnsupportedOperation"


# ---- prefix, order, writing


async def test_the_prefix_is_joined_with_a_dot():
    step = compile_policy(
        policy('<VariablePrefix>my</VariablePrefix><QueryParam name="a"><Pattern>{b}</Pattern></QueryParam>')
    )
    ctx = await run(step, context(request(query="a=1")))
    assert ctx.variables == {"my.b": "1"}


async def test_a_later_element_overwrites_an_earlier_one():
    query = '<QueryParam name="a"><Pattern>{v}</Pattern></QueryParam>'
    header = '<Header name="a"><Pattern>{v}</Pattern></Header>'
    message = request(query="a=query", headers={"a": "header"})
    assert (await run(compile_policy(policy(query + header)), context(message))).variables == {"v": "header"}
    assert (await run(compile_policy(policy(header + query)), context(message))).variables == {"v": "query"}


async def test_what_does_not_match_leaves_an_earlier_value():
    step = compile_policy(policy('<QueryParam name="a"><Pattern>x{v}</Pattern></QueryParam>'))
    ctx = await run(step, context(request(query="a=1"), variables={"v": "old"}))
    assert ctx.variables == {"v": "old"}


async def test_a_value_cannot_become_the_beginning_of_a_name():
    step = compile_policy(
        policy(
            '<VariablePrefix>var</VariablePrefix><QueryParam name="a"><Pattern>{color}</Pattern></QueryParam>'
            '<QueryParam name="b"><Pattern>{color.next}</Pattern></QueryParam>'
        )
    )
    fault = await fault_of(step, context(request(query="a=red&b=blue")))
    assert (fault.code, fault.status) == ("steps.extractvariables.SetVariableFailed", 500)
    assert fault.text == "Failed to set variable var.color.next value blue from ExtractVariables: EV"


async def test_a_message_may_be_the_beginning_of_a_name():
    step = compile_policy(
        policy(
            '<VariablePrefix>callout</VariablePrefix><QueryParam name="a"><Pattern>{x}</Pattern></QueryParam>'
        )
    )
    ctx = await run(step, context(request(query="a=1"), variables={"callout": response()}))
    assert ctx.variables["callout.x"] == "1"


async def test_a_read_only_variable_is_immutable():
    xml = policy('<QueryParam name="a"><Pattern>{request.uri}</Pattern></QueryParam>')
    assert [finding.name for finding in findings_of(xml)] == ["ImmutableVariable"]
    fault = await fault_of(compile_policy(xml), context(request(query="a=1")))
    assert fault.code == "steps.extractvariables.ImmutableVariable"


async def test_parts_of_messages_can_be_written():
    step = compile_policy(policy('<QueryParam name="a"><Pattern>{request.header.X-A}</Pattern></QueryParam>'))
    ctx = await run(step, context(request(query="a=1")))
    assert ctx.request.headers.get("X-A") == "1"


async def test_clear_payload_empties_the_body_afterwards():
    step = compile_policy(
        policy(
            '<Source clearPayload="true">request</Source>'
            '<JSONPayload><Variable name="a"><JSONPath>$.a</JSONPath></Variable></JSONPayload>'
        )
    )
    ctx = await run(step, context(request("POST", body='{"a":1}', type="application/json")))
    assert ctx.variables == {"a": "1"}
    assert ctx.request.body == b""


# ---- JSON


def json_policy(*paths: str, type: str | None = None, ignore: bool = False, source: str = "message") -> str:
    kind = f' type="{type}"' if type else ""
    inner = "".join(f"<JSONPath>{path}</JSONPath>" for path in paths)
    return policy(
        f"<Source>{source}</Source><IgnoreUnresolvedVariables>{str(ignore).lower()}</IgnoreUnresolvedVariables>"
        f'<JSONPayload><Variable name="v"{kind}>{inner}</Variable></JSONPayload>'
    )


DOCUMENT = (
    '{"name":"Zoë","n":37,"f":36.5,"big":12345678901,"whole":37.0,"huge":1e10,"yes":true,"no":"FALSE","none":null,'
    '"o":{"a":1, "b":[1, 2]},"l":[{"k":"x","v":1},{"k":"y","v":2}],"e":[]}'
)


def json_request(body: str = DOCUMENT, type: str = "application/json"):
    return context(request("POST", body=body, type=type))


@pytest.mark.parametrize(
    ("path", "type", "expected"),
    [
        ("$.name", None, "Zoë"),
        ("$.n", None, "37"),
        ("$.n", "string", "37"),
        ("$.f", None, "36.5"),
        ("$.huge", None, "1.0E10"),
        ("$.yes", None, "true"),
        ("$.o", None, '{"a":1,"b":[1,2]}'),
        ("$.o.b", "string", "[1,2]"),
        ("$.o", "nodeset", '{"a":1,"b":[1,2]}'),
        ("$.l[*].v", None, "[1,2]"),
        ("$..k", None, '["x","y"]'),
        ("$.l[?(@.k=='x')].v", None, "[1]"),
        ("$.l[?(@.k=='z')].v", None, "[]"),
        ("$.l.length()", None, "2"),
        ("$.n", "integer", 37),
        ("$.big", "long", 12345678901),
        ("$.f", "float", 36.5),
        ("$.f", "double", 36.5),
        ("$.yes", "boolean", True),
        ("$.no", "boolean", False),
    ],
)
async def test_json_paths_and_types(path: str, type: str | None, expected: object):
    ctx = await run(compile_policy(json_policy(path, type=type)), json_request())
    assert ctx.variables["v"] == expected
    assert ctx.variables["v"].__class__ is expected.__class__


@pytest.mark.parametrize(
    ("path", "type", "text"),
    [
        ("$.f", "boolean", "Unable to cast value 36.5 as BOOLEAN."),
        ("$.name", "integer", "Unable to cast value Zoë as INTEGER."),
        ("$.big", "integer", "Unable to cast value 12345678901 as INTEGER."),
        ("$.name", "double", "Unable to cast value Zoë as DOUBLE."),
        ("$.o", "long", 'Unable to cast value {"a":1,"b":[1,2]} as LONG.'),
    ],
)
async def test_a_value_that_is_not_of_its_type_is_a_fault(path: str, type: str, text: str):
    fault = await fault_of(compile_policy(json_policy(path, type=type, ignore=True)), json_request())
    assert (fault.code, fault.text) == ("steps.extractvariables.UnableToCast", text)


async def test_a_missing_property_is_a_fault_unless_unresolved_ones_are_ignored():
    fault = await fault_of(compile_policy(json_policy("$.zip")), json_request())
    assert (fault.code, fault.status) == ("steps.extractvariables.InvalidJSONPath", 500)
    assert fault.text == "Invalid JSON path $.zip in policy EV."
    assert (await run(compile_policy(json_policy("$.zip", ignore=True)), json_request())).variables == {}


async def test_an_indefinite_path_without_hits_is_no_fault():
    assert (await run(compile_policy(json_policy("$..zip")), json_request())).variables == {"v": "[]"}


async def test_null_sets_nothing_and_is_no_fault():
    assert (await run(compile_policy(json_policy("$.none")), json_request())).variables == {}


async def test_the_first_json_path_that_finds_something_counts():
    ctx = await run(compile_policy(json_policy("$.zip", "$..zip", "$.name", "$.n")), json_request())
    assert ctx.variables == {"v": "Zoë"}


async def test_a_json_path_is_a_message_template():
    step = compile_policy(json_policy("$.l[?(@.k=='{request.queryparam.k}')].v"))
    ctx = context(request("POST", query="k=y", body=DOCUMENT, type="application/json"))
    assert (await run(step, ctx)).variables == {"v": "[2]"}


async def test_an_unresolved_variable_in_a_json_path():
    strict = compile_policy(json_policy("$.l[?(@.k=='{nobody}')].v"))
    fault = await fault_of(strict, json_request())
    assert fault.code == "steps.extractvariables.VariableResolutionFailed"
    assert "nobody" in fault.text
    lenient = compile_policy(json_policy("$.l[?(@.k=='{nobody}')].v", ignore=True))
    assert (await run(lenient, json_request())).variables == {"v": "[]"}


async def test_a_json_path_that_a_template_broke_is_a_fault():
    step = compile_policy(json_policy("$.l[{i}"))
    ctx = json_request()
    ctx.variables["i"] = "]]"
    fault = await fault_of(step, ctx)
    assert fault.text == "Invalid JSON path $.l[]] in policy EV."


@pytest.mark.parametrize("type", ["text/plain", "application/vnd.api+json", "application/xml", None])
async def test_other_content_types_are_passed_over(type: str | None):
    step = compile_policy(json_policy("$.name"))
    assert (await run(step, context(request("POST", body=DOCUMENT, type=type)))).variables == {}


async def test_parameters_of_the_content_type_do_not_matter():
    ctx = await run(
        compile_policy(json_policy("$.name")), json_request(type="Application/JSON; charset=utf-8")
    )
    assert ctx.variables == {"v": "Zoë"}


@pytest.mark.parametrize("body", ["", "{", "not json", "[" * 100_000])
@pytest.mark.parametrize("ignore", [True, False])
async def test_an_empty_or_malformed_body_is_a_fault(body: str, ignore: bool):
    fault = await fault_of(compile_policy(json_policy("$.a", ignore=ignore)), json_request(body))
    assert (fault.code, fault.status) == ("steps.extractvariables.ExecutionFailed", 500)
    assert fault.text == "Failed to execute the ExtractVariables: EV"


async def test_json_may_come_from_a_variable_whatever_the_content_type():
    ctx = context(request(type="text/plain"), variables={"doc": '{"a":{"b":"c"}}'})
    assert (await run(compile_policy(json_policy("$.a.b", source="doc")), ctx)).variables["v"] == "c"


async def test_json_may_come_from_the_content_of_a_message():
    ctx = context(variables={"callout": response(body='{"a":1}', type="text/plain")})
    assert (await run(compile_policy(json_policy("$.a", source="callout.content")), ctx)).variables[
        "v"
    ] == "1"


@pytest.mark.parametrize("variables", [{}, {"doc": "no json"}])
async def test_a_source_variable_without_json_is_a_fault(variables: dict[str, str]):
    fault = await fault_of(compile_policy(json_policy("$.a", source="doc")), context(variables=variables))
    assert fault.code == "steps.extractvariables.JsonPathParsingFailure"
    assert fault.text == "ExtractVariables EV: Json path parsing failed for for flow variables doc"


# ---- missing sources


@pytest.mark.parametrize("source", ["response", "error", "unset.message"])
async def test_a_source_that_is_not_there_is_a_fault(source: str):
    step = compile_policy(policy(f"<Source>{source}</Source><URIPath><Pattern>/{{a}}</Pattern></URIPath>"))
    fault = await fault_of(step)
    assert (fault.code, fault.status) == ("steps.extractvariables.SourceMessageNotAvailable", 500)
    assert fault.text == f"{source} message is not available for ExtractVariable: EV"


async def test_a_response_that_is_not_there_yet_is_a_missing_message_for_json_too():
    fault = await fault_of(compile_policy(json_policy("$.a", source="response")))
    assert fault.code == "steps.extractvariables.SourceMessageNotAvailable"


async def test_a_missing_source_is_passed_over_when_unresolved_variables_are_ignored():
    assert (await run(compile_policy(json_policy("$.a", source="doc", ignore=True)))).variables == {}


# ---- XML


def xml_policy(variables: str, head: str = "", attributes: str = "", source: str = "message") -> str:
    return policy(f"<Source>{source}</Source><XMLPayload{attributes}>{head}{variables}</XMLPayload>")


def xpath(path: str, name: str = "v", type: str | None = None) -> str:
    kind = f' type="{type}"' if type else ""
    return f'<Variable name="{name}"{kind}><XPath>{path}</XPath></Variable>'


ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><s:E xmlns:s="urn:soap" xmlns="urn:app"><s:B><city id="7">Oslo</city>'
    "<n>42</n><f>36.5</f><tag>a</tag><tag>b</tag></s:B></s:E>"
)
NAMESPACES = '<Namespaces><Namespace prefix="e">urn:soap</Namespace><Namespace prefix="a">urn:app</Namespace></Namespaces>'


@pytest.mark.parametrize(
    ("path", "type", "expected"),
    [
        ("/e:E/e:B/a:city", None, "Oslo"),
        ("e:E/e:B/a:city/text()", "string", "Oslo"),
        ("//a:city/@id", None, "7"),
        ("//a:n", "integer", 42),
        ("//a:n", "long", 42),
        ("//a:f", "float", 36.5),
        ("//a:f", "double", 36.5),
        ("//a:f", "boolean", True),
        ("//a:none", "boolean", False),
        ("count(//a:tag)", "integer", 2),
        ("//a:tag", "string", "a"),
        ("concat(//a:city, '-', //a:n)", None, "Oslo-42"),
    ],
)
async def test_xpaths_and_types(path: str, type: str | None, expected: object):
    step = compile_policy(xml_policy(xpath(path, type=type), NAMESPACES))
    ctx = await run(step, context(request("POST", body=ENVELOPE, type="text/xml")))
    assert ctx.variables["v"] == expected
    assert ctx.variables["v"].__class__ is expected.__class__


async def test_a_nodeset_is_markup():
    step = compile_policy(xml_policy(xpath("/r/item", type="nodeset")))
    body = '<r><item k="1">x</item> tail <item/></r>'
    ctx = await run(step, context(request("POST", body=body, type="application/xml")))
    assert ctx.variables["v"] == '<item k="1">x</item><item/>'


async def test_a_text_that_is_no_number_cannot_be_cast():
    step = compile_policy(xml_policy(xpath("/r", type="integer")))
    fault = await fault_of(step, context(request("POST", body="<r>36.231</r>", type="text/xml")))
    assert fault.text == "Unable to cast value 36.231 as INTEGER."


async def test_an_xpath_without_hit_is_never_a_fault():
    step = compile_policy(xml_policy(xpath("/r/none")))
    assert (await run(step, context(request("POST", body="<r/>", type="text/xml")))).variables == {}


async def test_the_first_xpath_that_finds_something_counts():
    step = compile_policy(
        xml_policy('<Variable name="v"><XPath>/r/a</XPath><XPath>/r/b</XPath><XPath>/r/c</XPath></Variable>')
    )
    ctx = await run(step, context(request("POST", body="<r><c>3</c><b>2</b></r>", type="text/xml")))
    assert ctx.variables == {"v": "2"}


async def test_stop_payload_processing_ends_after_the_first_variable_that_was_set():
    items = xpath("/r/none", "none") + xpath("/r/a", "a") + xpath("/r/b", "b")
    body = context(request("POST", body="<r><a>1</a><b>2</b></r>", type="text/xml"))
    step = compile_policy(xml_policy(items, attributes=' stopPayloadProcessing="true"'))
    assert (await run(step, body)).variables == {"a": "1"}
    assert (await run(compile_policy(xml_policy(items)), body)).variables == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("type", "read"),
    [
        ("text/xml", True),
        ("application/xml; charset=utf-8", True),
        ("application/soap+xml", True),
        ("text/plain", False),
        ("application/json", False),
        (None, False),
    ],
)
async def test_only_messages_that_say_they_are_xml_are_read(type: str | None, read: bool):
    ctx = await run(
        compile_policy(xml_policy(xpath("/r"))), context(request("POST", body="<r>1</r>", type=type))
    )
    assert ctx.variables == ({"v": "1"} if read else {})


@pytest.mark.parametrize("body", ["", "<r>", "no xml"])
async def test_an_empty_or_malformed_xml_body_is_a_fault(body: str):
    step = compile_policy(xml_policy(xpath("/r")))
    fault = await fault_of(step, context(request("POST", body=body, type="text/xml")))
    assert (fault.code, fault.text) == (
        "steps.extractvariables.ExecutionFailed",
        "Failed to execute the ExtractVariables: EV",
    )


async def test_entities_are_not_expanded():
    body = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r>&x;</r>'
    ctx = await run(
        compile_policy(xml_policy(xpath("/r"))), context(request("POST", body=body, type="text/xml"))
    )
    assert ctx.variables == {"v": ""}


async def test_xml_may_come_from_a_variable_with_a_declaration_of_another_encoding():
    step = compile_policy(xml_policy(xpath("/r"), source="doc"))
    ctx = context(variables={"doc": '<?xml version="1.0" encoding="ISO-8859-1"?><r>Zoë</r>'})
    assert (await run(step, ctx)).variables["v"] == "Zoë"


async def test_a_body_is_parsed_once_for_all_policies():
    ctx = context(request("POST", body='{"a":1,"b":2}', type="application/json"))
    await run(compile_policy(json_policy("$.a")), ctx)
    ctx.request.json()["b"] = "seen by the next"
    await run(compile_policy(json_policy("$.b")), ctx)
    assert ctx.variables == {"v": "seen by the next"}
