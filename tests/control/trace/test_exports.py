"""A transaction as HAR and as OpenTelemetry spans."""

from __future__ import annotations

import json
import re
from pathlib import Path

from apiproxy_runtime.control.trace.har import transaction_har
from apiproxy_runtime.control.trace.otel import transaction_spans
from apiproxy_runtime.rehearsal.har import exchange_of as read_entry
from tests.control.trace.recording import recorded, transaction_of
from tests.house import proxy, raise_fault, steps, target, write_bundle

CALLOUT = """<ServiceCallout name="Ask"><Request><Set><Verb>GET</Verb></Set></Request><Response>told</Response>
<HTTPTargetConnection><URL>http://up.test/ask?q=1</URL></HTTPTargetConnection></ServiceCallout>"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def bundle(folder: Path, request: str = "") -> Path:
    return write_bundle(
        folder,
        "p",
        {
            "proxies/default.xml": proxy("/p", request=request or steps("Ask", Stop='request.verb = "PUT"')),
            "targets/default.xml": target(),
            "policies/Ask.xml": CALLOUT,
            "policies/Stop.xml": raise_fault("Stop", 503),
        },
    )


async def test_har_reads_back_as_the_exchange_with_its_calls(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path)) as (home, session):
        await home.call("POST", "/p/x?a=%20b", data=b'{"a":1}', headers={"Content-Type": "application/json"})
        transaction = await transaction_of(session)
    har = json.loads(json.dumps(transaction_har(transaction, "http://127.0.0.1:8998")))
    assert har["log"]["version"] == "1.2"
    (entry,) = har["log"]["entries"]
    assert entry["request"]["url"] == "http://127.0.0.1:8998/p/x?a=%20b"
    exchange = read_entry(entry, "1")
    assert exchange.request.body == b'{"a":1}'
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert [(call.purpose, call.request.url) for call in exchange.calls] == [
        ("callout", "http://up.test/ask?q=1"),
        ("target", "http://up.test/x?a=%20b"),
    ]
    assert all(call.response is not None and call.response.status == 200 for call in exchange.calls)
    assert exchange.millis > 0


async def test_spans_form_a_tree_below_the_callers_span(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path)) as (home, session):
        await home.get("/p/x", headers={"traceparent": PARENT})
        transaction = await transaction_of(session)
    (resource,) = transaction_spans(transaction)["resourceSpans"]
    attributes = {item["key"]: item["value"] for item in resource["resource"]["attributes"]}
    assert attributes["service.name"] == {"stringValue": "p"}
    spans = resource["scopeSpans"][0]["spans"]
    named = {span["name"]: span for span in spans}
    assert list(named) == ["GET /p", "Ask", "GET callout", "GET target"]
    root, ask, callout, to_target = named.values()
    assert {span["traceId"] for span in spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert root["parentSpanId"] == "b7ad6b7169203331"
    assert ask["parentSpanId"] == root["spanId"] == to_target["parentSpanId"]
    assert callout["parentSpanId"] == ask["spanId"]
    assert [span["kind"] for span in (root, ask, callout)] == [2, 1, 3]
    assert len({span["spanId"] for span in spans}) == len(spans)
    for span in spans:
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"])


async def test_a_fault_is_an_exception_of_the_root_and_an_error_of_its_step(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path, steps("Stop"))) as (home, session):
        await home.get("/p")
        transaction = await transaction_of(session)
    root, stop = transaction_spans(transaction)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert root["status"]["code"] == stop["status"]["code"] == 2
    assert root["events"][0]["name"] == "exception"
    assert "parentSpanId" not in root
