"""Traces: transactions of an Apigee emulator, of a debug session of Apigee X, or the XML that Edge's trace tool downloads.

A trace shows the request, what was sent to the target, its answer and the response. Bodies may be cut off by the platform,
and masks of the debug session stay masked. Times are those of the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.xml import Node, XmlError, parse_xml
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import BadRecording

#: Platforms cut what a trace shows of a body.
_CUT = 10_000


def read_trace(path: Path) -> Iterator[Exchange]:
    """The finished transactions of a trace, JSON or XML. Raises BadRecording, OSError."""
    data = path.read_bytes()
    try:
        messages = (
            _xml_messages(parse_xml(data, str(path), len(data) + 1)) if data.lstrip()[:1] == b"<" else None
        )
        if messages is None:
            content = json.loads(data)
            if isinstance(content, dict):
                content = content.get(
                    "Messages", content.get("messages", [content] if "point" in content else None)
                )
            messages = content if isinstance(content, list) else None
    except (ValueError, XmlError) as error:
        raise BadRecording(f"{path}: this is no trace: {error}. Export the session again.") from None
    if messages is None:
        raise BadRecording(f"{path}: this is no trace: it has no Messages. Export the whole debug session.")
    for number, message in enumerate(messages, 1):
        try:
            found = _exchange(message, str(number))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadRecording(
                f"{path}: transaction {number} of the trace cannot be read: {type(error).__name__} {error}. "
                "Each needs a list of points with their results."
            ) from None
        if found is not None:
            yield found


def _exchange(message: Mapping[str, Any], number: str) -> Exchange | None:
    """One transaction; None for one without a request (it was cut off)."""
    request: Request | None = None
    response: Response | None = None
    to_target: Request | None = None
    from_target: Response | None = None
    times: list[float] = []
    sent = answered = 0.0
    target_url, failure = "", ""
    notes: list[str] = []
    for point in message["point"]:
        state = ""
        for result in point.get("results", ()):
            kind = result.get("ActionResult")
            if kind == "DebugInfo":
                times.append(_seconds(result.get("timestamp", "")))
                properties = _properties(result)
                state = properties.get("To", state) if point["id"] == "StateChange" else state
                target_url = properties.get("target.url", target_url)
                if properties.get("error.class"):
                    failure = properties.get("error.cause") or properties["error.class"]
            elif kind == "VariableAccess":
                for access in result.get("accessList", ()):
                    for held in access.values():
                        if held.get("name") in ("target.url", "request.url") and held.get("value"):
                            target_url = str(held["value"])
            elif kind in ("RequestMessage", "TargetRequestMessage"):
                found = _request(result, notes)
                if request is None:
                    request = found
                if state == "REQ_SENT" or kind == "TargetRequestMessage":
                    to_target, sent = found, times[-1] if times else 0.0
            elif kind in ("ResponseMessage", "TargetResponseMessage", "ResponseMessageSent", "ErrorMessage"):
                made = _response(result, notes)
                if made is None:
                    continue
                if state == "RESP_START" or kind == "TargetResponseMessage":
                    from_target, answered = made, times[-1] if times else 0.0
                response = made
    if request is None:
        return None
    begun = times[0] if times else 0.0
    calls: tuple[UpstreamCall, ...] = ()
    if to_target is not None:
        url = _absolute(target_url, to_target)
        calls = (
            UpstreamCall(
                "target",
                Request(to_target.method, url, to_target.headers, to_target.body),
                from_target,
                "" if from_target is not None else "unfinished",
                "" if from_target is not None else failure,
                round(max(sent - begun, 0.0) * 1000, 3),
                round(max(answered - sent, 0.0) * 1000, 3),
            ),
        )
        notes.append("imported from a trace: calls of policies are not in it")
    if not message.get("completed", True):
        notes.append("the transaction was not finished when the trace was taken")
    return Exchange(
        id=str(message.get("messageId") or number),
        request=request,
        response=response,
        calls=calls,
        at=begun,
        millis=round(max((times[-1] if times else 0.0) - begun, 0.0) * 1000, 3),
        notes=tuple(dict.fromkeys(notes)),
    )


def _properties(result: Mapping[str, Any]) -> dict[str, str]:
    held = (result.get("properties") or {}).get("property") or ()
    return {item["name"]: str(item.get("value", "")) for item in held}


def _request(result: Mapping[str, Any], notes: list[str]) -> Request:
    return Request(
        result.get("verb") or "GET",
        result.get("uRI") or result.get("URI") or "/",
        _headers(result),
        _body(result, notes),
    )


def _response(result: Mapping[str, Any], notes: list[str]) -> Response | None:
    status = str(result.get("statusCode") or "")
    if not status.isdigit():
        return None
    return Response(
        int(status), _headers(result), _body(result, notes), str(result.get("reasonPhrase") or "")
    )


def _headers(result: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(item["name"]), str(item.get("value", ""))) for item in result.get("headers") or ())


def _body(result: Mapping[str, Any], notes: list[str]) -> bytes:
    body = str(result.get("content") or result.get("body") or "").encode("utf-8", "surrogatepass")
    if len(body) >= _CUT:
        notes.append("a body may be cut off: traces show the first 10 kB only")
    return body


def _absolute(target_url: str, request: Request) -> str:
    """The target's origin with the path that was sent."""
    if request.origin or not target_url:
        return request.url
    origin = Request("GET", target_url).origin
    return f"{origin}{request.target}" if origin else request.url


def _seconds(text: str) -> float:
    """`28-08-26 22:56:40:215`, taken as UTC; 0.0 for another form."""
    try:
        return datetime.strptime(text + "000", "%d-%m-%y %H:%M:%S:%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


# ---- XML


def _xml_messages(root: Node) -> list[dict[str, Any]] | None:
    """Edge's XML in the form of the JSON."""
    if root.tag != "DebugSession":
        return None
    return [
        {
            "messageId": message.child_text("DebugId", ""),
            "completed": True,
            "point": [_xml_point(point) for point in message.walk() if point.tag == "Point"],
        }
        for message in root.walk()
        if message.tag == "Message"
    ]


def _xml_point(point: Node) -> dict[str, Any]:
    return {"id": point.attributes.get("id", ""), "results": [_xml_result(node) for node in point.children]}


def _xml_result(node: Node) -> dict[str, Any]:
    headers = node.child("Headers")
    properties = node.child("Properties")
    return {
        "ActionResult": node.tag,
        "timestamp": node.child_text("Timestamp", ""),
        "properties": {
            "property": [
                {"name": item.attributes.get("name", ""), "value": item.text}
                for item in (properties.all("Property") if properties is not None else ())
            ]
        },
        "verb": node.child_text("Verb", ""),
        "uRI": node.child_text("URI", ""),
        "statusCode": node.child_text("StatusCode", ""),
        "reasonPhrase": node.child_text("ReasonPhrase", ""),
        "headers": [
            {"name": item.attributes.get("name", ""), "value": item.text}
            for item in (headers.all("Header") if headers is not None else ())
        ],
        "content": node.child_text("Content", ""),
    }
