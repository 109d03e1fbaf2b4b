"""ParsePayload: declaration, variables of MCP requests, what is refused."""

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
    request,
    run,
)


def policy(
    body: str = "<Source>request</Source><PayloadType>JSON-RPC-2.0</PayloadType><Protocol>MCP</Protocol>",
) -> str:
    return f'<ParsePayload name="PP">{body}</ParsePayload>'


def sent(content: Any) -> MessageContext:
    body = content if isinstance(content, str) else json.dumps(content)
    return context(request("POST", body=body, type="application/json"))


def rpc(method: Any, params: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        **({} if params is None else {"params": params}),
        **more,
    }


def test_all_elements_are_known():
    assert findings_of(policy()) == []
    assert load(policy())[0].failed_variables() == ("parsepayload.PP.failed",)


@pytest.mark.parametrize("body", ["<PayloadType>XML-RPC</PayloadType>", "<Protocol>A2A</Protocol>"])
def test_what_cannot_be_deployed(body: str):
    assert deploy_errors(policy(body)) == ["UnsupportedPayloadType"]


async def test_a_call_of_a_tool():
    arguments = {"city": "Oslo", "days": 3, "units": {"t": "C"}, "hours": [1, 2], "brief": True}
    ctx = sent(rpc("tools/call", {"name": "get_weather", "arguments": arguments, "_meta": {"a": 1}}, id="x"))
    await run(compile_policy(policy()), ctx)
    start = "parsepayload.PP"
    request_start = f"{start}.json-rpc.request"
    assert ctx.variables == {
        f"{start}.operation": "tools/call/get_weather",
        "parsepayload.operation": "tools/call/get_weather",
        f"{request_start}.method": "tools/call",
        f"{request_start}.id": "x",
        f"{request_start}.params.name": "get_weather",
        f"{request_start}.params.arguments.city": "Oslo",
        f"{request_start}.params.arguments.days": 3,
        f"{request_start}.params.arguments.units": '{"t":"C"}',
        f"{request_start}.params.arguments.hours": "[1,2]",
        f"{request_start}.params.arguments.brief": True,
        f"{request_start}.params._meta": '{"a":1}',
    }


@pytest.mark.parametrize(
    ("content", "operation"),
    [
        (rpc("tools/list"), "tools/list"),
        (rpc("initialize", {"clientInfo": {"name": "c"}}), "initialize"),
        (rpc("prompts/get", {"name": "p"}), "prompts/get/p"),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, "notifications/initialized"),
        (rpc("x", [1, 2]), "x"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, None),
    ],
)
async def test_operations(content: dict[str, Any], operation: str | None):
    ctx = sent(content)
    await run(compile_policy(policy()), ctx)
    assert ctx.variables.get("parsepayload.PP.operation") == operation
    assert ("parsepayload.PP.json-rpc.request.id" in ctx.variables) is (
        "id" in content and operation is not None
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        [rpc("a")],
        {"method": "a"},
        rpc(None),
        rpc(7),
        rpc("a", "text"),
        rpc("a", id={}),
        "[" * 100_000,
    ],
)
async def test_what_is_no_json_rpc_is_refused(content: Any):
    fault = await fault_of(compile_policy(policy()), sent(content))
    assert (fault.code, fault.status) == ("steps.parsepayload.ParsingFailed", 400)


async def test_a_request_that_only_opens_a_stream_passes():
    ctx = await run(compile_policy(policy()), context(request("GET")))
    assert ctx.variables == {}


@pytest.mark.parametrize(
    ("source", "name"), [("in", "NonMessageVariable"), ("none", "SourceMessageNotAvailable")]
)
async def test_a_source_that_is_no_message(source: str, name: str):
    step = compile_policy(policy(f"<Source>{source}</Source>"))
    assert (await fault_of(step, context(variables={"in": "{}"}))).name == name
