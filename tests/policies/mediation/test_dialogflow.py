"""ParseDialogflowRequest and SetDialogflowResponse: webhooks of Dialogflow CX."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    response,
    run,
)

WEBHOOK = {
    "detectIntentResponseId": "d1",
    "fulfillmentInfo": {"tag": "book"},
    "intentInfo": {"displayName": "booking", "confidence": 0.9},
    "sessionInfo": {
        "session": "projects/p/sessions/1",
        "parameters": {"city": "Oslo", "seats": 2, "tags": ["a"]},
    },
    "messages": [{"text": {"text": ["hi"]}}],
}


def parse_policy(body: str = "") -> str:
    return f'<ParseDialogflowRequest name="PDR">{body}</ParseDialogflowRequest>'


def set_policy(body: str) -> str:
    return f'<SetDialogflowResponse name="SDR">{body}</SetDialogflowResponse>'


# ---- the request


def test_elements_of_the_request_policy():
    body = "<VariablePrefix>p</VariablePrefix><DialogflowVersion>CX</DialogflowVersion>"
    assert findings_of(parse_policy(body)) == []
    assert deploy_errors(parse_policy("<DialogflowVersion>ES</DialogflowVersion>")) == ["InvalidElement"]


@pytest.mark.parametrize(
    ("body", "start"),
    [("", "google.dialogflow"), ("<VariablePrefix>trip</VariablePrefix>", "google.dialogflow.trip")],
)
async def test_variables_of_a_webhook_request(body: str, start: str):
    ctx = context(request("POST", body=json.dumps(WEBHOOK), type="application/json"))
    await run(compile_policy(parse_policy(body)), ctx)
    assert {name.removeprefix(f"{start}."): value for name, value in ctx.variables.items()} == {
        "detectIntentResponseId": "d1",
        "fulfillmentInfo.tag": "book",
        "intentInfo.displayName": "booking",
        "intentInfo.confidence": 0.9,
        "sessionInfo.session": "projects/p/sessions/1",
        "sessionInfo.parameters.city": "Oslo",
        "sessionInfo.parameters.seats": 2,
        "sessionInfo.parameters.tags": '["a"]',
        "messages": '[{"text":{"text":["hi"]}}]',
        "city": "Oslo",
        "seats": 2,
        "tags": '["a"]',
    }
    assert json.loads(ctx.request.body) == WEBHOOK


@pytest.mark.parametrize("body", ["", "{", "[]", '{"a":1}', '{"a":' * 100_000])
async def test_what_is_no_webhook_request(body: str):
    fault = await fault_of(compile_policy(parse_policy()), context(request("POST", body=body)))
    assert (fault.code, fault.status) == ("steps.parsedialogflowrequest.ParseFailed", 500)


# ---- the response


def backend() -> MessageContext:
    body = '{"price":12.5,"lines":["one","two"],"stock":{"left":3},"none":null}'
    return context(
        response=response(200, {"X-City": "Oslo"}, body, "application/json"),
        variables={"count": 2, "name": "Ada"},
    )


async def answered(body: str) -> Any:
    ctx = await run(compile_policy(set_policy(body)), backend())
    assert read(ctx, "response.header.content-type") == "application/json"
    return json.loads(read(ctx, "response.content"))


def phrases(*origins: str) -> str:
    inner = "".join(f"<Phrase>{origin}</Phrase>" for origin in origins)
    return f"<NaturalLanguageResponse><Phrases>{inner}</Phrases></NaturalLanguageResponse>"


def parameters(**origins: str) -> str:
    inner = "".join(f'<Parameter name="{name}">{origin}</Parameter>' for name, origin in origins.items())
    return f"<Parameters>{inner}</Parameters>"


def test_elements_of_the_response_policy():
    body = """<Source>response</Source><DialogflowVersion>CX</DialogflowVersion>
    <NaturalLanguageResponse><MergeBehavior>REPLACE</MergeBehavior><Phrases><Phrase><Header name="h"/></Phrase></Phrases>
    </NaturalLanguageResponse><Parameters><Parameter name="p"><Ref>r</Ref></Parameter></Parameters>
    <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"""
    assert findings_of(set_policy(body)) == []
    assert load(set_policy(body))[0].failed_variables() == ("setdialogflowresponse.SDR.failed",)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (phrases(""), "EitherOrigin"),
        (phrases("<Ref>a</Ref><Value>b</Value>"), "EitherOrigin"),
        (parameters(a=""), "EitherOrigin"),
        (phrases("<JSONPath>$.[</JSONPath>"), "JSONPathCompilationFailed"),
    ],
)
def test_what_cannot_be_deployed(body: str, error: str):
    assert deploy_errors(set_policy(body)) == [error]


async def test_phrases_from_everywhere():
    found = await answered(
        phrases(
            "<Value>Hello</Value>",
            '<Header name="X-City"/>',
            "<JSONPath>$.price</JSONPath>",
            "<JSONPath>$.lines</JSONPath>",
            "<Ref>name</Ref>",
        )
    )
    texts = ["Hello", "Oslo", "12.5", "one", "two", "Ada"]
    assert found == {
        "fulfillmentResponse": {"messages": [{"text": {"text": texts}}], "mergeBehavior": "APPEND"}
    }


async def test_parameters_keep_their_types():
    found = await answered(
        parameters(
            p="<JSONPath>$.price</JSONPath>",
            s="<JSONPath>$.stock</JSONPath>",
            n="<JSONPath>$.none</JSONPath>",
            c="<Ref>count</Ref>",
            h='<Header name="x-city"/>',
            v="<Value>1</Value>",
        )
    )
    expected = {"p": 12.5, "s": {"left": 3}, "n": None, "c": 2, "h": "Oslo", "v": "1"}
    assert found == {"sessionInfo": {"parameters": expected}}


async def test_phrases_may_replace_those_of_the_agent():
    body = phrases("<Value>x</Value>").replace("<Phrases>", "<MergeBehavior>REPLACE</MergeBehavior><Phrases>")
    assert (await answered(body))["fulfillmentResponse"]["mergeBehavior"] == "REPLACE"


async def test_the_source_may_be_another_variable():
    ctx = backend()
    ctx.variables["text"] = '{"a":"b"}'
    body = f"<Source>text</Source>{parameters(a='<JSONPath>$.a</JSONPath>')}"
    await run(compile_policy(set_policy(body)), ctx)
    assert json.loads(read(ctx, "response.content")) == {"sessionInfo": {"parameters": {"a": "b"}}}


@pytest.mark.parametrize(
    "origin", ["<Ref>nobody</Ref>", '<Header name="X-No"/>', "<JSONPath>$.no</JSONPath>"]
)
async def test_what_is_not_there_is_a_fault_unless_ignored(origin: str):
    body = phrases(origin) + parameters(a=origin)
    fault = await fault_of(compile_policy(set_policy(body)), backend())
    assert (fault.code, fault.status) == ("steps.setdialogflowresponse.UnresolvedVariable", 500)
    found = await answered(f"{body}<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>")
    assert found["fulfillmentResponse"]["messages"] == []
    assert found["sessionInfo"]["parameters"] == {}
