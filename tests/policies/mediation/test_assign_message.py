"""AssignMessage: declaration, destinations, Set, Add, Copy, Remove, AssignVariable."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    read,
    request,
    response,
    run,
)

FORM = "application/x-www-form-urlencoded"
IGNORE = "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"


def policy(body: str) -> str:
    return f'<AssignMessage name="AM">{body}</AssignMessage>'


async def applied(body: str, ctx: MessageContext | None = None, **parts: Any) -> MessageContext:
    return await run(compile_policy(policy(body), **parts), ctx)


# ---- declaration


def test_all_elements_are_known():
    _, findings = load(
        policy("""
        <DisplayName>d</DisplayName><Properties/><FaultRules/>
        <AssignTo createNew="false" transport="http" type="request">m</AssignTo>
        <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
        <Add><Headers><Header name="h">v</Header></Headers><QueryParams><QueryParam name="q">v</QueryParam></QueryParams>
          <FormParams><FormParam name="f">v</FormParam></FormParams></Add>
        <Copy source="request"><Headers/><QueryParams/><FormParams/><Payload>true</Payload><Path>true</Path>
          <StatusCode>true</StatusCode><ReasonPhrase>true</ReasonPhrase><Verb>true</Verb><Version>true</Version></Copy>
        <Remove><Headers/><QueryParams/><FormParams/><Payload>true</Payload></Remove>
        <Set><Headers/><QueryParams/><FormParams/><Payload contentType="a/b" variablePrefix="@" variableSuffix="#"/>
          <Verb>GET</Verb><Path>/p</Path><Version>1.1</Version><StatusCode>200</StatusCode><ReasonPhrase>OK</ReasonPhrase>
          <Authentication><HeaderName>X</HeaderName><GoogleAccessToken><Scopes><Scope>s</Scope></Scopes>
            <LifetimeInSeconds>60</LifetimeInSeconds></GoogleAccessToken></Authentication></Set>
        <AssignVariable><Name>n</Name><Ref>r</Ref><Value>v</Value><Template ref="t">x</Template>
          <ResourceURL>jsc://a.js</ResourceURL><PropertySetRef>a.b</PropertySetRef></AssignVariable>""")
    )
    assert findings == []


def test_an_empty_policy_does_nothing_and_is_accepted():
    assert findings_of('<AssignMessage name="AM"/>') == []


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        *(
            (
                f'<{operation}><Headers><Header name="h.{index}"/></Headers></{operation}>',
                "InvalidIndex",
                f"AssignMessage[AM]: index must be greater than zero in h.{index}",
            )
            for operation in ("Copy", "Remove")
            for index in ("0", "-1")
        ),
        *(
            (
                f"<AssignVariable>{name}<Value>v</Value></AssignVariable>",
                "InvalidVariableName",
                "AssignMessage schema validation failed: invalid variable name - null - in assign variable.",
            )
            for name in ("", "<Name/>", "<Name> </Name>")
        ),
    ],
)
def test_what_cannot_be_deployed(body: str, name: str, message: str):
    errors = findings_of(policy(body))
    assert [(finding.name, finding.message, finding.severity) for finding in errors] == [
        (name, message, "error")
    ]
    assert errors[0].cure


@pytest.mark.parametrize("name", ["h.1", "h.x", "h.1-2", "h.", "h..1", "1"])
def test_other_names_with_dots_are_accepted(name: str):
    assert deploy_errors(policy(f'<Remove><Headers><Header name="{name}"/></Headers></Remove>')) == []


def test_any_transport_is_taken():
    """The import of X asks for http; bundles of Edge say https, and there is only one transport anyway."""
    assert deploy_errors(policy('<AssignTo transport="https">x</AssignTo>')) == []


# ---- Set


async def test_set_replaces_all_values_of_a_header():
    ctx = context(request(headers={"X-A": "1, 2", "X-B": "3"}))
    await applied('<Set><Headers><Header name="x-a">{request.verb}</Header></Headers></Set>', ctx)
    assert list(ctx.request.headers) == [("x-a", "GET"), ("X-B", "3")]


async def test_the_name_of_a_header_may_be_a_template():
    ctx = await applied(
        '<Set><Headers><Header name="X-{part}">v</Header></Headers></Set>', context(variables={"part": "A"})
    )
    assert ctx.request.headers.get("X-A") == "v"


async def test_outer_quotes_of_a_header_are_not_part_of_it():
    ctx = await applied('<Set><Headers><Header name="h">"Hello {request.verb}"</Header></Headers></Set>')
    assert ctx.request.headers.get("h") == "Hello GET"


async def test_set_replaces_query_parameters_where_they_stand():
    ctx = context(request(query="a=1&b=2&a=3"))
    await applied('<Set><QueryParams><QueryParam name="a">x y</QueryParam></QueryParams></Set>', ctx)
    assert ctx.request.query.pairs == [("a", "x y"), ("b", "2")]


async def test_query_and_form_parameters_do_nothing_to_a_response():
    ctx = context(response=response(body="text", type="text/plain"))
    await applied(
        '<Set><QueryParams><QueryParam name="a">1</QueryParam></QueryParams>'
        '<FormParams><FormParam name="b">2</FormParam></FormParams></Set>',
        ctx,
    )
    assert ctx.response is not None
    assert (ctx.response.body, ctx.response.content_type()) == (b"text", "text/plain")
    assert ctx.request.query_string == ""


async def test_form_parameters_make_a_form_of_a_request():
    ctx = context(request("POST"))
    await applied('<Set><FormParams><FormParam name="a">x y</FormParam></FormParams></Set>', ctx)
    assert (ctx.request.body, ctx.request.content_type()) == (b"a=x+y", FORM)


async def test_form_parameters_are_added_to_those_there():
    ctx = context(request("POST", body="a=1&b=2", type=FORM))
    await applied('<Add><FormParams><FormParam name="a">3</FormParam></FormParams></Add>', ctx)
    assert ctx.request.form.values("a") == ["1", "3"]
    assert ctx.request.form.values("b") == ["2"]


@pytest.mark.parametrize("empty", ["<Headers/>", "<QueryParams/>", "<FormParams/>"])
async def test_an_empty_list_under_set_does_nothing(empty: str):
    ctx = context(request("POST", query="a=1", headers={"X-A": "1"}, body="b=2", type=FORM))
    await applied(f"<Set>{empty}</Set>", ctx)
    assert (ctx.request.query_string, ctx.request.body) == ("a=1", b"b=2")
    assert ctx.request.headers.get("X-A") == "1"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("<Payload>plain {v}</Payload>", "plain value"),
        ('<Payload>{"a":{"b":"{v}"}}</Payload>', '{"a":{"b":"value"}}'),
        ('<Payload>{ "a" : {v} }</Payload>', '{ "a" : value }'),
        ('<Payload>"{v}"</Payload>', '"value"'),
        ('<Payload variablePrefix="@" variableSuffix="#">{"v":"@v#"}</Payload>', '{"v":"value"}'),
        ('<Payload variablePrefix="%" variableSuffix="%">{v} %v%</Payload>', "{v} value"),
        ("<Payload><root><a k='1'>{v}</a></root></Payload>", "<root><a k='1'>value</a></root>"),
        ("<Payload><![CDATA[<a>{v}</a>]]></Payload>", "<a>value</a>"),
        ("<Payload>é {v}</Payload>", "é value"),
        ("<Payload/>", ""),
    ],
)
async def test_payloads(payload: str, expected: str):
    ctx = await applied(f"<Set>{payload}</Set>", context(request(body="old"), variables={"v": "value"}))
    assert ctx.request.content == expected


async def test_the_content_type_of_the_payload_is_set():
    ctx = context(request(type="text/plain"))
    await applied('<Set><Payload contentType="application/{kind}">{}</Payload></Set>' + IGNORE, ctx)
    assert ctx.request.headers.get("Content-Type") == "application/"
    await applied('<Set><Payload contentType="application/json">[]</Payload></Set>', ctx)
    assert ctx.request.headers.values("Content-Type") == ["application/json"]


async def test_a_payload_is_encoded_in_its_charset():
    ctx = await applied('<Set><Payload contentType="text/plain; charset=ISO-8859-1">é</Payload></Set>')
    assert ctx.request.body == b"\xe9"


async def test_a_payload_may_stand_in_a_resource():
    ctx = await applied(
        '<Set><Payload template="template://p.txt"/></Set>',
        context(variables={"v": "value"}),
        resources={"template://p.txt": "from {v}"},
    )
    assert ctx.request.content == "from value"
    assert deploy_errors(policy('<Set><Payload template="template://none.txt"/></Set>')) == ["InvalidPayload"]


async def test_verb_path_and_version_of_a_request():
    ctx = await applied(
        "<Set><Verb>{v}</Verb><Path>/a/{v}</Path><Version>1.0</Version></Set>",
        context(variables={"v": "PUT"}),
    )
    assert (ctx.request.verb, ctx.request.path, ctx.request.version) == ("PUT", "/a/PUT", "1.0")


async def test_status_and_reason_of_a_response():
    ctx = context(response=response(404), variables={"s": "201"})
    await applied("<Set><StatusCode>{s}</StatusCode></Set>", ctx)
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.reason_phrase) == (201, "Created")
    await applied("<Set><StatusCode>202</StatusCode><ReasonPhrase>Fine, {s}</ReasonPhrase></Set>", ctx)
    assert (ctx.response.status, ctx.response.reason_phrase) == (202, "Fine, 201")


async def test_authentication_puts_a_token_on_the_message():
    token = "<GoogleAccessToken><Scopes><Scope>https://s</Scope></Scopes></GoogleAccessToken>"
    ctx = await applied(f"<Set><Authentication>{token}</Authentication></Set>")
    assert (ctx.request.headers.get("Authorization") or "").startswith("Bearer ya29.")
    ctx = await applied(
        f"<Set><Authentication><HeaderName>X-Token</HeaderName>{token}</Authentication></Set>"
    )
    assert "Authorization" not in ctx.request.headers
    assert (ctx.request.headers.get("X-Token") or "").startswith("Bearer ")


async def test_settings_nested_in_the_wrong_place_are_ignored():
    body = f"<Set><AssignTo>other</AssignTo>{IGNORE}<Verb>PUT</Verb></Set>"
    assert findings_of(policy(body)) == []
    ctx = await applied(body)
    assert ctx.request.verb == "PUT"


# ---- Add


async def test_add_appends_a_value():
    ctx = context(request(query="q=1", headers={"X-A": "1"}))
    await applied(
        '<Add><Headers><Header name="x-a">{request.verb}</Header></Headers>'
        '<QueryParams><QueryParam name="q">2</QueryParam></QueryParams></Add>',
        ctx,
    )
    assert ctx.request.headers.values("X-A") == ["1", "GET"]
    assert ctx.request.query.values("q") == ["1", "2"]


# ---- Copy


async def copied(body: str, source: Message, into: Message) -> Message:
    ctx = context(into, variables={"source": source})
    await applied(f'<Copy source="source">{body}</Copy>', ctx)
    return ctx.request


def full_request() -> Message:
    return request("POST", "/from", "a=1&a=2&b=3", {"h1": "v1", "h3": "x, y", "H2": "v2"}, "f1=1&f2=2", FORM)


async def test_copy_without_children_copies_everything():
    message = await copied("", full_request(), request("GET", "/to", "z=1", {"old": "1"}))
    assert (message.verb, message.path, message.query_string) == ("POST", "/from", "a=1&a=2&b=3")
    assert message.body == b"f1=1&f2=2"
    assert message.headers.names() == ["h1", "h3", "H2", "Content-Type"]


async def test_copy_of_a_response_copies_status_and_reason():
    source = response(404, {"X": "1"}, "text", "text/plain")
    source.reason = "Gone fishing"
    ctx = context(response=response(), variables={"source": source})
    await applied('<Copy source="source"/>', ctx)
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.reason, ctx.response.body) == (404, "Gone fishing", b"text")


@pytest.mark.parametrize(
    ("children", "names"),
    [
        ("<Headers/>", ["old", "h1", "h3", "H2", "Content-Type"]),
        ('<Headers><Header name="H1"/></Headers>', ["old", "h1"]),
        ('<Headers><Header name="h1">true</Header><Header name="h2">false</Header></Headers>', ["old", "h1"]),
        ('<Headers><Header name="h1">false</Header></Headers>', ["old"]),
        ('<Headers><Header name="none"/></Headers>', ["old"]),
    ],
)
async def test_copy_takes_all_headers_or_those_named(children: str, names: list[str]):
    message = await copied(children, full_request(), request(headers={"old": "1"}))
    assert message.headers.names() == names


async def test_an_index_takes_one_value():
    message = await copied('<Headers><Header name="h3.2"/></Headers>', full_request(), request())
    assert list(message.headers) == [("h3", "y")]
    message = await copied('<Headers><Header name="h3.3"/></Headers>', full_request(), request())
    assert list(message.headers) == []
    message = await copied('<QueryParams><QueryParam name="a.2"/></QueryParams>', full_request(), request())
    assert message.query_string == "a=2"


async def test_copy_of_query_parameters():
    message = await copied("<QueryParams/>", full_request(), request(query="z=0"))
    assert message.query.pairs == [("z", "0"), ("a", "1"), ("a", "2"), ("b", "3")]
    message = await copied('<QueryParams><QueryParam name="b"/></QueryParams>', full_request(), request())
    assert message.query_string == "b=3"


@pytest.mark.parametrize(
    ("verb", "type", "expected"),
    [
        ("POST", FORM, b"f1=1&f2=2"),
        ("PUT", FORM, b"f1=1&f2=2"),
        ("GET", FORM, b""),
        ("POST", "text/plain", b""),
    ],
)
async def test_form_parameters_are_copied_from_forms_to_post_and_put(verb: str, type: str, expected: bytes):
    source = full_request()
    source.headers.set("Content-Type", type)
    message = await copied("<FormParams/>", source, request(verb))
    assert message.body == expected
    assert message.content_type() == (FORM if expected else "")


async def test_copy_of_single_parts():
    message = await copied(
        "<Payload>true</Payload><Verb>true</Verb><Path>true</Path><Version>false</Version>",
        full_request(),
        request(),
    )
    assert (message.verb, message.path, message.body) == ("POST", "/from", b"f1=1&f2=2")
    assert message.content_type() == FORM
    message = await copied("<Payload>false</Payload><Verb>true</Verb>", full_request(), request(body="old"))
    assert (message.verb, message.body) == ("POST", b"old")


async def test_the_source_is_the_message_of_the_moment_unless_named():
    ctx = context(request(headers={"X": "request"}), response(headers={"X": "response"}))
    await applied('<AssignTo createNew="true" type="response">m</AssignTo><Copy><Headers/></Copy>', ctx)
    assert read(ctx, "m.header.X") == "response"


async def test_copying_a_message_to_itself_does_nothing():
    ctx = context(request(query="a=1&a=2", headers={"X": "1"}))
    await applied('<Copy source="request"><Headers/><QueryParams/></Copy>', ctx)
    assert ctx.request.query_string == "a=1&a=2"
    assert list(ctx.request.headers) == [("X", "1")]


@pytest.mark.parametrize(
    ("given", "name", "text"),
    [
        ({}, "UnresolvedVariable", "AssignMessage[AM]: unable to resolve variable src"),
        (
            {"src": "text"},
            "VariableOfNonMsgType",
            "AssignMessage[AM]: value of variable src is not of type Message",
        ),
    ],
)
async def test_a_source_that_is_no_message_is_a_fault_unless_ignored(
    given: dict[str, str], name: str, text: str
):
    fault = await fault_of(compile_policy(policy('<Copy source="src"/>')), context(variables=given))
    assert (fault.code, fault.status, fault.text) == (f"steps.assignmessage.{name}", 500, text)
    ctx = await applied(
        f'<Copy source="src"/>{IGNORE}', context(request(headers={"X": "1"}), variables=given)
    )
    assert ctx.request.headers.get("X") == "1"


# ---- Remove


@pytest.mark.parametrize(
    ("body", "headers", "query", "content"),
    [
        ("", [], "", b""),
        ("<Headers/>", [], "a=1&a=2&b=3", b"f1=1&f2=2"),
        ('<Headers><Header name="H1"/><Header name="none"/></Headers>', ["h3", "H2", "Content-Type"], "a=1&a=2&b=3", b"f1=1&f2=2"),
        ('<Headers><Header name="h1">false</Header></Headers>', ["h1", "h3", "H2", "Content-Type"], "a=1&a=2&b=3", b"f1=1&f2=2"),
        ("<QueryParams/>", ["h1", "h3", "H2", "Content-Type"], "", b"f1=1&f2=2"),
        ('<QueryParams><QueryParam name="a"/></QueryParams>', ["h1", "h3", "H2", "Content-Type"], "b=3", b"f1=1&f2=2"),
        ('<QueryParams><QueryParam name="a.1"/></QueryParams>', ["h1", "h3", "H2", "Content-Type"], "a=2&b=3", b"f1=1&f2=2"),
        ("<FormParams/>", ["h1", "h3", "H2", "Content-Type"], "a=1&a=2&b=3", b""),
        ('<FormParams><FormParam name="f1"/></FormParams>', ["h1", "h3", "H2", "Content-Type"], "a=1&a=2&b=3", b"f2=2"),
        ("<Payload>true</Payload>", ["h1", "h3", "H2", "Content-Type"], "a=1&a=2&b=3", b""),
        ("<Payload>false</Payload>", ["h1", "h3", "H2", "Content-Type"], "a=1&a=2&b=3", b"f1=1&f2=2"),
    ],
)  # fmt: skip
async def test_remove(body: str, headers: list[str], query: str, content: bytes):
    ctx = context(full_request())
    await applied(f"<Remove>{body}</Remove>", ctx)
    assert ctx.request.headers.names() == headers
    assert ctx.request.query_string == query
    assert ctx.request.body == content


async def test_remove_one_value_of_a_header():
    ctx = context(full_request())
    await applied('<Remove><Headers><Header name="h3.1"/><Header name="h1.2"/></Headers></Remove>', ctx)
    assert (ctx.request.headers.get("h3"), ctx.request.headers.get("h1")) == ("y", "v1")


async def test_removing_a_form_parameter_leaves_other_bodies_alone():
    ctx = context(request("POST", body='{"f1":1}', type="application/json"))
    await applied('<Remove><FormParams><FormParam name="f1"/></FormParams></Remove>', ctx)
    assert (ctx.request.body, ctx.request.content_type()) == (b'{"f1":1}', "application/json")


# ---- AssignTo


async def test_the_destination_is_the_message_of_the_moment():
    xml = '<Set><Headers><Header name="X">1</Header></Headers></Set>'
    assert "X" in (await applied(xml)).request.headers
    ctx = await applied(xml, context(response=response()))
    assert ctx.response is not None
    assert "X" in ctx.response.headers
    assert "X" not in ctx.request.headers


@pytest.mark.parametrize(
    "to", ["", '<AssignTo type="response">response</AssignTo>', '<AssignTo type="response"/>']
)
async def test_in_the_error_flow_the_pending_error_is_edited(to: str):
    error, target = Message.response(500), Message.response(404)
    ctx = context(response=target, fault=Fault("a.b"), error=error)
    await applied(f"{to}<Set><StatusCode>418</StatusCode></Set>", ctx)
    assert ctx.error is error
    assert (error.status, target.status) == (418, 404)


async def test_create_new_replaces_the_pending_error():
    error = response(500, {"old": "1"})
    ctx = context(fault=Fault("a.b"), error=error)
    await applied('<AssignTo createNew="true" type="response">response</AssignTo>', ctx)
    assert ctx.error is not error
    assert ctx.error is not None
    assert (ctx.error.status, len(ctx.error.headers)) == (200, 0)


@pytest.mark.parametrize(
    "to", ['<AssignTo createNew="true"/>', '<AssignTo createNew="true">request</AssignTo>']
)
async def test_a_new_request_is_filled_from_the_one_it_replaces(to: str):
    ctx = context(request("POST", "/p", "q=1", {"Y": "2"}, "body"))
    await applied(
        f"{to}<AssignVariable><Name>verb</Name><Ref>request.verb</Ref></AssignVariable>"
        '<Set><Payload contentType="text/plain">{request.queryparam.q} {request.content}</Payload></Set>'
        "<AssignVariable><Name>made</Name><Ref>request.content</Ref></AssignVariable>",
        ctx,
    )
    assert (ctx.request.verb, ctx.request.body, ctx.request.headers.get("Y")) == ("GET", b"1 body", None)
    assert (ctx.variables["verb"], ctx.variables["made"]) == ("POST", "1 body")


async def test_create_new_makes_an_empty_message():
    ctx = await applied(
        '<AssignTo createNew="true" type="request">mine</AssignTo><Set><Headers><Header name="X">1</Header></Headers></Set>',
        context(request("POST", "/p", "q=1", {"Y": "2"}, "body"), variables={"mine": "text"}),
    )
    mine = ctx.variables["mine"]
    assert (mine.is_request, mine.verb, mine.body, list(mine.headers)) == (True, "GET", b"", [("X", "1")])
    assert "X" not in ctx.request.headers


async def test_a_new_response_has_status_200():
    ctx = await applied('<AssignTo createNew="true" type="response">mine</AssignTo>')
    assert (ctx.variables["mine"].is_request, ctx.variables["mine"].status) == (False, 200)


async def test_create_new_without_a_name_replaces_the_live_message():
    ctx = context(request("POST", "/p", "q=1", {"Y": "2"}, "body"))
    await applied('<AssignTo createNew="true"/><Set><Verb>PUT</Verb></Set>', ctx)
    assert (ctx.request.verb, ctx.request.body, len(ctx.request.headers)) == ("PUT", b"", 0)
    ctx = context(response=response(404, {"Y": "2"}, "body"))
    await applied('<AssignTo createNew="true"/>', ctx)
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.body) == (200, b"")


async def test_a_named_message_is_used_again_unless_it_must_be_new():
    ctx = context(variables={"mine": request(headers={"old": "1"})})
    await applied('<AssignTo>mine</AssignTo><Set><Headers><Header name="X">1</Header></Headers></Set>', ctx)
    assert ctx.variables["mine"].headers.names() == ["old", "X"]
    await applied('<AssignTo createNew="true" type="request">mine</AssignTo>', ctx)
    assert ctx.variables["mine"].headers.names() == []


async def test_a_missing_message_is_made_unless_create_new_is_false():
    ctx = await applied("<AssignTo>mine</AssignTo>")
    assert ctx.variables["mine"].is_request
    step = compile_policy(policy('<AssignTo createNew="false">mine</AssignTo>'))
    assert (await fault_of(step)).name == "UnresolvedVariable"
    fault = await fault_of(step, context(variables={"mine": "text"}))
    assert fault.code == "steps.assignmessage.VariableOfNonMsgType"


async def test_what_is_assigned_to_the_request_shows_in_the_response_flow():
    ctx = context(response=response())
    await applied("<AssignTo>request</AssignTo><Set><Verb>PUT</Verb></Set>", ctx)
    assert ctx.request.verb == "PUT"


# ---- order


async def test_operations_run_in_document_order():
    ctx = await applied(
        "<AssignVariable><Name>v</Name><Value>1</Value></AssignVariable>"
        '<Set><Headers><Header name="X">{v}</Header></Headers></Set>'
        "<AssignVariable><Name>v</Name><Value>2</Value></AssignVariable>"
        '<Add><Headers><Header name="X">{v}</Header></Headers></Add>'
        "<AssignVariable><Name>w</Name><Ref>message.header.X.values.count</Ref></AssignVariable>"
        "<Remove><Headers/></Remove>"
    )
    assert ctx.variables == {"v": "2", "w": 2}
    assert len(ctx.request.headers) == 0


# ---- AssignVariable


async def assigned(
    body: str, variables: dict[str, Any] | None = None, ignore: bool = False, **parts: Any
) -> Any:
    xml = f"<AssignVariable><Name>v</Name>{body}</AssignVariable>" + (IGNORE if ignore else "")
    ctx = await applied(xml, context(variables=variables), **parts)
    return ctx.variables["v"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<Value>text</Value>", "text"),
        ("<Value>{a} literal</Value>", "{a} literal"),
        ("<Value> blanks stay </Value>", " blanks stay "),
        ("<Value/>", ""),
        ("<Ref>a</Ref>", "A"),
        ("<Ref>n</Ref>", 7),
        ("<Ref>a</Ref><Value>fallback</Value>", "A"),
        ("<Ref>none</Ref><Value>fallback</Value>", "fallback"),
        ("<Value>fallback</Value><Ref>a</Ref>", "A"),
        ("<Template>{a}-{n}</Template>", "A-7"),
        ("<Template>{toLowerCase(a)}</Template>", "a"),
        ("<Template>{none:default}</Template>", "default"),
        ("<Template ref='t'>unused</Template>", "from A"),
        ("<Template ref='none'>fallback {a}</Template>", "fallback A"),
        ("<Template>{a}</Template><Ref>n</Ref><Value>x</Value>", "A"),
        ("<PropertySetRef>set.key</PropertySetRef>", "property"),
        ("<PropertySetRef>{s}.key</PropertySetRef>", "property"),
        ("<ResourceURL>properties://r.txt</ResourceURL><Template>{a}</Template>", "resource text"),
        ("<ResourceURL>properties://{r}.txt</ResourceURL>", "resource text"),
    ],
)
async def test_sources_of_a_variable(body: str, expected: object):
    step = compile_policy(
        policy(f"<AssignVariable><Name>v</Name>{body}</AssignVariable>"),
        resources={"properties://r.txt": "resource text"},
    )
    ctx = context(variables={"a": "A", "n": 7, "t": "from {a}", "s": "set", "r": "r"})
    ctx.deployment.property_sets = {"set": {"key": "property"}}
    assert (await run(step, ctx)).variables["v"] == expected


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("<Ref>nobody</Ref>", "nobody"),
        ("<Template>{nobody}</Template>", "nobody"),
        ("<ResourceURL>jsc://nobody.js</ResourceURL>", "jsc://nobody.js"),
    ],
)
async def test_what_does_not_resolve_is_a_fault_unless_ignored(body: str, name: str):
    step = compile_policy(policy(f"<AssignVariable><Name>v</Name>{body}</AssignVariable>"))
    fault = await fault_of(step)
    assert (fault.code, fault.status) == ("steps.assignmessage.UnresolvedVariable", 500)
    assert fault.text == f"AssignMessage[AM]: unable to resolve variable {name}"
    value = await assigned(body, {"v": "old"}, ignore=True)
    assert value == ("" if "Template" in body else None)


async def test_an_unresolved_template_in_a_header_is_a_fault_unless_ignored():
    xml = '<Set><Headers><Header name="X">a{nobody}b</Header></Headers></Set>'
    fault = await fault_of(compile_policy(policy(xml)))
    assert fault.code == "steps.assignmessage.UnresolvedVariable"
    assert (await applied(xml + IGNORE)).request.headers.get("X") == "ab"


async def test_a_variable_may_be_a_part_of_a_message_or_of_the_target():
    ctx = await applied(
        "<AssignVariable><Name>request.queryparam.w</Name><Value>1</Value></AssignVariable>"
        "<AssignVariable><Name>request.header.X</Name><Ref>request.verb</Ref></AssignVariable>"
    )
    assert ctx.request.query_string == "w=1"
    assert ctx.request.headers.get("X") == "GET"


async def test_a_whole_message_can_be_assigned():
    ctx = await applied("<AssignVariable><Name>kept</Name><Ref>request</Ref></AssignVariable>")
    assert ctx.variables["kept"] is ctx.request
