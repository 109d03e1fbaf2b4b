"""Spans, as a collector receives them from a running process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.control.events.stage import Receiver, serving, until
from tests.control.observe.process import Served, served
from tests.house import note, proxy, raise_fault, steps, target, write_bundle

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@dataclass
class Collector:
    """Receives spans by OTLP over HTTP."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            self.resources.append(attributes(resource.resource))
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response(content_type="application/x-protobuf")

    def span(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def attributes(holder: Any) -> dict[str, Any]:
    return {entry.key: entry.value.int_value or entry.value.string_value for entry in holder.attributes}


@contextlib.asynccontextmanager
async def collecting(
    bundle: Path, *arguments: str, **environment: str
) -> AsyncIterator[tuple[Served, Collector, Receiver]]:
    """A process that sends its spans to a collector, and calls for `up.test` to a receiver."""
    collector, upstream = Collector(), Receiver()
    collect, up = web.Application(), web.Application()
    collect.router.add_post("/v1/traces", collector.handle)
    up.router.add_route("*", "/{tail:.*}", upstream.handle)
    async with serving(collect) as url, serving(up) as up_url:
        options = ("--port", "0", "--state", "memory", "--connect-to", f"up.test={up_url}", *arguments)
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50", **environment}
        async with served(bundle.parent, str(bundle), *options, **settings) as one:
            yield one, collector, upstream


def calls(folder: Path) -> Path:
    """A proxy with a step, a callout and a target."""
    callout = """<ServiceCallout name="SC"><Request variable="r"/><Response>answer</Response>
<HTTPTargetConnection><URL>http://up.test/callout</URL></HTTPTargetConnection></ServiceCallout>"""
    files = {
        "proxies/default.xml": proxy("/t", request=steps("N", "SC")),
        "targets/default.xml": target(),
        "policies/N.xml": note("N"),
        "policies/SC.xml": callout,
    }
    return write_bundle(folder, "calls", files)


async def test_transaction_steps_and_calls_are_one_trace_that_goes_on_with_the_callers(
    tmp_path: Path,
) -> None:
    async with collecting(calls(tmp_path), OTEL_SERVICE_NAME="shop") as (one, collector, upstream):
        headers = {"traceparent": PARENT}
        async with one.session.get(f"{one.traffic}/t/a?apikey=s3cret", headers=headers) as response:
            assert response.status == 200
        await until(lambda: len(collector.spans) == 5, 10)

    assert {resource["service.name"] for resource in collector.resources} == {"shop"}
    server = collector.span("GET /t")
    assert server.trace_id.hex() == PARENT.split("-")[1]
    assert server.parent_span_id.hex() == PARENT.split("-")[2]
    told = attributes(server)
    assert (told["http.request.method"], told["http.route"], told["http.response.status_code"]) == (
        "GET",
        "/t",
        200,
    )
    assert (told["apiproxy.name"], told["url.query"]) == ("calls", "apikey=REDACTED")
    note_span, callout = collector.span("N"), collector.span("SC")
    assert attributes(note_span)["apiproxy.policy.type"] == "AssignMessage"
    assert note_span.parent_span_id == callout.parent_span_id == server.span_id
    clients = {attributes(span)["url.full"]: span for span in collector.spans if span.kind == 3}
    assert set(clients) == {"http://up.test/callout", "http://up.test/a?apikey=REDACTED"}
    assert clients["http://up.test/callout"].parent_span_id == callout.span_id
    assert clients["http://up.test/a?apikey=REDACTED"].parent_span_id == server.span_id
    assert {span.trace_id for span in collector.spans} == {server.trace_id}
    for received, (_, span) in zip(upstream.seen, sorted(clients.items(), reverse=True), strict=True):
        assert received.headers["traceparent"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


async def test_fault_marks_its_step_and_a_5xx_the_transaction(tmp_path: Path) -> None:
    files = {
        "proxies/default.xml": proxy("/f", request=steps("RF"), routes='<RouteRule name="n"/>'),
        "policies/RF.xml": raise_fault("RF", 503),
    }
    async with collecting(write_bundle(tmp_path, "f", files)) as (one, collector, _):
        async with one.session.get(f"{one.traffic}/f") as response:
            assert response.status == 503
        await until(lambda: len(collector.spans) == 2, 10)

    step, server = collector.span("RF"), collector.span("GET /f")
    assert (step.status.code, server.status.code) == (2, 2)
    assert attributes(server)["error.type"] == "steps.raisefault.RaiseFault"
    assert [event.name for event in server.events] == ["fault"]


async def test_what_the_caller_does_not_sample_makes_no_spans_and_says_so_further_on(tmp_path: Path) -> None:
    async with collecting(calls(tmp_path)) as (one, collector, upstream):
        for parent in (UNSAMPLED, PARENT):
            async with one.session.get(f"{one.traffic}/t", headers={"traceparent": parent}) as response:
                assert response.status == 200
        await until(lambda: len(collector.spans) == 5, 10)

    flags = [received.headers["traceparent"].split("-")[3] for received in upstream.seen]
    assert flags == ["00", "00", "01", "01"]
    assert {received.headers["traceparent"].split("-")[1] for received in upstream.seen} == {
        PARENT.split("-")[1]
    }


async def test_bytes_that_are_no_text_cost_no_spans(tmp_path: Path) -> None:
    async with collecting(calls(tmp_path)) as (one, collector, _):
        port = int(one.traffic.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"GET /t HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\r\nConnection: close\r\n\r\n"
        writer.write(head)
        answer = await reader.read()
        writer.close()
        await until(lambda: len(collector.spans) == 5, 10)

    assert answer.startswith(b"HTTP/1.1 200")
    assert attributes(collector.span("GET /t"))["user_agent.original"] == "??"


async def test_collector_out_of_reach_holds_up_neither_requests_nor_the_end(tmp_path: Path) -> None:
    bundle = calls(tmp_path)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    async with collecting(bundle, **environment) as (one, _, _):
        async with one.session.get(f"{one.traffic}/t") as response:
            assert response.status == 200


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
async def test_switched_off_it_leaves_requests_as_they_are(tmp_path: Path, variable: str) -> None:
    name, _, value = variable.partition("=")
    async with collecting(calls(tmp_path), **{name: value}) as (one, _, upstream):
        async with one.session.get(f"{one.traffic}/t") as response:
            assert response.status == 200

    assert all("traceparent" not in received.headers for received in upstream.seen)
