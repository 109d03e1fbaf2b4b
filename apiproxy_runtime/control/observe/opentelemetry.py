"""Spans for OpenTelemetry: one for each transaction, with one for each step and each outgoing call below it.

The SDK is configured by its own environment variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
OTEL_TRACES_SAMPLER, …). A caller's `traceparent` is taken up, and every call gets one that names its own span. Names of
attributes follow the semantic conventions for HTTP; what they have no name for begins with `apiproxy.`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from apiproxy_runtime import __version__
from apiproxy_runtime.control.observe.concealed import Concealed
from apiproxy_runtime.control.observe.outcome import address_of, status_of
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.observation import UNKNOWN, Observer
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.secrecy import redacted_query, redacted_uri
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step

#: Seconds that spans get to be sent when the process stops.
PATIENCE = 5.0


class Tracing:
    """Makes the spans of one process. `attach` has a runtime watched."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        attributes = {"service.version": __version__}
        named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        if not named:
            attributes["service.name"] = "apiproxy-runtime"
        self.provider = TracerProvider(resource=Resource.create(dict(attributes)))
        exporters = environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
        if "otlp" in exporters:
            self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        if "console" in exporters:
            self.provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        self._tracer = self.provider.get_tracer("apiproxy-runtime", __version__)

    def attach(self, runtime: Runtime) -> None:
        runtime.watch(_Watch(self._tracer, Concealed(runtime)))

    async def close(self) -> None:
        """Send what is left, for some seconds at most; a collector that is out of reach holds up nobody."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self.provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has not waited
                loop.call_soon_threadsafe(sent.set)

        threading.Thread(target=shut_down, daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sent.wait(), PATIENCE)


class _Watch:
    """Begins the span of each transaction."""

    def __init__(self, tracer: trace.Tracer, concealed: Concealed) -> None:
        self._tracer = tracer
        self._concealed = concealed
        self._propagated = sorted(name.lower() for name in propagate.get_global_textmap().fields)

    def observer(self, ctx: MessageContext, exchange: Exchange) -> Observer:
        fields = ctx.request.headers.fields
        carrier = {name: ",".join(fields[name][1:]) for name in self._propagated if name in fields}
        above = propagate.extract(carrier)
        return _Spans(self._tracer, self._concealed.names(), ctx, above, SpanKind.SERVER)


class _Spans:
    """The spans of one transaction. Of one that is not sampled only the calls are told, by their `traceparent`."""

    def __init__(
        self,
        tracer: trace.Tracer,
        secrets: frozenset[str],
        ctx: MessageContext,
        above: Context,
        kind: SpanKind,
    ) -> None:
        self._tracer = tracer
        self._secrets = secrets
        self._ctx = ctx
        self._root = tracer.start_span(
            f"{ctx.request.verb} {ctx.base_path}",
            above,
            kind,
            start_time=_nanoseconds(ctx.client.received_start),
        )
        self._recording = self._root.is_recording()
        if self._recording:
            self._root.set_attributes(_attributes(ctx, secrets))
        self._context = trace.set_span_in_context(self._root, above)
        #: open steps, the innermost last
        self._steps: list[tuple[Step, Span, Context]] = []
        self._calls: dict[int, Span] = {}
        #: of proxies that this one called; nobody tells when these end, so that their last sign of life counts
        self._within: list[_Spans] = []
        self._last = time.time_ns()

    def _innermost(self) -> Context:
        return self._steps[-1][2] if self._steps else self._context

    # ---- steps

    def step_begins(self, ctx: MessageContext, step: Step) -> None:
        if self._recording:
            attributes = {"apiproxy.policy.type": step.kind, "apiproxy.flow": ctx.flow_name or ""}
            above = self._innermost()
            span = self._tracer.start_span(step.policy, above, SpanKind.INTERNAL, attributes)
            self._steps.append((step, span, trace.set_span_in_context(span, above)))

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None:
        self._last = time.time_ns()
        while self._steps:
            open_step, span, _ = self._steps.pop()
            if open_step is step:
                if fault is not None:
                    span.set_status(Status(StatusCode.ERROR, fault.text))
                    span.set_attribute("error.type", fault.code)
                span.end()
                return
            span.end()

    # ---- calls

    def call_begins(self, ctx: MessageContext, call: Call) -> None:
        address, _, _ = call.url.partition("?")
        span = self._tracer.start_span(
            call.request.verb,
            self._innermost(),
            SpanKind.CLIENT,
            {
                "http.request.method": call.request.verb,
                "url.full": _text(redacted_uri(call.url, self._secrets)),
                "server.address": address.partition("://")[2].partition("/")[0],
                "apiproxy.call": call.purpose,
            },
        )
        self._calls[id(call)] = span
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span, self._innermost()))
        if call.purpose != "target" and call.request.stream is None:
            # a callout's message may be one that others read or send on
            call.request = call.request.copy()
        for name, value in carrier.items():
            call.request.headers.set(name, value)

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None:
        self._last = time.time_ns()
        span = self._calls.pop(id(call), None)
        if span is not None:
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 400:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", str(response.status))
            span.end()

    # ---- the transaction

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None:
        self._root.add_event(
            "fault",
            {"apiproxy.fault.name": fault.name, "apiproxy.policy": fault.policy or "", "message": fault.text},
        )

    def transaction_ends(self, ctx: MessageContext) -> None:
        for spans in self._within:
            spans.transaction_ends(spans._ctx)
        for span in self._calls.values():
            span.set_status(Status(StatusCode.ERROR, "no answer"))
            span.end()
        self._calls.clear()
        while self._steps:
            self._steps.pop()[1].end()
        client, answer = ctx.client, ctx.error if ctx.fault is not None else ctx.response
        chained = ctx.depth > 0
        if not self._recording:
            return
        status = answer.status if chained and answer is not None else status_of(ctx)
        self._root.set_attribute("http.response.status_code", status)
        if ctx.target is not None:
            self._root.set_attribute("apiproxy.target", ctx.target.name)
        if status >= 500:
            self._root.set_status(Status(StatusCode.ERROR))
            self._root.set_attribute("error.type", ctx.fault.code if ctx.fault is not None else str(status))
        if chained:
            self._root.end(self._last)
        else:
            self._root.end(_nanoseconds(client.sent_end) if client.sent_end else None)

    def inner(self, ctx: MessageContext) -> Observer:
        spans = _Spans(self._tracer, self._secrets, ctx, self._innermost(), SpanKind.INTERNAL)
        self._within.append(spans)
        return spans

    # ---- what makes no span

    def flow_begins(self, ctx: MessageContext, name: str) -> None: ...

    def condition_begins(self, ctx: MessageContext, step: Step) -> None: ...

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None: ...

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None: ...

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None: ...

    def step_disabled(self, ctx: MessageContext, step: Step) -> None: ...

    def route_chosen(self, ctx: MessageContext, route: Route) -> None: ...

    def variable_read(self, name: str, value: Any) -> None: ...

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None: ...

    def printed(self, ctx: MessageContext, text: str) -> None: ...


def _attributes(ctx: MessageContext, secrets: frozenset[str]) -> dict[str, str]:
    """What is known of a transaction when it begins."""
    client, deployment = ctx.client, ctx.deployment
    path, _, query = client.request_uri.partition("?")
    found = {
        "http.request.method": ctx.request.verb,
        "http.route": ctx.base_path,
        "url.path": _text(path),
        "url.scheme": client.scheme,
        "client.address": address_of(ctx),
        "apiproxy.organization": deployment.organization,
        "apiproxy.environment": deployment.environment,
        "apiproxy.name": deployment.proxy,
        "apiproxy.revision": deployment.revision,
        "apiproxy.endpoint": ctx.endpoint_name,
    }
    if query:
        found["url.query"] = _text(redacted_query(query, secrets))
    agent = ctx.request.headers.get("User-Agent")
    if agent:
        found["user_agent.original"] = _text(agent)
    return found


def _text(text: str) -> str:
    """What callers sent, as text that can be sent on: bytes that are no UTF-8 would cost a whole batch of spans."""
    return text.encode("utf-8", "replace").decode()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
