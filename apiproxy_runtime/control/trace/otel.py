"""A transaction as spans: the JSON of OpenTelemetry's protocol (OTLP), as collectors take it at `/v1/traces`.

Ids are hexadecimal and times are nanoseconds as strings, as the OTLP specification asks of its JSON. The request is a
server span, each step an internal one, each outgoing call a client one; a traceparent header is the parent.
"""

from __future__ import annotations

import re
from typing import Any

from apiproxy_runtime import __version__
from apiproxy_runtime.control.trace.transaction import CallMade, Raised, StepTaken, Transaction

Json = dict[str, Any]

_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_ERROR = 2
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def transaction_spans(transaction: Transaction) -> Json:
    """An OTLP trace request with the spans of one transaction."""
    trace, parent = _parent(transaction)
    spans = [_root(transaction, trace, parent)]
    open_spans: list[tuple[int, str]] = [(-1, spans[0]["spanId"])]
    for number, item in enumerate(transaction.points, 1):
        if isinstance(item, StepTaken):
            if item.outcome in ("skipped", "disabled"):
                continue
            span = _step(transaction, item)
        elif isinstance(item, CallMade):
            span = _call(transaction, item)
        else:
            continue
        while open_spans[-1][0] >= item.depth:
            open_spans.pop()
        span |= {"traceId": trace, "spanId": f"{_seed(transaction) + number & (1 << 64) - 1:016x}"}
        span["parentSpanId"] = open_spans[-1][1]
        open_spans.append((item.depth, span["spanId"]))
        spans.append(span)
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": _attributes(
                        {
                            "service.name": transaction.proxy,
                            "service.version": transaction.revision,
                            "deployment.environment.name": transaction.environment,
                        }
                    )
                },
                "scopeSpans": [
                    {"scope": {"name": "apiproxy-runtime", "version": __version__}, "spans": spans}
                ],
            }
        ]
    }


def _root(transaction: Transaction, trace: str, parent: str) -> Json:
    path, _, query = transaction.uri.partition("?")
    span = _span(
        transaction,
        f"{transaction.method} {transaction.base_path}",
        _SERVER,
        0.0,
        transaction.took,
        {
            "http.request.method": transaction.method,
            "http.route": transaction.base_path,
            "url.path": path,
            "url.query": query,
            "client.address": transaction.client,
            "http.response.status_code": transaction.status,
            "apigee.organization": transaction.organization,
            "apigee.proxy.endpoint": transaction.endpoint,
            "apigee.route": transaction.route,
            "apigee.target.endpoint": transaction.target,
        },
    )
    span |= {"traceId": trace, "spanId": f"{_seed(transaction):016x}"}
    if parent:
        span["parentSpanId"] = parent
    if transaction.status >= 500:
        span["status"] = {"code": _ERROR}
    span["events"] = [
        _event(
            transaction, item.at, "exception", {"exception.type": item.code, "exception.message": item.text}
        )
        for item in transaction.points
        if isinstance(item, Raised)
    ]
    return span


def _step(transaction: Transaction, step: StepTaken) -> Json:
    span = _span(
        transaction,
        step.policy,
        _INTERNAL,
        step.at,
        step.took,
        {
            "apigee.policy.name": step.policy,
            "apigee.policy.type": step.kind,
            "apigee.flow.state": step.phase,
            "apigee.condition": step.condition,
            "code.file.path": step.file,
            "code.line.number": step.line,
        },
    )
    if step.fault is not None:
        span["status"] = {"code": _ERROR, "message": f"{step.fault.code}: {step.fault.text}"}
    return span


def _call(transaction: Transaction, call: CallMade) -> Json:
    status = call.response.status if call.response is not None else 0
    span = _span(
        transaction,
        f"{call.request.verb} {call.purpose}",
        _CLIENT,
        call.at,
        call.took,
        {
            "http.request.method": call.request.verb,
            "url.full": call.url,
            "http.response.status_code": status,
            "apigee.call.purpose": call.purpose,
        },
    )
    if status >= 400 or not status:
        span["status"] = {"code": _ERROR}
    return span


def _span(
    transaction: Transaction, name: str, kind: int, at: float, took: float, attributes: dict[str, str | int]
) -> Json:
    return {
        "name": name,
        "kind": kind,
        "startTimeUnixNano": _nanos(transaction.started + at),
        "endTimeUnixNano": _nanos(transaction.started + at + took),
        "attributes": _attributes(attributes),
    }


def _event(transaction: Transaction, at: float, name: str, attributes: dict[str, str | int]) -> Json:
    return {
        "name": name,
        "timeUnixNano": _nanos(transaction.started + at),
        "attributes": _attributes(attributes),
    }


def _attributes(values: dict[str, str | int]) -> list[Json]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
        if value
    ]


def _nanos(seconds: float) -> str:
    return str(round(seconds * 1e6) * 1000)


def _seed(transaction: Transaction) -> int:
    return int(transaction.id[:16], 16) or 1


def _parent(transaction: Transaction) -> tuple[str, str]:
    """The trace that the request belongs to, and the span that it came from."""
    for name, value in transaction.request.headers:
        if name.lower() == "traceparent" and (match := _TRACEPARENT.fullmatch(value.strip())):
            return match.group(1), match.group(2)
    return transaction.id, ""
