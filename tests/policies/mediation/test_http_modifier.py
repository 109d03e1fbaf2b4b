"""HTTPModifier: declaration, edits in document order, what it leaves alone, faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
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


def policy(body: str) -> str:
    return f'<HTTPModifier name="HM-1">{body}</HTTPModifier>'


async def modified(body: str, ctx: MessageContext | None = None, **variables: Any) -> MessageContext:
    ctx = ctx or context(request("GET", "/a", "q=1", {"X-A": "1"}, "body", "text/plain"))
    ctx.variables.update(variables)
    return await run(compile_policy(policy(body)), ctx)


# ---- declaration


def test_all_elements_are_known():
    assert (
        findings_of(
            policy(
                """<DisplayName>d</DisplayName><AssignTo createNew="false" transport="http" type="request">request</AssignTo>
                <Add><Headers><Header name="h">v</Header></Headers><QueryParams/><FormParams/></Add>
                <Set><ContentType>text/plain</ContentType><Headers/><QueryParams/><FormParams/><Verb>POST</Verb>
                <Path>/x</Path><Version>1.1</Version><StatusCode>200</StatusCode><ReasonPhrase>OK</ReasonPhrase></Set>
                <Remove><Headers><Header name="h"/></Headers><QueryParams/><FormParams/></Remove>
                <Copy source="request"><Headers/></Copy>
                <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"""
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('<Remove><Headers><Header name="h.0"/></Headers></Remove>', "InvalidIndex"),
        ('<Add><QueryParams><QueryParam name=" ">1</QueryParam></QueryParams></Add>', "InvalidVariableName"),
    ],
)
def test_what_cannot_be_deployed(body: str, error: str):
    assert error in deploy_errors(policy(body))


@pytest.mark.parametrize(
    "body", ["<Set><Payload>x</Payload></Set>", "<Remove><Payload>true</Payload></Remove>"]
)
async def test_a_payload_is_warned_of_and_left_alone(body: str):
    (finding,) = findings_of(policy(body))
    assert (finding.severity, finding.name) == ("warning", "PayloadIgnored")
    assert (await modified(body)).request.body == b"body"


# ---- what it does


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ("<Set><Verb>POST</Verb></Set>", "request.verb", "POST"),
        ("<Set><Verb>{verb}</Verb></Set>", "request.verb", "PUT"),
        ("<Set><Path>/v2{request.path}</Path></Set>", "request.path", "/v2/a"),
        (
            "<Set><ContentType>application/{format}</ContentType></Set>",
            "request.header.content-type",
            "application/x",
        ),
        ('<Set><Headers><Header name="X-A">{verb}</Header></Headers></Set>', "request.header.x-a", "PUT"),
        (
            '<Add><Headers><Header name="X-A">2</Header></Headers></Add>',
            "request.header.x-a.values.string",
            "1, 2",
        ),
        (
            '<Add><QueryParams><QueryParam name="q">2</QueryParam></QueryParams></Add>',
            "request.querystring",
            "q=1&q=2",
        ),
        (
            '<Set><QueryParams><QueryParam name="q">{verb}</QueryParam></QueryParams></Set>',
            "request.querystring",
            "q=PUT",
        ),
        ('<Remove><QueryParams><QueryParam name="q"/></QueryParams></Remove>', "request.querystring", ""),
        ('<Remove><Headers><Header name="x-a"/></Headers></Remove>', "request.header.x-a", None),
    ],
)
async def test_edits_of_the_request(body: str, name: str, value: str | None):
    ctx = await modified(body, verb="PUT", format="x")
    assert read(ctx, name) == value
    assert ctx.request.body == b"body"


async def test_status_and_reason_of_the_response():
    ctx = context(response=response(200, body="fine"))
    await modified(
        "<Set><StatusCode>{code}</StatusCode><ReasonPhrase>Odd</ReasonPhrase></Set>", ctx, code=418
    )
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.reason_phrase, ctx.response.body) == (418, "Odd", b"fine")


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (
            '<Remove><Headers><Header name="X-A"/></Headers></Remove><Add><Headers><Header name="X-A">2</Header></Headers></Add>',
            ["2"],
        ),
        (
            '<Add><Headers><Header name="X-A">2</Header></Headers></Add><Remove><Headers><Header name="X-A"/></Headers></Remove>',
            [],
        ),
    ],
)
async def test_operations_run_in_document_order(body: str, values: list[str]):
    assert (await modified(body)).request.headers.values("X-A") == values


async def test_an_empty_remove_leaves_the_payload():
    ctx = await modified("<Remove/>")
    assert (len(ctx.request.headers), ctx.request.query_string, ctx.request.body) == (0, "", b"body")


async def test_a_message_of_its_own():
    ctx = await modified(
        '<AssignTo createNew="true" type="request">mine</AssignTo><Set><Verb>PUT</Verb></Set>'
    )
    assert (read(ctx, "mine.verb"), ctx.request.verb) == ("PUT", "GET")


async def test_form_parameters_rewrite_the_form():
    ctx = context(request("POST", body="a=1", type="application/x-www-form-urlencoded"))
    await modified('<Add><FormParams><FormParam name="b">2</FormParam></FormParams></Add>', ctx)
    assert ctx.request.body == b"a=1&b=2"


async def test_a_streamed_body_is_not_read():
    async def chunks() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    ctx = context(request("POST"))
    ctx.request.stream = stream = chunks()
    await modified('<Set><Headers><Header name="X-B">1</Header></Headers><Verb>PUT</Verb></Set>', ctx)
    assert ctx.request.stream is stream


# ---- faults


@pytest.mark.parametrize(
    ("body", "name", "text"),
    [
        (
            "<Set><Verb>{none}</Verb></Set>",
            "UnresolvedVariable",
            "HTTPModifier[HM-1]: unable to resolve variable none",
        ),
        (
            '<AssignTo createNew="false">text</AssignTo>',
            "VariableOfNonMsgType",
            "HTTPModifier[HM-1]: value of variable text is not of type Message",
        ),
    ],
)
async def test_faults(body: str, name: str, text: str):
    fault = await fault_of(compile_policy(policy(body)), context(variables={"text": "x"}))
    assert (fault.code, fault.status, fault.text) == (f"steps.httpmodifier.{name}", 500, text)


async def test_unresolved_variables_may_be_ignored():
    body = '<Set><Headers><Header name="X-A">[{none}]</Header></Headers></Set>'
    ctx = await modified(f"{body}<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>")
    assert read(ctx, "request.header.x-a") == "[]"


def test_variables_of_a_failure():
    assert load(policy(""))[0].failed_variables() == ("httpmodifier.HM-1.failed",)
