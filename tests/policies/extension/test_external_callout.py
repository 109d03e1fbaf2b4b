"""ExternalCallout against real gRPC servers that were written from the proto file alone."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from apiproxy_policies.callout_contract import MESSAGES, load_contract

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.keystore import KeyAlias, Keystore
from apiproxy_runtime.bundle.model import SSLInfo
from apiproxy_runtime.bundle.targetserver import Protocol, TargetServer
from apiproxy_runtime.message.context import TargetCall
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import FORM_TYPE, Message
from apiproxy_runtime.policy.policy import StepFunction
from tests.policies.extension.callout_server import (
    Authority,
    Behave,
    CalloutServer,
    Pair,
    compiled_proto,
)
from tests.policies.extension.conftest import MakeRuntime
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, read, request, response, run

PLACE = Place("targetservers.json")
EVERYTHING = "".join(
    f'<Property name="with.{message}.{part}">true</Property>'
    for message in ("request", "response")
    for part in ("content", "headers")
)


def callout(configurations: str = EVERYTHING, timeout: int = 5000, authentication: str = "") -> str:
    return f"""
        <ExternalCallout name="EC">
          <TimeoutMs>{timeout}</TimeoutMs>
          <GrpcConnection><Server name="enricher"/>{authentication}</GrpcConnection>
          <Configurations>{configurations}</Configurations>
        </ExternalCallout>"""


def environment(
    port: int,
    ssl_info: SSLInfo | None = None,
    keystores: dict[str, Keystore] | None = None,
    host: str = "127.0.0.1",
    protocol: Protocol = "GRPC",
    enabled: bool = True,
) -> Environment:
    server = TargetServer("enricher", host, port, protocol, enabled, ssl_info, "", PLACE)
    return Environment(target_servers={"enricher": server}, keystores=keystores or {})


@pytest.fixture
async def server() -> AsyncIterator[CalloutServer]:
    server = await CalloutServer().start()
    yield server
    await server.stop()


CompileCallout = Callable[..., StepFunction]


@pytest.fixture
async def compile_callout(make_runtime: MakeRuntime, server: CalloutServer) -> CompileCallout:
    """Compiles the callout of the arguments for `server`."""

    def compile_it(*arguments: Any, **settings: Any) -> StepFunction:
        return compile_policy(
            callout(*arguments, **settings), using=make_runtime(environment(server.port)).services
        )

    return compile_it


def answering(change: Callable[[Any], Any]) -> Behave:
    """A server that changes the context it got, as most do, or returns another one."""

    async def behave(context: Any, call: Any) -> Any:
        return change(context) or context

    return behave


def strings(*values: str) -> Any:
    return compiled_proto()[0].Strings(strings=values)


def plain(entries: Any) -> dict[str, list[str]]:
    return {name: list(value.strings) for name, value in entries.items()}


# ---- the contract


def test_contract_is_the_one_that_protoc_reads_from_the_proto_file() -> None:
    proto, _ = compiled_proto()
    ours = load_contract().messages
    for name in MESSAGES:
        theirs = proto.DESCRIPTOR.message_types_by_name[name]

        def shape(descriptor: Any) -> list[tuple[object, ...]]:
            return [
                (
                    field.name,
                    field.number,
                    field.type,
                    field.is_repeated,
                    field.message_type.full_name if field.message_type else "",
                    field.containing_oneof.name if field.containing_oneof else "",
                )
                for field in descriptor.fields
            ]

        assert shape(ours[name].DESCRIPTOR) == shape(theirs)
    assert set(proto.DESCRIPTOR.message_types_by_name) == set(MESSAGES)
    method = proto.DESCRIPTOR.services_by_name["ExternalCalloutService"].methods_by_name["ProcessMessage"]
    assert load_contract().method.path == f"/{method.containing_service.full_name}/{method.name}"


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (callout(), []),
        (callout(timeout=0), ["InvalidElement"]),
        (callout().replace("<TimeoutMs>5000</TimeoutMs>", ""), ["InvalidElement"]),
        (callout().replace('<Server name="enricher"/>', ""), ["InvalidElement"]),
        (callout().replace("enricher", "nobody"), []),
        (callout('<Property name="with.headers">true</Property>'), ["InvalidElement"]),
        (callout('<Property name="with.request.headers">yes</Property>'), ["InvalidElement"]),
        (
            callout(authentication="<Authentication><GoogleAccessToken/></Authentication>"),
            ["InvalidAuthentication"],
        ),
        (callout().replace("<Configurations>", "<!--").replace("</Configurations>", "-->"), []),
    ],
)
async def test_deploy_errors(make_runtime: MakeRuntime, xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml, using=make_runtime(environment(1)).services) == errors


async def test_target_server_must_speak_grpc(make_runtime: MakeRuntime) -> None:
    using = make_runtime(environment(1, protocol="HTTP")).services

    assert deploy_errors(callout(), using=using) == ["InvalidTargetServerProtocol"]


# ---- what is sent


async def test_request_flow_sends_the_request(compile_callout: CompileCallout, server: CalloutServer) -> None:
    ctx = context(
        request(
            "POST",
            "/shop/items",
            "id=7&id=8&q=a%20b",
            {"X-Id": "7", "Accept": "text/html, application/json", "User-Agent": "a, b"},
            "hello",
        ),
        path_suffix="/items",
    )
    ctx.message_id, ctx.base_path, ctx.endpoint_name = "m-1", "/shop", "default"
    ctx.flow_name, ctx.flow_description = "list items", "all of them"
    ctx.client.ip, ctx.client.port, ctx.client.scheme = "10.1.2.3", 4711, "https"
    ctx.client.certificate = {"cn": "app", "email.address": "a@example.com", "organization.unit": "unit"}
    await run(compile_callout(), ctx)

    (seen,) = server.seen
    sent = seen.request
    assert (sent.verb, sent.uri, sent.http_version) == ("POST", "/shop/items?id=7&id=8&q=a%20b", "1.1")
    assert plain(sent.headers) == {
        "X-Id": ["7"],
        "Accept": ["text/html", "application/json"],
        "User-Agent": ["a, b"],
    }
    assert plain(sent.query_params) == {"id": ["7", "8"], "q": ["a b"]}
    assert sent.content == "hello"
    assert (seen.message_id, seen.organization_name, seen.environment_name) == ("m-1", "hybrid", "test")
    assert (seen.api_proxy.name, seen.api_proxy.revision) == ("test-proxy", "1")
    assert (seen.proxy.endpoint_name, seen.proxy.base_path, seen.proxy.path_suffix) == (
        "default",
        "/shop",
        "/items",
    )
    assert (seen.current_flow.name, seen.current_flow.description) == ("list items", "all of them")
    client = seen.client
    assert (client.ip, client.port, client.scheme, client.ssl_enabled) == ("10.1.2.3", 4711, "https", True)
    assert (client.cn, client.email_address, client.organization_unit) == ("app", "a@example.com", "unit")
    for absent in ("response", "error", "fault", "target", "route"):
        assert not seen.HasField(absent)


@pytest.mark.parametrize(
    ("properties", "headers", "content"),
    [
        ("", False, False),
        ('<Property name="with.request.headers">true</Property>', True, False),
        ('<Property name="with.request.content">true</Property>', False, True),
        ('<Property name="with.request.content">false</Property>', False, False),
        ('<Property name="with.response.content">true</Property>', False, False),
    ],
)
async def test_properties_say_what_of_the_request_is_sent(
    compile_callout: CompileCallout, server: CalloutServer, properties: str, headers: bool, content: bool
) -> None:
    ctx = context(request("POST", "/", "q=1", {"X-Id": "7"}, "a=1", FORM_TYPE))
    await run(compile_callout(properties), ctx)

    sent = server.seen[0].request
    assert ("X-Id" in sent.headers) == headers
    assert (sent.content, plain(sent.form_params)) == (("a=1", {"a": ["1"]}) if content else ("", {}))
    assert plain(sent.query_params) == {"q": ["1"]}


async def test_response_flow_sends_the_response_and_the_target(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    ctx = context(response=response(201, {"X-Page": "2"}, "made"))
    ctx.target = TargetCall("backend", lambda ctx: "https://orders.example.com/v1")
    ctx.target.host, ctx.target.port, ctx.target.scheme = "orders.example.com", 443, "https"
    ctx.route_name, ctx.route_target = "main", "backend"
    assert ctx.response is not None
    ctx.response.headers.add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
    await run(compile_callout(), ctx)

    (seen,) = server.seen
    assert (seen.response.status_code, seen.response.reason_phrase, seen.response.content) == (
        201,
        "Created",
        "made",
    )
    assert plain(seen.response.headers)["Set-Cookie"] == ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]
    assert (seen.route.name, seen.route.target) == ("main", "backend")
    target = seen.target
    assert (target.name, target.host, target.port, target.scheme, target.ssl_enabled, target.url) == (
        "backend",
        "orders.example.com",
        443,
        "https",
        True,
        "https://orders.example.com/v1",
    )
    assert (target.copy_path_suffix, target.copy_query_params) == (True, True)
    assert not seen.HasField("request")


async def test_error_flow_sends_the_error(compile_callout: CompileCallout, server: CalloutServer) -> None:
    fault = Fault("steps.raisefault.RaiseFault", "not today")
    ctx = context(fault=fault, error=response(503, {"Retry-After": "5"}, "closed"))
    await run(compile_callout(), ctx)

    (seen,) = server.seen
    assert (seen.error.message, seen.error.response.status_code, seen.error.response.content) == (
        "not today",
        503,
        "closed",
    )
    assert plain(seen.error.response.headers) == {"Retry-After": ["5"]}
    assert not seen.HasField("request")
    assert not seen.HasField("response")


async def test_streamed_content_stays_where_it_is(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"streamed"

    ctx = context(request("POST"))
    ctx.request.stream = stream = chunks()
    server.behave = answering(lambda message: setattr(message.request, "content", "changed"))
    await run(compile_callout(), ctx)

    assert server.seen[0].request.content == ""
    assert ctx.request.stream is stream
    assert ctx.request.body == b""


async def test_flow_variable_is_a_prefix_on_dots(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    values: dict[str, Any] = {
        "a.b.c": "text",
        "a.b.c.int": 7,
        "a.b.c.long": 2**40,
        "a.b.c.flag": True,
        "a.b.c.ratio": 0.5,
        "a.b.c.message": Message.request(),
        "a.b.c.list": ["x"],
        "a.b.cd": "no",
        "a.x": "no",
    }
    ctx = context(path_suffix="/items", variables=values)
    names = ("a.b.c", "proxy.pathsuffix", "nothing")
    await run(compile_callout("".join(f"<FlowVariable>{name}</FlowVariable>" for name in names)), ctx)

    sent = {
        name: (value.WhichOneof("value"), getattr(value, value.WhichOneof("value")))
        for name, value in server.seen[0].additional_flow_variables.items()
    }
    assert sent == {
        "a.b.c": ("string", "text"),
        "a.b.c.int": ("int32", 7),
        "a.b.c.long": ("int64", 2**40),
        "a.b.c.flag": ("bool", True),
        "a.b.c.ratio": ("double", 0.5),
        "proxy.pathsuffix": ("string", "/items"),
    }


# ---- how the answer is applied


async def test_echo_changes_nothing(compile_callout: CompileCallout, server: CalloutServer) -> None:
    message = request("POST", "/shop", "a=1&b=%20", {"Accept": "a,  b"}, b"\xff\xfe")
    message.headers.add("X-Two", "1")
    message.headers.add("X-Two", "2")
    ctx = context(message, variables={"order.id": 7, "order": "x"})
    before = (list(message.headers), message.query_string, message.body, dict(ctx.variables))
    await run(compile_callout(EVERYTHING + "<FlowVariable>order</FlowVariable>"), ctx)

    assert (list(message.headers), message.query_string, message.body, ctx.variables) == before


async def test_headers_and_parameters_are_merged(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        sent = message.request
        sent.headers["x-replaced"].CopyFrom(strings("1", "4"))
        del sent.headers["X-Kept"]
        sent.headers["X-Removed"].CopyFrom(strings())
        sent.headers["X-New"].CopyFrom(strings("n"))
        sent.query_params["q"].CopyFrom(strings("9"))
        sent.query_params["gone"].CopyFrom(strings())

    server.behave = answering(change)
    headers = {"X-Replaced": "1, 2, 3", "X-Kept": "k", "X-Removed": "r"}
    ctx = context(request("GET", "/", "q=1&gone=1&stays=1", headers))
    await run(compile_callout(), ctx)

    assert read(ctx, "request.header.x-replaced.values") == ["1", "4"]
    assert read(ctx, "request.header.x-kept") == "k"
    assert read(ctx, "request.header.x-removed") is None
    assert read(ctx, "request.header.x-new") == "n"
    assert ctx.request.query_string == "q=9&stays=1"


async def test_form_parameters_rewrite_the_form(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.request.form_params["a"].CopyFrom(strings("9"))
        message.request.form_params["b"].CopyFrom(strings())

    server.behave = answering(change)
    ctx = context(request("POST", body="a=1&b=2&c=3", type=FORM_TYPE))
    await run(compile_callout(), ctx)

    assert ctx.request.body == b"a=9&c=3"


async def test_immutable_fields_are_not_applied(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.request.verb, message.request.uri = "DELETE", "/other"
        message.proxy.path_suffix, message.client.ip = "/other", "1.1.1.1"

    server.behave = answering(change)
    ctx = context(request("GET", "/shop"), path_suffix="/items")
    await run(compile_callout(), ctx)

    assert (ctx.request.verb, ctx.request.path) == ("GET", "/shop")
    assert (ctx.path_suffix, ctx.client.ip) == ("/items", "127.0.0.1")


@pytest.mark.parametrize(
    ("properties", "answered", "expected"),
    [
        (EVERYTHING, "new", "new"),
        (EVERYTHING, "", ""),
        ("", "new", "new"),
        ("", "", "old"),
    ],
)
async def test_empty_content_removes_only_content_that_was_sent(
    compile_callout: CompileCallout, server: CalloutServer, properties: str, answered: str, expected: str
) -> None:
    server.behave = answering(lambda message: setattr(message.request, "content", answered))
    ctx = context(request("POST", body="old"))
    await run(compile_callout(properties), ctx)

    assert ctx.request.content == expected


async def test_answer_without_the_message_leaves_it_alone(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    server.behave = answering(lambda message: message.ClearField("request"))
    ctx = context(request("POST", headers={"X-Id": "7"}, body="old"))
    await run(compile_callout(), ctx)

    assert (ctx.request.content, ctx.request.headers.get("X-Id")) == ("old", "7")


async def test_response_is_changed_in_the_response_flow(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.response.content, message.response.status_code = "new", 418
        message.response.headers["X-By"].CopyFrom(strings("server"))

    server.behave = answering(change)
    ctx = context(response=response(200, body="old"))
    await run(compile_callout(), ctx)

    assert read(ctx, "response.content") == "new"
    assert read(ctx, "response.header.x-by") == "server"
    assert read(ctx, "response.status.code") == 200


async def test_response_returned_from_a_request_flow_is_readable(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.response.content = "Hello"
        message.response.headers["X-By"].CopyFrom(strings("server"))

    server.behave = answering(change)
    ctx = await run(compile_callout(), context())

    assert read(ctx, "response.content") == "Hello"
    assert read(ctx, "response.header.x-by") == "server"


async def test_error_response_is_changed_in_the_error_flow(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.error.message = "ignored"
        message.error.response.content = "sorry"
        message.error.response.headers["X-By"].CopyFrom(strings("server"))

    server.behave = answering(change)
    ctx = context(fault=Fault("steps.x.Y", "text"), error=response(503, body="closed"))
    await run(compile_callout(), ctx)

    assert (read(ctx, "error.content"), read(ctx, "error.header.x-by")) == ("sorry", "server")
    assert read(ctx, "error.message") == "text"


async def test_target_is_redirected(compile_callout: CompileCallout, server: CalloutServer) -> None:
    def change(message: Any) -> None:
        message.target.url = "http://other.example.com"
        message.target.copy_query_params = False
        message.target.expected_cn = "other"
        message.target.host = "ignored"

    server.behave = answering(change)
    ctx = context()
    ctx.phase = "TARGET_REQ_FLOW"
    ctx.target = TargetCall("default", lambda ctx: "http://one.example.com")
    await run(compile_callout(), ctx)

    assert read(ctx, "target.url") == "http://other.example.com"
    assert (read(ctx, "target.copy.queryparams"), read(ctx, "target.copy.pathsuffix")) == (False, True)
    assert (read(ctx, "target.expectedcn"), ctx.target.host) == ("other", None)


async def test_variables_are_set_with_their_type(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        variables = message.additional_flow_variables
        variables["v.text"].string = ""
        variables["v.int"].int32 = 7
        variables["v.long"].int64 = 2**40
        variables["v.flag"].bool = False
        variables["v.ratio"].double = 0.5
        variables["request.header.x-set"].string = "yes"
        variables["client.ip"].string = "read only"

    server.behave = answering(change)
    ctx = await run(compile_callout(), context())

    names = ("v.text", "v.int", "v.long", "v.flag", "v.ratio")
    assert [read(ctx, name) for name in names] == ["", 7, 2**40, False, 0.5]
    assert [type(read(ctx, name)) for name in names] == [str, int, int, bool, float]
    assert read(ctx, "request.header.x-set") == "yes"
    assert read(ctx, "client.ip") == "127.0.0.1"


async def test_variable_without_value_is_removed_with_all_below_it(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    server.behave = answering(lambda message: message.additional_flow_variables["a"].Clear())
    ctx = context(variables={"a": "1", "a.b": "2", "a.b.c": "3", "ab": "4"})
    await run(compile_callout("<FlowVariable>a</FlowVariable>"), ctx)

    assert ctx.variables == {"ab": "4"}


async def test_setting_a_parent_replaces_what_was_below_it(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.additional_flow_variables.clear()
        message.additional_flow_variables["a"].int32 = 5
        message.additional_flow_variables["a.new"].int32 = 6

    server.behave = answering(change)
    ctx = context(variables={"a.b.c": "1", "a.c": "2"})
    await run(compile_callout("<FlowVariable>a</FlowVariable>"), ctx)

    assert {name: value for name, value in ctx.variables.items() if name.startswith("a")} == {
        "a": 5,
        "a.new": 6,
    }


# ---- faults


async def test_fault_of_the_server_is_raised_even_with_continue_on_error(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    def change(message: Any) -> None:
        message.fault.name, message.fault.fault_string = "OutOfStock", "there is none left"
        message.additional_flow_variables["stock.left"].int32 = 0

    server.behave = answering(change)
    ctx = context()
    fault = await fault_of(compile_callout(), ctx)

    assert (fault.code, fault.name, fault.text, fault.status) == (
        "steps.externalcallout.OutOfStock",
        "OutOfStock",
        "there is none left",
        500,
    )
    assert fault.skip_continue_on_error
    assert read(ctx, "stock.left") == 0


EXCEPTION = "Encountered the following exception while sending the gRPC request or processing the response: "


async def test_status_of_the_server_is_an_execution_error(
    compile_callout: CompileCallout, server: CalloutServer
) -> None:
    async def refuse(message: Any, call: Any) -> Any:
        await call.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

    server.behave = refuse
    fault = await fault_of(compile_callout())

    assert fault.code == "steps.externalcallout.ExecutionError"
    assert fault.text == f"{EXCEPTION}[io.grpc.StatusRuntimeException: PERMISSION_DENIED: not you]."
    assert not fault.skip_continue_on_error


class Babbling(grpc.GenericRpcHandler):
    """Answers whatever is asked with bytes that are no message."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        async def babble(content: bytes, call: Any) -> bytes:
            return b"<html>"

        return grpc.unary_unary_rpc_method_handler(babble)


async def test_an_answer_that_is_no_message_is_an_execution_error(
    make_runtime: MakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    babbler = grpc.aio.server()
    babbler.add_generic_rpc_handlers([Babbling()])
    port = babbler.add_insecure_port("127.0.0.1:0")
    await babbler.start()
    try:
        fault = await fault_of(compile_policy(callout(), using=make_runtime(environment(port)).services))
    finally:
        await babbler.stop(None)
    assert fault.code == "steps.externalcallout.ExecutionError"
    assert fault.text.endswith("StatusRuntimeException: CANCELLED: Failed to read message.].")
    assert caplog.records == []


async def test_deadline(compile_callout: CompileCallout, server: CalloutServer) -> None:
    async def sleep(message: Any, call: Any) -> Any:
        await asyncio.sleep(5)
        return message

    server.behave = sleep
    begun = time.monotonic()
    fault = await fault_of(compile_callout(timeout=100))

    assert time.monotonic() - begun < 2
    assert fault.text.startswith(f"{EXCEPTION}[io.grpc.StatusRuntimeException: DEADLINE_EXCEEDED: ")


async def test_server_that_comes_back_is_called_again(
    make_runtime: MakeRuntime, server: CalloutServer
) -> None:
    step = compile_policy(callout(), using=make_runtime(environment(server.port)).services)
    await run(step)
    await server.stop()
    fault = await fault_of(step)
    assert "UNAVAILABLE" in fault.text

    again = await CalloutServer().start(port=server.port)
    for _ in range(50):
        try:
            await run(step)
            break
        except Fault:
            await asyncio.sleep(0.1)
    await again.stop()
    assert len(again.seen) == 1


async def test_disabled_target_server_is_unavailable(
    make_runtime: MakeRuntime, server: CalloutServer
) -> None:
    using = make_runtime(environment(server.port, enabled=False)).services

    assert "UNAVAILABLE" in (await fault_of(compile_policy(callout(), using=using))).text


# ---- where the call goes


async def test_connect_to_leads_the_call_elsewhere(make_runtime: MakeRuntime, server: CalloutServer) -> None:
    there = {"enricher.example.com:443": f"http://127.0.0.1:{server.port}"}
    around = environment(443, SSLInfo(PLACE, enabled="true"), host="enricher.example.com")
    await run(compile_policy(callout(), using=make_runtime(around, there).services))

    assert len(server.seen) == 1


# ---- authentication


def claims(metadata: str) -> dict[str, Any]:
    payload = metadata.removeprefix("Bearer ").split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


@pytest.mark.parametrize(
    ("authentication", "key", "audience"),
    [
        ("<Audience>https://a.run.app</Audience>", "authorization", "https://a.run.app"),
        ('<Audience ref="where"/>', "authorization", "https://v.run.app"),
        ('<Audience useTargetUrl="true"/>', "authorization", "https://127.0.0.1"),
        ('<Audience ref="nothing" useTargetUrl="true"/>', "authorization", "https://127.0.0.1"),
    ],
)
async def test_id_token_travels_as_metadata(
    compile_callout: CompileCallout,
    server: CalloutServer,
    authentication: str,
    key: str,
    audience: str,
) -> None:
    token = f"<Authentication><GoogleIDToken>{authentication}</GoogleIDToken></Authentication>"
    await run(compile_callout(authentication=token), context(variables={"where": "https://v.run.app"}))

    assert claims(server.metadata[0][key])["aud"] == audience


@pytest.mark.parametrize(
    ("include", "included"),
    [
        ("<IncludeEmail>true</IncludeEmail>", True),
        ('<IncludeEmail ref="yes"/>', True),
        ('<IncludeEmail ref="yes">false</IncludeEmail>', True),
        ('<IncludeEmail ref="no">true</IncludeEmail>', False),
        ('<IncludeEmail ref="unset">true</IncludeEmail>', True),
        ('<IncludeEmail ref="unset"/>', False),
        ("", False),
    ],
)
async def test_the_id_token_holds_the_email_when_asked_for(
    compile_callout: CompileCallout, server: CalloutServer, include: str, included: bool
) -> None:
    token = f"<Authentication><GoogleIDToken><Audience>a</Audience>{include}</GoogleIDToken></Authentication>"
    await run(compile_callout(authentication=token), context(variables={"yes": "true", "no": False}))

    assert ("email" in claims(server.metadata[0]["authorization"])) is included


async def test_header_name_moves_the_token(compile_callout: CompileCallout, server: CalloutServer) -> None:
    token = """<Authentication><HeaderName>X-Serverless-Authorization</HeaderName>
        <GoogleIDToken><Audience>a</Audience></GoogleIDToken></Authentication>"""
    await run(compile_callout(authentication=token))

    assert server.metadata[0]["x-serverless-authorization"].startswith("Bearer ")
    assert "authorization" not in server.metadata[0]


async def test_token_needs_an_audience(compile_callout: CompileCallout, server: CalloutServer) -> None:
    token = "<Authentication><GoogleIDToken><Audience/></GoogleIDToken></Authentication>"
    fault = await fault_of(compile_callout(authentication=token))

    assert (fault.code, fault.status) == ("googletoken.EmptyIDTokenAudience", 500)
    assert server.seen == []


# ---- TLS


def keystore(name: str, pem: str, key: str | None = None, password: str | None = None) -> dict[str, Keystore]:
    return {name: Keystore(name, {"main": KeyAlias("main", pem, key, password, PLACE)}, PLACE)}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


Secure = Callable[..., Awaitable[CalloutServer]]


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[Secure]:
    """Starts TLS servers: `secure(name, client_authority=…)`."""
    started = []

    async def start(name: str, clients: Authority | None = None) -> CalloutServer:
        pair = authority.issue(name)
        credentials = grpc.ssl_server_credentials(
            [(pair.key.encode(), pair.certificate.encode())],
            clients.pem.encode() if clients is not None else None,
            clients is not None,
        )
        server = await CalloutServer().start(credentials)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


def tls(**settings: Any) -> SSLInfo:
    return SSLInfo(PLACE, enabled="true", **settings)


async def test_truststore_decides_whom_to_trust(
    make_runtime: MakeRuntime, secure: Secure, authority: Authority
) -> None:
    server = await secure("localhost")
    settings = tls(trust_store="trusted")
    trusting = environment(server.port, settings, keystore("trusted", authority.pem), "localhost")
    wary = environment(server.port, settings, keystore("trusted", Authority().pem), "localhost")

    await run(compile_policy(callout(), using=make_runtime(trusting).services))
    fault = await fault_of(compile_policy(callout(), using=make_runtime(wary).services))
    assert "UNAVAILABLE" in fault.text
    assert len(server.seen) == 1


async def test_common_name_is_the_name_the_certificate_must_have(
    make_runtime: MakeRuntime, secure: Secure, authority: Authority
) -> None:
    server = await secure("enricher.internal")
    stores = keystore("trusted", authority.pem)
    named = tls(trust_store="trusted", common_name="enricher.internal")
    other = tls(trust_store="trusted", common_name="somebody.else")

    await run(compile_policy(callout(), using=make_runtime(environment(server.port, named, stores)).services))
    fault = await fault_of(
        compile_policy(callout(), using=make_runtime(environment(server.port, other, stores)).services)
    )
    assert "UNAVAILABLE" in fault.text


@pytest.mark.parametrize("name", ["anything.internal", "*.internal"])
async def test_without_truststore_no_certificate_is_checked(
    make_runtime: MakeRuntime, secure: Secure, name: str
) -> None:
    server = await secure(name)
    await run(compile_policy(callout(), using=make_runtime(environment(server.port, tls())).services))

    assert len(server.seen) == 1


@pytest.mark.parametrize("password", [None, "secret"])
async def test_client_shows_its_certificate(
    make_runtime: MakeRuntime, secure: Secure, authority: Authority, password: str | None
) -> None:
    server = await secure("localhost", authority)
    pair: Pair = authority.issue("gateway")
    key = pair.locked(password) if password else pair.key
    stores = keystore("trusted", authority.pem) | keystore("own", pair.certificate, key, password)
    settings = tls(trust_store="trusted", client_auth_enabled="true", key_store="ref://own", key_alias="main")
    around = environment(server.port, settings, stores, "localhost")
    await run(compile_policy(callout(), using=make_runtime(around).services))

    nameless = environment(server.port, tls(trust_store="trusted"), stores, "localhost")
    fault = await fault_of(compile_policy(callout(), using=make_runtime(nameless).services))
    assert "UNAVAILABLE" in fault.text


@pytest.mark.parametrize(
    ("settings", "stores"),
    [
        ({"trust_store": "missing"}, {}),
        ({"trust_store": "broken"}, keystore("broken", "no PEM at all")),
        (
            {"client_auth_enabled": "true", "key_store": "own", "key_alias": "other"},
            keystore("own", "x", "y"),
        ),
        (
            {"client_auth_enabled": "true", "key_store": "own", "key_alias": "main"},
            keystore("own", "x", "y"),
        ),
    ],
)
async def test_unusable_keys_and_certificates(
    make_runtime: MakeRuntime, server: CalloutServer, settings: dict[str, str], stores: dict[str, Keystore]
) -> None:
    around = environment(server.port, tls(**settings), stores)
    fault = await fault_of(compile_policy(callout(), using=make_runtime(around).services))

    assert (fault.code, fault.status) == ("GrpcTlsInitFailed", 500)


async def test_closed_port_is_told_at_once(make_runtime: MakeRuntime) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.monotonic()
    fault = await fault_of(compile_policy(callout(), using=make_runtime(environment(port)).services))

    assert "UNAVAILABLE" in fault.text
    assert time.monotonic() - begun < 2
