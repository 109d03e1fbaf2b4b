"""ServiceCallout against real HTTP services."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.message import Message
from tests.policies.extension.conftest import Backend, MakeBackend, MakeRuntime
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, read, request, response, run


def callout(
    url: str,
    inside: str = "<Request/>",
    response: str | None = "answer",
    properties: str = "",
    attributes: str = "",
) -> str:
    answer = f"<Response>{response}</Response>" if response else ""
    return f"""
        <ServiceCallout name="SC" {attributes}>
          {inside}{answer}
          <HTTPTargetConnection><URL>{url}</URL>{properties}</HTTPTargetConnection>
        </ServiceCallout>"""


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        ('<ServiceCallout name="SC"><Response>r</Response></ServiceCallout>', ["ConnectionInfoMissing"]),
        (
            '<ServiceCallout name="SC"><HTTPTargetConnection><URL/></HTTPTargetConnection></ServiceCallout>',
            ["URLMissing"],
        ),
        (
            '<ServiceCallout name="SC"><HTTPTargetConnection><Path>/x</Path></HTTPTargetConnection></ServiceCallout>',
            ["URLMissing"],
        ),
        (callout("http://a", "<Timeout>0</Timeout>"), ["InvalidTimeoutValue"]),
        (callout("http://a", "<Timeout>-5</Timeout>"), ["InvalidTimeoutValue"]),
        (callout("http://a", "<Timeout>5s</Timeout>"), ["InvalidTimeoutValue"]),
        (
            callout(
                "http://a",
                '<Request><Copy><Headers><Header name="a.0"/></Headers></Copy></Request>',
            ),
            ["InvalidIndex"],
        ),
        (
            '<ServiceCallout name="SC"><LocalTargetConnection/></ServiceCallout>',
            ["ConnectionInfoMissing"],
        ),
        (callout("http://a", "<Timeout>700000</Timeout>"), []),
    ],
)
async def test_deploy_errors(runtime: Runtime, xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml, using=runtime.services) == errors


# ---- the request


async def test_default_request_is_an_empty_get(runtime: Runtime, backend: Backend) -> None:
    client = request("POST", "/shop/items", "color=red", {"X-Secret": "1", "Host": "shop"}, "body")
    ctx = context(client, path_suffix="/items")
    await run(compile_policy(callout(f"{backend.url}/people", ""), using=runtime.services), ctx)

    (seen,) = backend.seen
    assert (seen.verb, seen.target, seen.body) == ("GET", "/people", "")
    assert seen.headers["host"] == backend.host
    assert "x-secret" not in seen.headers


async def test_answer_is_a_message(runtime: Runtime, backend: Backend) -> None:
    backend.status, backend.headers["X-Page"] = 201, "2"
    ctx = await run(compile_policy(callout(backend.url), using=runtime.services))

    assert read(ctx, "answer.content") == '{"city":"Utrecht"}'
    assert read(ctx, "answer.status.code") == 201
    assert read(ctx, "answer.reason.phrase") == "Created"
    assert read(ctx, "answer.header.x-page") == "2"


async def test_content_of_the_last_answer_has_a_variable_of_its_own(
    runtime: Runtime, backend: Backend
) -> None:
    ctx = await run(compile_policy(callout(backend.url), using=runtime.services))
    assert read(ctx, "ServiceCallout.response") == '{"city":"Utrecht"}'

    backend.status, backend.body = 404, "nobody"
    await fault_of(compile_policy(callout(backend.url), using=runtime.services), ctx)
    assert read(ctx, "ServiceCallout.response") == "nobody"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<Set><Verb>PUT</Verb></Set>", ("PUT", "/people", "")),
        ("<Set><Payload>{request.queryparam.id}</Payload></Set>", ("POST", "/people", "7")),
        ("<Set><Payload>x</Payload><Verb>PATCH</Verb></Set>", ("PATCH", "/people", "x")),
        (
            '<Set><FormParams><FormParam name="a">{request.queryparam.id}</FormParam></FormParams></Set>',
            ("POST", "/people", "a=7"),
        ),
        (
            '<Set><QueryParams><QueryParam name="q">a b&amp;c</QueryParam></QueryParams></Set>',
            ("GET", "/people?q=a%20b%26c", ""),
        ),
        ("<Set><Path>/{request.queryparam.id}/address</Path></Set>", ("GET", "/people/7/address", "")),
        ("<Set><Path>7</Path></Set>", ("GET", "/people/7", "")),
        ('<Copy source="request"/>', ("DELETE", "/people?id=7", "old")),
        (
            '<Copy source="request"><Verb>true</Verb><Payload>true</Payload></Copy>',
            ("DELETE", "/people", "old"),
        ),
        (
            '<Copy source="request"/><Remove><QueryParams/><Payload>true</Payload></Remove>',
            ("DELETE", "/people", ""),
        ),
    ],
)
async def test_edits_of_the_request(
    runtime: Runtime, backend: Backend, inside: str, expected: tuple[str, str, str]
) -> None:
    ctx = context(request("DELETE", "/shop/items", "id=7", body="old"), path_suffix="/items")
    xml = callout(f"{backend.url}/people", f"<Request>{inside}</Request>")
    await run(compile_policy(xml, using=runtime.services), ctx)

    (seen,) = backend.seen
    assert (seen.verb, seen.target, seen.body) == expected


async def test_headers_are_set_added_and_removed_in_document_order(
    runtime: Runtime, backend: Backend
) -> None:
    inside = """<Request>
      <Copy source="request"><Headers><Header name="X-A"/><Header name="X-B"/></Headers></Copy>
      <Add><Headers><Header name="X-A">2</Header></Headers></Add>
      <Remove><Headers><Header name="X-B"/></Headers></Remove>
      <Set><Headers><Header name="X-C">{messageid:none}</Header></Headers></Set>
    </Request>"""
    ctx = context(request(headers={"X-A": "1", "X-B": "1"}))
    ctx.message_id = "m-1"
    await run(compile_policy(callout(backend.url, inside), using=runtime.services), ctx)

    headers = backend.seen[0].headers
    assert headers["x-a"] == "1, 2"
    assert "x-b" not in headers
    assert headers["x-c"] == "m-1"


async def test_request_variable_made_by_another_policy_is_sent(runtime: Runtime, backend: Backend) -> None:
    ctx = context()
    make = """
      <AssignMessage name="AM"><AssignTo createNew="true" type="request">lookup</AssignTo>
        <Set><Verb>POST</Verb><Path>/v2/search</Path><Payload contentType="text/plain">who</Payload></Set>
      </AssignMessage>"""
    await run(compile_policy(make), ctx)
    await run(
        compile_policy(callout(f"{backend.url}/api", '<Request variable="lookup"/>'), using=runtime.services),
        ctx,
    )

    (seen,) = backend.seen
    assert (seen.verb, seen.target, seen.body) == ("POST", "/api/v2/search", "who")
    assert read(ctx, "lookup.content") == "who"


async def test_request_variable_is_created_when_missing(runtime: Runtime, backend: Backend) -> None:
    xml = callout(backend.url, '<Request variable="sent"><Set><Payload>x</Payload></Set></Request>')
    ctx = await run(compile_policy(xml, using=runtime.services))

    assert read(ctx, "sent.verb") == "POST"
    assert read(ctx, "sent.content") == "x"


async def test_clear_payload_empties_the_variable_after_the_call(runtime: Runtime, backend: Backend) -> None:
    xml = callout(
        backend.url, '<Request variable="sent" clearPayload="true"><Set><Payload>x</Payload></Set></Request>'
    )
    ctx = await run(compile_policy(xml, using=runtime.services))

    assert backend.seen[0].body == "x"
    assert read(ctx, "sent.content") == ""


async def test_client_request_as_variable_is_sent_without_its_path(
    runtime: Runtime, backend: Backend
) -> None:
    ctx = context(request("POST", "/shop/items", "id=7", {"X-Id": "7"}, "body"), path_suffix="/items")
    xml = callout(f"{backend.url}/check", '<Request variable="request"/>')
    await run(compile_policy(xml, using=runtime.services), ctx)

    (seen,) = backend.seen
    assert (seen.verb, seen.target, seen.body) == ("POST", "/check?id=7", "body")
    assert seen.headers["x-id"] == "7"
    assert (ctx.request.path, ctx.request.body, ctx.request.url) == ("/shop/items", b"body", None)


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (
            "just text",
            "RequestVariableNotMessageType",
            "ServiceCallout[SC]: request variable thing value is not of type Message",
        ),
        (
            Message.response(),
            "RequestVariableNotRequestMessageType",
            "ServiceCallout[SC]: request variable thing value is not of type Request Message",
        ),
    ],
)
async def test_request_variable_of_another_type_is_a_fault(
    runtime: Runtime, backend: Backend, value: object, name: str, text: str
) -> None:
    step = compile_policy(callout(backend.url, '<Request variable="thing"/>'), using=runtime.services)
    fault = await fault_of(step, context(variables={"thing": value}))

    assert (fault.code, fault.text, fault.status) == (f"steps.servicecallout.{name}", text, 500)
    assert backend.seen == []


async def test_unresolved_variable_in_the_request(runtime: Runtime, backend: Backend) -> None:
    edits = '<Set><Headers><Header name="X-A">{nothing}</Header></Headers></Set>'
    strict = compile_policy(callout(backend.url, f"<Request>{edits}</Request>"), using=runtime.services)
    lenient = compile_policy(
        callout(
            backend.url,
            f"<Request><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>{edits}</Request>",
        ),
        using=runtime.services,
    )

    fault = await fault_of(strict)
    assert (fault.name, fault.text) == ("UnresolvedVariable", "Unresolved variable : nothing")
    await run(lenient)
    assert backend.seen[0].headers["x-a"] == ""


# ---- the address


async def test_url_is_a_template(runtime: Runtime, backend: Backend) -> None:
    ctx = context(variables={"address.host": backend.host, "id": "a/b"})
    step = compile_policy(callout("http://{address.host}/people/{id}"), using=runtime.services)
    await run(step, ctx)

    assert backend.seen[0].target == "/people/a/b"
    assert read(ctx, "servicecallout.SC.target.url") == f"{backend.url}/people/a/b"
    assert read(ctx, "servicecallout.requesturi") == "/people/a/b"


async def test_query_of_the_url_comes_before_the_request_s_own(runtime: Runtime, backend: Backend) -> None:
    inside = '<Request><Set><QueryParams><QueryParam name="b">2</QueryParam></QueryParams></Set></Request>'
    await run(compile_policy(callout(f"{backend.url}/x?a=1", inside), using=runtime.services))

    assert backend.seen[0].target == "/x?a=1&b=2"


async def test_url_written_by_a_policy_takes_the_place_of_the_configured_one(
    runtime: Runtime, backend: Backend
) -> None:
    ctx = context(variables={"servicecallout.SC.target.url": f"{backend.url}/other"})
    step = compile_policy(
        callout("http://127.0.0.1:1/never", "<Request><Set><Path>/x</Path></Set></Request>"),
        using=runtime.services,
    )
    await run(step, ctx)

    assert backend.seen[0].target == "/other/x"


async def test_uri_written_by_a_policy_takes_the_place_of_the_configured_one(
    runtime: Runtime, backend: Backend
) -> None:
    ctx = context(variables={"servicecallout.requesturi": "/other?x=1"})
    await run(compile_policy(callout(f"{backend.url}/people"), using=runtime.services), ctx)

    assert backend.seen[0].target == "/other?x=1"


async def test_a_callout_that_runs_twice_evaluates_its_url_twice(runtime: Runtime, backend: Backend) -> None:
    ctx = context(variables={"id": "1"})
    step = compile_policy(callout(backend.url + "/{id}"), using=runtime.services)
    await run(step, ctx)
    ctx.variables["id"] = "2"
    await run(step, ctx)

    assert [seen.target for seen in backend.seen] == ["/1", "/2"]


def server(name: str, backend: Backend) -> TargetServer:
    host, _, port = backend.host.partition(":")
    return TargetServer(name, host, int(port), "HTTP", True, None, "", Place("targetservers.json"))


async def test_load_balancer_takes_turns(make_runtime: MakeRuntime, make_backend: MakeBackend) -> None:
    one, two = await make_backend(), await make_backend()
    environment = Environment(target_servers={"one": server("one", one), "two": server("two", two)})
    xml = """
      <ServiceCallout name="SC"><Response>answer</Response>
        <HTTPTargetConnection>
          <LoadBalancer><Server name="one"/><Server name="two"/></LoadBalancer>
          <Path>/people/{id}</Path>
        </HTTPTargetConnection>
      </ServiceCallout>"""
    step = compile_policy(xml, using=make_runtime(environment).services)
    for _ in range(4):
        await run(step, context(variables={"id": "7"}))

    assert [seen.target for seen in one.seen] == [seen.target for seen in two.seen] == ["/people/7"] * 2


async def test_google_token_is_for_the_call_alone(runtime: Runtime, backend: Backend) -> None:
    token = """<Authentication><GoogleAccessToken><Scopes><Scope>https://www.googleapis.com/auth/x</Scope></Scopes>
        </GoogleAccessToken></Authentication>"""
    ctx = context(request(headers={"X-Id": "1"}))
    xml = callout(backend.url, '<Request variable="request"/>', properties=token)
    await run(compile_policy(xml, using=runtime.services), ctx)

    assert backend.seen[0].headers["authorization"].startswith("Bearer ya29.")
    assert "Authorization" not in ctx.request.headers


async def test_connect_to_leads_the_call_elsewhere(make_runtime: MakeRuntime, backend: Backend) -> None:
    runtime = make_runtime(connect_to={"directory.example.com": backend.url})
    await run(compile_policy(callout("https://directory.example.com/p"), using=runtime.services))

    assert backend.seen[0].headers["host"] == "directory.example.com"


# ---- the answer


@pytest.mark.parametrize("status", [200, 204, 302])
async def test_success_and_redirects_are_answers(runtime: Runtime, backend: Backend, status: int) -> None:
    backend.status, backend.headers["Location"] = status, f"{backend.url}/elsewhere"
    ctx = await run(compile_policy(callout(backend.url), using=runtime.services))

    assert read(ctx, "answer.status.code") == status
    assert len(backend.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_error_status_is_a_fault_and_the_answer_stays_readable(
    runtime: Runtime, backend: Backend, status: int
) -> None:
    backend.status = status
    ctx = context()
    fault = await fault_of(compile_policy(callout(backend.url), using=runtime.services), ctx)

    assert fault.code == "steps.servicecallout.ExecutionFailed"
    assert fault.status == 500
    assert (
        fault.text
        == f"Execution of ServiceCallout SC failed. Reason: ResponseCode {status} is treated as error"
    )
    assert read(ctx, "answer.status.code") == status
    assert read(ctx, "answer.content") == '{"city":"Utrecht"}'


@pytest.mark.parametrize(
    ("codes", "status", "fails"),
    [
        ("1XX,2XX,3XX,404", 404, False),
        ("1xx, 2xx, 3xx, 404", 500, True),
        ("2xx,4xx,5xx", 503, False),
        ("400", 200, True),
    ],
)
async def test_success_codes(
    runtime: Runtime, backend: Backend, codes: str, status: int, fails: bool
) -> None:
    backend.status = status
    properties = f'<Properties><Property name="success.codes">{codes}</Property></Properties>'
    step = compile_policy(callout(backend.url, properties=properties), using=runtime.services)
    if fails:
        assert str(status) in (await fault_of(step)).text
    else:
        await run(step)


async def test_slow_answer_is_a_timeout(runtime: Runtime, backend: Backend) -> None:
    backend.delay = 5
    step = compile_policy(callout(backend.url, "<Timeout>80</Timeout>"), using=runtime.services)
    begun = time.monotonic()
    fault = await fault_of(step)

    assert time.monotonic() - begun < 2
    assert (fault.code, fault.text) == (
        "steps.servicecallout.ExecutionFailed",
        "Execution of ServiceCallout SC failed. Reason: timeout occurred in SC",
    )


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "{scheme}://host/", "no-url"])
async def test_unreachable_host(runtime: Runtime, url: str) -> None:
    url = url.replace("{port}", str(closed_port()))
    fault = await fault_of(
        compile_policy(callout(url), using=runtime.services), context(variables={"scheme": "gopher"})
    )

    assert fault.text == "Execution of ServiceCallout SC failed. Reason: Host not reachable"
    assert fault.status == 500


async def test_unresolved_variable_in_the_url_is_named(runtime: Runtime) -> None:
    fault = await fault_of(compile_policy(callout("http://{nowhere}/x"), using=runtime.services))

    assert fault.text == "Unresolved variable : nowhere"


# ---- fire and forget


async def test_without_response_nobody_waits(runtime: Runtime, backend: Backend) -> None:
    backend.delay = 0.2
    step = compile_policy(callout(backend.url, response=None), using=runtime.services)

    assert step(context()) is None
    await asyncio.wait_for(backend.answered.wait(), 5)


async def test_forgotten_call_sends_what_stood_there_when_the_step_ran(
    runtime: Runtime, backend: Backend
) -> None:
    ctx = context(request(headers={"X-Id": "before"}), variables={"where": "here"})
    xml = callout(backend.url + "/{where}", '<Request variable="request"/>', response=None)
    compile_policy(xml, using=runtime.services)(ctx)
    ctx.request.headers.set("X-Id", "after")
    ctx.variables["where"] = "there"
    await asyncio.wait_for(backend.answered.wait(), 5)

    assert (backend.seen[0].headers["x-id"], backend.seen[0].target) == ("before", "/here")


async def test_forgotten_call_outlives_a_graceful_stop(make_runtime: MakeRuntime, backend: Backend) -> None:
    backend.delay = 0.2
    runtime = make_runtime()
    compile_policy(callout(backend.url, response=None), using=runtime.services)(context())
    await runtime.close(grace=5)

    assert backend.answered.is_set()


async def test_forgotten_call_never_fails(runtime: Runtime, backend: Backend) -> None:
    backend.status = 500
    await run(compile_policy(callout(backend.url, response=None), using=runtime.services))
    refused = callout(f"http://127.0.0.1:{closed_port()}", response=None)
    await run(compile_policy(refused, using=runtime.services))
    await asyncio.wait_for(backend.answered.wait(), 5)
    await runtime.gateway.drain(5)

    assert runtime.gateway.background == set()


# ---- other proxies

OTHER_PROXY = {
    "apiproxy/directory.xml": '<APIProxy name="directory" revision="1"/>',
    "apiproxy/proxies/default.xml": """
      <ProxyEndpoint name="default">
        <PreFlow name="PreFlow"><Request><Step><Name>AM-Reply</Name></Step></Request></PreFlow>
        <HTTPProxyConnection><BasePath>/directory</BasePath></HTTPProxyConnection>
        <RouteRule name="none"/>
      </ProxyEndpoint>""",
    "apiproxy/policies/AM-Reply.xml": """
      <AssignMessage name="AM-Reply"><AssignTo createNew="false" type="request"/>
        <AssignVariable><Name>inner</Name><Value>1</Value></AssignVariable>
        <Set><Payload>{request.verb} {proxy.pathsuffix} {request.queryparam.q} {request.content}</Payload></Set>
      </AssignMessage>""",
}


@pytest.mark.parametrize(
    ("connection", "suffix"),
    [
        ("<APIProxy>directory</APIProxy><ProxyEndpoint>default</ProxyEndpoint>", "/7"),
        ("<Path>/directory/people</Path>", "/people/7"),
    ],
)
async def test_local_target_runs_another_proxy(
    runtime: Runtime, tmp_path: Path, connection: str, suffix: str
) -> None:
    for name, text in OTHER_PROXY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.strip())
    findings = Findings()
    directory = read_bundle(tmp_path, findings)
    findings.raise_errors()
    assert directory is not None
    runtime.deploy([directory])
    xml = f"""
      <ServiceCallout name="SC">
        <Request><Set><Path>/7</Path><QueryParams><QueryParam name="q">x</QueryParam></QueryParams>
          <Payload>who</Payload></Set></Request>
        <Response>answer</Response>
        <LocalTargetConnection>{connection}</LocalTargetConnection>
      </ServiceCallout>"""
    ctx = await run(compile_policy(xml, using=runtime.services), context(path_suffix="/outer"))

    assert read(ctx, "answer.content") == f"POST {suffix} x who"
    assert read(ctx, "inner") is None


async def test_local_target_that_is_not_deployed_is_unreachable(runtime: Runtime) -> None:
    xml = """
      <ServiceCallout name="SC"><Response>answer</Response>
        <LocalTargetConnection><APIProxy>nobody</APIProxy><ProxyEndpoint>default</ProxyEndpoint></LocalTargetConnection>
      </ServiceCallout>"""
    fault = await fault_of(compile_policy(xml, using=runtime.services))

    assert fault.text == "Execution of ServiceCallout SC failed. Reason: Host not reachable"


async def test_callout_in_the_response_flow_keeps_the_response(runtime: Runtime, backend: Backend) -> None:
    ctx = context(response=response(200, body="main"))
    await run(compile_policy(callout(backend.url), using=runtime.services), ctx)

    assert read(ctx, "message.content") == "main"
    assert read(ctx, "answer.content") == '{"city":"Utrecht"}'
