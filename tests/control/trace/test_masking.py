"""What a recording hides: `private.` variables always, and what the debug mask names, before anything is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.control.trace.har import transaction_har
from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.otel import transaction_spans
from apiproxy_runtime.control.trace.pagejson import details
from apiproxy_runtime.control.trace.transactionjson import transaction_json
from tests.control.trace.recording import recorded, step, transaction_of
from tests.house import proxy, steps, target, write_bundle

SECRET = "hunter2"
KEEP = f"""<AssignMessage name="Keep"><AssignVariable><Name>private.key</Name><Value>{SECRET}</Value></AssignVariable>
<AssignVariable><Name>shown</Name><Value>yes</Value></AssignVariable></AssignMessage>"""
COPY = """<AssignMessage name="Copy"><AssignVariable><Name>card</Name><Ref>request.header.X-Card</Ref></AssignVariable>
<AssignVariable><Name>body</Name><Ref>request.content</Ref></AssignVariable></AssignMessage>"""


def bundle(folder: Path) -> Path:
    return write_bundle(
        folder,
        "p",
        {
            "proxies/default.xml": proxy("/p", request=steps("Keep", "Copy")),
            "targets/default.xml": target(),
            "policies/Keep.xml": KEEP,
            "policies/Copy.xml": COPY,
        },
    )


async def test_private_variables_are_hidden_and_others_shown(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path)) as (home, session):
        await home.get("/p", headers={"Authorization": "Bearer t"})
        transaction = await transaction_of(session)
    values = {access.name: access.value for access in step(transaction, "Keep").accesses}
    assert values["private.key"] == "*****"
    assert values["shown"] == "yes"
    assert SECRET not in json.dumps(details(transaction))
    assert ("Authorization", "Bearer t") in transaction.request.headers


async def test_no_form_of_a_transaction_holds_what_the_mask_names(tmp_path: Path) -> None:
    mask = DebugMask(
        variables=("request.header.X-Card", "card", "body", "request.queryparam.pin"),
        request_json_paths=("$.secret", "$.deep[*].secret"),
        response_json_paths=("$.body", "$.path", "$.headers"),
    )
    body = {"secret": SECRET, "deep": [{"secret": SECRET, "open": "seen"}]}
    async with recorded(bundle(tmp_path), mask=mask) as (home, session):
        await home.call("POST", f"/p?pin={SECRET}&a=1", json=body, headers={"X-Card": SECRET})
        transaction = await transaction_of(session)
        recorders = session.entries.values()
    assert all(entry is transaction for entry in recorders)
    for form in (
        details(transaction),
        transaction_json(transaction),
        transaction_har(transaction, "http://localhost"),
        transaction_spans(transaction),
    ):
        assert SECRET not in json.dumps(form)
    assert SECRET not in repr(transaction)
    assert "seen" in transaction.request.content
    assert transaction.uri == "/p?pin=*****&a=1"
    assert "content" in transaction.masked


async def test_a_body_that_is_masked_still_reaches_the_target(tmp_path: Path) -> None:
    mask = DebugMask(variables=("request.content", "request.header.X-Card"))
    async with recorded(bundle(tmp_path), mask=mask) as (home, session):
        reply = await home.call("POST", "/p", data=SECRET, headers={"X-Card": SECRET})
        transaction = await transaction_of(session)
    assert reply.json()["body"] == SECRET
    assert reply.json()["headers"]["x-card"] == SECRET
    assert transaction.request.content == "*****"
    assert dict(transaction.request.headers)["X-Card"] == "*****"


XML = b'<a xmlns:n="urn:n"><n:pin id="7">1234</n:pin><b>open</b></a>'


@pytest.mark.parametrize(
    ("mask", "kind", "content_type", "body", "shown"),
    [
        (
            DebugMask(request_json_paths=("$.a",)),
            "request",
            "",
            b'{"a": 1, "b": 2}',
            b'{"a": "*****", "b": 2}',
        ),
        (DebugMask(request_json_paths=("$.a",)), "response", "", b'{"a": 1}', b'{"a": 1}'),
        (DebugMask(fault_json_paths=("$..a",)), "fault", "", b'[{"a": [1]}]', b'[{"a": "*****"}]'),
        (DebugMask(request_json_paths=("$.a",)), "request", "", b'{"a": ', b'{"a": '),
        (DebugMask(request_json_paths=("$.x",)), "request", "", b'{"a":1}', b'{"a":1}'),
        (
            DebugMask(response_xpaths=("/a/n:pin",), namespaces={"n": "urn:n"}),
            "response",
            "",
            XML,
            b'<a xmlns:n="urn:n"><n:pin id="7">*****</n:pin><b>open</b></a>',
        ),
        (
            DebugMask(response_xpaths=("//@id", "/a/b/text()")),
            "response",
            "",
            XML,
            b'<a xmlns:n="urn:n"><n:pin id="*****">1234</n:pin><b>*****</b></a>',
        ),
        (DebugMask(response_xpaths=("/a",)), "response", "", b"<a><b></a>", b"<a><b></a>"),
        (
            DebugMask(variables=("request.formparam.password",)),
            "request",
            "application/x-www-form-urlencoded",
            b"user=me&password=x%20y",
            b"user=me&password=*****",
        ),
        (DebugMask(variables=("response.content",)), "response", "", b"all", b"*****"),
        (DebugMask(variables=("message.content",)), "fault", "", b"all", b"*****"),
        (DebugMask(variables=("response.content",)), "request", "", b"all", b"all"),
    ],
)
def test_bodies(mask: DebugMask, kind: str, content_type: str, body: bytes, shown: bytes) -> None:
    assert Masks(mask).body(body, kind, content_type) == shown


def test_paths_that_cannot_be_read_mask_nothing_and_are_named() -> None:
    masks = Masks(DebugMask(request_json_paths=("$[",), request_xpaths=("//[",)))
    assert masks.broken == ["$[", "//["]
    assert masks.body(b'{"a":1}', "request", "") == b'{"a":1}'


async def test_an_error_of_the_target_is_masked_as_a_fault(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"why": SECRET}, status=500)

    options: dict[str, Any] = {"answer": answer, "mask": DebugMask(fault_json_paths=("$.why",))}
    async with recorded(bundle(tmp_path), **options) as (home, session):
        assert (await home.get("/p", headers={"X-Card": "1"})).status == 500
        transaction = await transaction_of(session)
    assert transaction.response is not None
    assert json.loads(transaction.response.content) == {"why": "*****"}
