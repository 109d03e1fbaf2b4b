"""What the report shows of one case: both answers, both sides' calls and steps, and the line that repeats the request."""

from __future__ import annotations

import shlex
from typing import Any

from apiproxy_runtime.rehearsal.compare.body import as_text, decoded
from apiproxy_runtime.rehearsal.exchange import Exchange, HeaderPairs, Request
from apiproxy_runtime.rehearsal.outcome import Outcome

#: Longest text of a body that a report shows.
BODY = 8000
#: Most calls and steps that a report shows of one side.
LISTED = 100


def view_of(case: Exchange, before: Outcome, after: Outcome) -> dict[str, Any]:
    """The evidence, as plain JSON."""
    request = case.request
    return {
        "request": _request(request),
        "curl": curl(request),
        "before": _outcome(before),
        "after": _outcome(after),
    }


def curl(request: Request) -> str:
    """A shell line that sends the request to the gateway in `$BASE`."""
    words = ["curl", "-i", "-X", request.method] if request.method != "GET" else ["curl", "-i"]
    for name, value in request.headers:
        if name.lower() not in ("host", "content-length", "connection"):
            words += ["-H", f"{name}: {value}"]
    line = " ".join(shlex.quote(word) for word in words)
    if request.body:
        text = _text(request.headers, request.body)
        line += f" --data-binary {shlex.quote(text)}"
    return f'{line} "$BASE"{shlex.quote(request.target)}'


def _request(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers],
        "body": _text(request.headers, request.body),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"calls": [_call(call.purpose, call.request) for call in outcome.calls[:LISTED]]}
    response = outcome.response
    if response is None:
        told["failure"] = outcome.failure or "no answer"
    else:
        told["status"] = response.status
        told["headers"] = [list(pair) for pair in response.headers]
        told["body"] = _text(response.headers, response.body)
    if outcome.trace is not None:
        told["steps"] = outcome.trace.steps[:LISTED]
    told["effects"] = [list(effect[:3]) for effect in outcome.effects[:LISTED]]
    return told


def _call(purpose: str, request: Request) -> dict[str, Any]:
    return {"purpose": purpose, **_request(request)}


def _text(headers: HeaderPairs, body: bytes) -> str:
    if not body:
        return ""
    plain = decoded(headers, body)
    text = as_text(headers, plain[: BODY * 4])
    if "\0" in text or text.count("\ufffd") * 10 > len(text):
        return f"({len(body)} bytes)"
    return text if len(text) <= BODY else f"{text[:BODY]}… ({len(plain)} bytes)"
