"""IntegrationCallout and IntegrationEndpoint: the REST call, its answer, faults, over real sockets too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.egress import CallFailed
from tests.house import house, proxy, show, steps, write_bundle
from tests.policies.kit import (
    Answers,
    compile_policy,
    context,
    fault_of,
    findings_of,
    load,
    read,
    response,
    run,
)

HOST = "integrations.googleapis.com"
PATH = "/v1/projects/proj/locations/europe-west1/integrations/orders"
SET = """<SetIntegrationRequest name="SIR"><ProjectId>proj</ProjectId><IntegrationName>orders</IntegrationName>
<IntegrationRegion>europe-west1</IntegrationRegion><ApiTrigger>api_trigger/go</ApiTrigger>
<ScheduleTime>2030-01-01T00:00:00Z</ScheduleTime>
<Parameters><Parameter name="id" type="integer" ref="request.queryparam.id"/></Parameters></SetIntegrationRequest>"""
BODY = {"triggerId": "api_trigger/go", "inputParameters": {"id": {"intValue": "7"}}}


def policy(body: str = "<Request>integration.request</Request><Response>answer</Response>") -> str:
    return f'<IntegrationCallout name="IC">{body}</IntegrationCallout>'


async def prepared(**variables: Any) -> MessageContext:
    ctx = context(variables=variables)
    ctx.request.query_string = "id=7"
    return await run(compile_policy(SET), ctx)


def test_all_elements_are_known():
    body = (
        "<AsyncExecution>true</AsyncExecution><Request clearPayload='false'>r</Request><Response>a</Response>"
    )
    assert findings_of(policy(body)) == []
    assert load(policy())[0].failed_variables() == ("integrationcallout.IC.failed",)


# ---- the call


async def test_a_synchronous_run_waits_for_the_result():
    network = Answers(
        response(200, body='{"executionId":"e","outputParameters":{"a":1}}', type="application/json")
    )
    ctx = await run(compile_policy(policy(), egress=network), await prepared())
    (call,) = network.calls
    assert call.url == f"https://{HOST}{PATH}:execute"
    assert call.request.json() == BODY, "the method execute knows no time"
    assert str(call.request.headers.get("Authorization")).startswith("Bearer ")
    assert read(ctx, "answer.status.code") == 200
    assert json.loads(read(ctx, "answer.content"))["outputParameters"] == {"a": 1}


async def test_an_asynchronous_run_is_scheduled():
    network = Answers(response(200, body='{"executionInfoIds":["e"]}', type="application/json"))
    body = "<AsyncExecution>true</AsyncExecution><Response>answer</Response>"
    ctx = await run(compile_policy(policy(body), egress=network), await prepared())
    (call,) = network.calls
    assert call.url == f"https://{HOST}{PATH}:schedule"
    assert call.request.json() == {**BODY, "scheduleTime": "2030-01-01T00:00:00Z"}
    assert json.loads(read(ctx, "answer.content")) == {"executionInfoIds": ["e"]}


@pytest.mark.parametrize(
    ("attribute", "kept"), [("", False), ('clearPayload="true"', False), ('clearPayload="false"', True)]
)
async def test_the_payload_is_cleared_unless_it_shall_stay(attribute: str, kept: bool):
    step = compile_policy(policy(f"<Request {attribute}>integration.request</Request>"), egress=Answers())
    ctx = await run(step, await prepared())
    assert bool(read(ctx, "integration.request.content")) is kept


# ---- faults


async def test_an_answer_that_tells_of_an_error_is_a_fault_and_stays_readable():
    network = Answers(response(404, body='{"error":{"code":404}}', type="application/json"))
    ctx = await prepared()
    fault = await fault_of(compile_policy(policy(), egress=network), ctx)
    assert (fault.code, fault.status) == ("steps.integrationcallout.ExecutionFailed", 500)
    assert fault.text == "Execution of IntegrationCallout IC failed. Reason: the answer has status 404"
    assert read(ctx, "answer.status.code") == 404


async def test_no_answer_is_a_fault():
    network = Answers(CallFailed("unreachable", "connection refused"))
    fault = await fault_of(compile_policy(policy(), egress=network), await prepared())
    assert fault.text == "Execution of IntegrationCallout IC failed. Reason: connection refused"


@pytest.mark.parametrize("held", [None, "text", response(200, body="x")])
async def test_a_variable_without_a_request_is_a_fault(held: Any):
    network = Answers()
    ctx = context(variables={} if held is None else {"integration.request": held})
    fault = await fault_of(compile_policy(policy(), egress=network), ctx)
    assert fault.code == "steps.integrationcallout.InvalidRequest"
    assert (
        fault.text
        == "IntegrationCallout[IC]: variable integration.request does not hold an integration request"
    )
    assert network.calls == []


# ---- over HTTP


class Integrations:
    """A stand-in for Application Integration that tells what it got."""

    def __init__(self, status: int = 200) -> None:
        self.seen: list[tuple[str, Any, str]] = []
        self.status = status

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.raw_path, await request.json(), request.headers.get("Authorization", "")))
        return web.json_response({"executionId": "e1"}, status=self.status)


def endpoint(asynchronous: bool) -> str:
    return (
        f'<IntegrationEndpoint name="orders"><AsyncExecution>{str(asynchronous).lower()}</AsyncExecution>'
        "</IntegrationEndpoint>"
    )


ROUTE = '<RouteRule name="r"><IntegrationEndpoint>orders</IntegrationEndpoint></RouteRule>'


def bundle(folder: Path, proxy_xml: str, asynchronous: bool = False, **policies: str) -> Path:
    files = {
        "proxies/default.xml": proxy_xml,
        "integration-endpoints/orders.xml": endpoint(asynchronous),
        "policies/SIR.xml": SET,
    }
    return write_bundle(folder, "integrations", files | {f"policies/{n}.xml": t for n, t in policies.items()})


@pytest.mark.parametrize(("asynchronous", "method"), [(False, "execute"), (True, "schedule")])
async def test_an_integration_endpoint_answers_the_client(tmp_path: Path, asynchronous: bool, method: str):
    service = Integrations()
    path = bundle(
        tmp_path,
        proxy(request=steps("SIR"), response=steps("show"), routes=ROUTE),
        asynchronous,
        show=show("show", X_Target="{target.host} {target.name}"),
    )
    async with house(path, answer=service.answer) as gateway:
        gateway.runtime.egress.ways.connect_to[HOST] = f"http://127.0.0.1:{gateway.upstream.port}"
        reply = await gateway.get("/t/anything?id=7")
    ((called, body, token),) = service.seen
    assert called == f"{PATH}:{method}"
    assert body == (BODY if not asynchronous else {**BODY, "scheduleTime": "2030-01-01T00:00:00Z"})
    assert token.startswith("Bearer ")
    assert (reply.status, reply.json(), reply.headers["X-Target"]) == (
        200,
        {"executionId": "e1"},
        f"{HOST} orders",
    )


async def test_an_error_of_an_integration_endpoint_is_a_target_error(tmp_path: Path):
    service = Integrations(403)
    path = bundle(tmp_path, proxy(request=steps("SIR"), routes=ROUTE))
    async with house(path, answer=service.answer) as gateway:
        gateway.runtime.egress.ways.connect_to[HOST] = f"http://127.0.0.1:{gateway.upstream.port}"
        reply = await gateway.get("/t?id=7")
    assert (reply.status, reply.json()) == (403, {"executionId": "e1"})


async def test_an_integration_endpoint_without_a_request_is_a_fault(tmp_path: Path):
    path = bundle(tmp_path, proxy(routes=ROUTE))
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 500
    assert reply.fault() == (
        "messaging.runtime.IntegrationRequestMissing",
        "Integration endpoint orders has no request: run SetIntegrationRequest before it",
    )


async def test_a_callout_goes_where_connect_to_leads(tmp_path: Path):
    service = Integrations()
    null = '<RouteRule name="none"/>'
    path = bundle(
        tmp_path,
        proxy(request=steps("SIR", "IC"), response=steps("show"), routes=null),
        IC=policy(),
        show=show("show", X_Id="{jsonPath($.executionId,answer.content)}"),
    )
    async with house(path, answer=service.answer) as gateway:
        gateway.runtime.egress.ways.connect_to[HOST] = f"http://127.0.0.1:{gateway.upstream.port}"
        reply = await gateway.get("/t?id=7")
    assert (reply.status, reply.headers["X-Id"], service.seen[0][0]) == (200, "e1", f"{PATH}:execute")
