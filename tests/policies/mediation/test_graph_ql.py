"""GraphQL: declaration, variables of a document, limits, verification, what bounds it."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
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

pytest.importorskip("graphql")

SCHEMA = """
enum Episode { NEWHOPE EMPIRE }
type Character { id: ID! name: String friends: [Character] height(unit: Int): Float }
type Query { hero(episode: Episode, id: Int): Character search(text: [String!], filter: Filter): [Character] }
input Filter { a: Int b: Boolean }
type Mutation { rename(id: ID!, name: String): Character }
"""
HERO = """query Hero($episode: Episode, $withFriends: Boolean!, $names: [String!]) @cached(ttl: 60) {
  hero(episode: $episode, id: 123) {
    called: name
    friends @include(if: $withFriends) { name }
  }
  search(text: ["a"], filter: {a: 1, b: true}) { ...Brief ... on Character { id } }
}
fragment Brief on Character { id name }"""


def policy(body: str = "", action: str = "parse", operation: str = "query") -> str:
    url = "" if action == "parse" else "<ResourceURL>graphql://s.graphql</ResourceURL>"
    return f'<GraphQL name="G"><OperationType>{operation}</OperationType><Action>{action}</Action>{body}{url}</GraphQL>'


def step_of(body: str = "", action: str = "parse", operation: str = "query") -> Any:
    return compile_policy(policy(body, action, operation), resources={"graphql://s.graphql": SCHEMA})


def sent(text: str, type: str = "application/graphql") -> MessageContext:
    return context(request("POST", body=text, type=type))


# ---- declaration


def test_all_elements_are_known():
    body = """<Source>request</Source><MaxDepth>4</MaxDepth><MaxCount>4</MaxCount>
    <MaxPayloadSizeInBytes>100</MaxPayloadSizeInBytes>"""
    xml = policy(body, "parse_verify", "query_mutation")
    assert findings_of(xml, resources={"graphql://s.graphql": SCHEMA}) == []


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        ('<GraphQL name="G"><Action>verify</Action></GraphQL>', "SchemaMissing"),
        ('<GraphQL name="G"><ResourceURL>xsd://s</ResourceURL></GraphQL>', "InvalidResourceType"),
        ('<GraphQL name="G"><ResourceURL>graphql://none</ResourceURL></GraphQL>', "ResourceDoesNotExist"),
        (policy("", "verify"), "ResourceCompileFailed"),
        (policy("<MaxDepth>deep</MaxDepth>"), "InvalidElement"),
        (policy(operation="subscription"), "InvalidElement"),
    ],
)
def test_what_cannot_be_deployed(xml: str, error: str):
    assert deploy_errors(xml, resources={"graphql://s.graphql": "type Query {"}) == [error]


# ---- variables


async def test_variables_of_a_document():
    ctx = await run(step_of(), sent(HERO))
    start = "graphql.operation"
    field = f"{start}.selectionSet"
    expected = {
        "graphql.fragment.count": 1,
        "graphql.fragment.1.name": "Brief",
        "graphql.fragment.1.selectionSet.count": 2,
        "graphql.fragment.1.selectionSet.2.name": "name",
        f"{start}.operationType": "QUERY",
        f"{start}.name": "Hero",
        f"{start}.directive.1.argument.1.value": "IntValue{value=60}",
        f"{start}.variableDefinitions.count": 3,
        f"{start}.variableDefinitions.1.name": "episode",
        f"{start}.variableDefinitions.1.type": "TypeName{name='Episode'}",
        f"{start}.variableDefinitions.2.type": "NonNullType{type=TypeName{name='Boolean'}}",
        f"{start}.variableDefinitions.3.type": "ListType{type=NonNullType{type=TypeName{name='String'}}}",
        f"{field}.count": 2,
        f"{field}.1.name": "hero",
        f"{field}.1.argument.count": 2,
        f"{field}.1.argument.1.name": "episode",
        f"{field}.1.argument.1.value": "VariableReference{name='episode'}",
        f"{field}.1.argument.2.value": "IntValue{value=123}",
        f"{field}.1.selectionSet.1.name": "name",
        f"{field}.1.selectionSet.1.alias": "called",
        f"{field}.1.selectionSet.2.directive.count": 1,
        f"{field}.1.selectionSet.2.directive.1.name": "include",
        f"{field}.1.selectionSet.2.directive.1.argument.1.name": "if",
        f"{field}.1.selectionSet.2.selectionSet.1.name": "name",
        f"{field}.2.argument.1.value": "ArrayValue{values=[StringValue{value='a'}]}",
        f"{field}.2.argument.2.value": (
            "ObjectValue{objectFields=[ObjectField{name='a', value=IntValue{value=1}}, "
            "ObjectField{name='b', value=BooleanValue{value=true}}]}"
        ),
        f"{field}.2.selectionSet.1.name": "Brief",
        f"{field}.2.selectionSet.2.name": "Character",
    }
    assert {name: ctx.variables.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ADMIN", "EnumValue{name='ADMIN'}"),
        ("1.5", "FloatValue{value=1.5}"),
        ("null", "NullValue{}"),
        ("false", "BooleanValue{value=false}"),
    ],
)
async def test_values_are_spelled_as_in_java(value: str, text: str):
    ctx = await run(step_of(), sent(f"{{a(b: {value})}}"))
    assert ctx.variables["graphql.operation.selectionSet.1.argument.1.value"] == text


@pytest.mark.parametrize(
    "message",
    [
        request("POST", body="query A{a} query B{b}", type="application/graphql"),
        request("POST", body=json.dumps({"query": "query A{a} query B{b}"}), type="application/json"),
        request("GET", query=f"query={quote('query A{a} query B{b}')}"),
    ],
)
async def test_where_the_document_may_stand(message: Message):
    body = message.body
    ctx = await run(step_of(), context(message))
    assert ctx.variables["graphql.operation.name"] == "A"
    assert ctx.request.body == body, "the payload is forwarded unchanged"


async def test_the_operation_that_is_named_is_meant():
    wrapped = json.dumps({"query": "query A{a} query B{b}", "operationName": "B"})
    ctx = await run(step_of(), sent(wrapped, "application/json"))
    assert ctx.variables["graphql.operation.name"] == "B"


# ---- limits


@pytest.mark.parametrize(
    ("operation", "text", "allowed"),
    [
        ("query", "{a}", True),
        ("query", "mutation{a}", False),
        ("query", "query A{a} mutation B{b}", False),
        ("query", "subscription{a}", False),
        ("mutation", "mutation{a}", True),
        ("mutation", "{a}", False),
        ("query_mutation", "query A{a} mutation B{b}", True),
        ("query_mutation", "subscription{a}", False),
        ("all", "mutation{a}", True),
    ],
)
async def test_operation_types(operation: str, text: str, allowed: bool):
    step = step_of(operation=operation)
    if allowed:
        await run(step, sent(text))
    else:
        fault = await fault_of(step, sent(text))
        assert (fault.code, fault.status) == ("steps.graphql.OperationNotAllowed", 400)


@pytest.mark.parametrize(
    ("body", "text", "name"),
    [
        ("<MaxDepth>2</MaxDepth>", "{a{b}}", None),
        ("<MaxDepth>2</MaxDepth>", "{a{b{c}}}", "MaxDepthExceeded"),
        ("<MaxDepth>2</MaxDepth>", "{a{...on T{b}}}", None),
        ("<MaxDepth>2</MaxDepth>", "{a{...F}} fragment F on T{b{c}}", "MaxDepthExceeded"),
        ("<MaxDepth>2</MaxDepth>", "{a{...F}} fragment F on T{...F}", None),
        ("<MaxCount>2</MaxCount>", "{a} fragment F on T{b}", None),
        ("<MaxCount>2</MaxCount>", "{a} fragment F on T{b} fragment G on T{b}", "MaxCountExceeded"),
        ("<MaxPayloadSizeInBytes>3</MaxPayloadSizeInBytes>", "{a}", None),
        ("<MaxPayloadSizeInBytes>3</MaxPayloadSizeInBytes>", "{ab}", "MaxPayloadSizeExceeded"),
        ("", "{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}", None),
        ("", "{a{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}}", "MaxDepthExceeded"),
    ],
)
async def test_limits(body: str, text: str, name: str | None):
    if name is None:
        await run(step_of(body), sent(text))
    else:
        fault = await fault_of(step_of(body), sent(text))
        assert (fault.name, fault.status) == (name, 400)


# ---- verification and faults


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{hero(episode: EMPIRE){name}}", None),
        ("{hero{weight}}", "Cannot query field 'weight' on type 'Character'."),
        ("{hero(episode: NONE){name}}", "NONE"),
    ],
)
async def test_verification(text: str, problem: str | None):
    step = step_of(action="parse_verify")
    ctx = sent(text)
    if problem is None:
        await run(step, ctx)
    else:
        fault = await fault_of(step, ctx)
        assert fault.code == "steps.graphql.VerificationFailed"
        assert problem in fault.text
    assert ctx.variables["graphql.operation.selectionSet.1.name"] == "hero"


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("", "application/graphql"),
        ("{", "text/plain"),
        ("{a", "application/json"),
        ("[1]", "application/json"),
    ],
)
async def test_what_cannot_be_parsed(text: str, type: str):
    fault = await fault_of(step_of(), sent(text, type))
    assert (fault.code, fault.status) == ("steps.graphql.ParsingFailed", 400)


@pytest.mark.parametrize(
    ("source", "name"), [("in", "NonMessageVariable"), ("none", "SourceMessageNotAvailable")]
)
async def test_a_source_that_is_no_message(source: str, name: str):
    fault = await fault_of(step_of(f"<Source>{source}</Source>"), context(variables={"in": "{a}"}))
    assert (fault.code, fault.status) == (f"steps.graphql.{name}", 500)


def test_variables_of_a_failure():
    assert load(policy())[0].failed_variables() == ("graphql.G.failed",)


# ---- bounds


@pytest.mark.parametrize("text", ["{a" * 100_000, "{" + "a " * 20_000 + "}", "{a(b:" + "[" * 50_000])
async def test_what_is_costly_stays_bounded(text: str):
    began = time.perf_counter()
    ctx = sent(text)
    fault = await fault_of(step_of(action="parse_verify"), ctx)
    assert fault.name in ("ParsingFailed", "VerificationFailed")
    assert time.perf_counter() - began < 5


async def test_repeated_fields_are_verified_aside():
    waiting = step_of(action="parse_verify")(sent("{hero{" + "name " * 200 + "}}"))
    assert waiting is not None, "the event loop has to stay free"
    await waiting


async def test_a_long_document_sets_a_limited_number_of_variables():
    ctx = sent("{" + " ".join(f"a{n}" for n in range(5000)) + "}")
    await run(step_of(), ctx)
    assert len(ctx.variables) <= 5001
