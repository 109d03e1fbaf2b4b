"""How two answers, two requests and two bodies are compared, kind by kind."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.rehearsal.compare.answer import compare_answers
from apiproxy_runtime.rehearsal.compare.body import compare_bodies
from apiproxy_runtime.rehearsal.compare.effects import compare_effects
from apiproxy_runtime.rehearsal.compare.headers import compare_headers
from apiproxy_runtime.rehearsal.compare.jsontree import compare_json
from apiproxy_runtime.rehearsal.compare.upstream import compare_calls
from apiproxy_runtime.rehearsal.exchange import Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.outcome import Effect, Outcome, Trace

Told = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([("A", "1")], [("a", "1")], []),
        ([("A", "1")], [], [("header.a", "header-missing")]),
        ([], [("A", "1")], [("header.a", "header-extra")]),
        ([("A", "1")], [("A", "2")], [("header.a", "header-value")]),
        ([("A", "1"), ("A", "2")], [("A", "1, 2")], []),
        ([("A", "1"), ("A", "2")], [("A", "2"), ("A", "1")], [("header.a", "header-order")]),
        ([("A", "1"), ("A", "1")], [("A", "1")], [("header.a", "header-value")]),
        ([("A", '"x, y"')], [("A", '"x", "y"')], [("header.a", "header-value")]),
        ([("Content-Length", "1")], [("Content-Length", "2"), ("Transfer-Encoding", "chunked")], []),
        ([("Content-Type", "text/plain;charset=UTF-8")], [("Content-Type", "text/plain; charset=utf-8")], []),
        ([("Content-Type", "text/plain")], [("Content-Type", "text/html")], [("header.content-type", "header-value")]),
        ([("Vary", "Accept, Origin")], [("Vary", "origin, accept")], []),
        ([("Set-Cookie", "a=1; Secure; Path=/")], [("Set-Cookie", "a=1; path=/; secure")], []),
        ([("Set-Cookie", "a=1; Secure")], [("Set-Cookie", "a=1")], [("header.set-cookie", "header-value")]),
        ([("Cookie", "a=1; b=2")], [("Cookie", "b=2; a=1")], []),
        ([("Date", "Mon, 1 Jan")], [("Date", "Mon, 1 Jan")], []),
    ],
)  # fmt: skip
def test_headers_are_multisets_without_case(
    before: list[tuple[str, str]], after: list[tuple[str, str]], found: Told
) -> None:
    assert [(m.path, m.kind) for m in compare_headers(tuple(before), tuple(after))] == found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": "1"}, [("$.a", "type")]),
        ({"a": 1}, {"a": True}, [("$.a", "type")]),
        ({"a": None}, {}, [("$.a", "missing")]),
        ({}, {"a b": 1}, [('$["a b"]', "extra")]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("$.a", "order")]),
        ({"a": [1, 2]}, {"a": [1]}, [("$.a.length", "length")]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("$.a[1]", "value")]),
        ({"a": [True]}, {"a": [1]}, [("$.a[0]", "type")]),
        ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}, [("$.a.b[0].c", "value")]),
        ([], {}, [("$", "type")]),
    ],
)
def test_json_is_compared_as_a_tree(before: object, after: object, found: Told) -> None:
    assert [(m.path, m.kind) for m in compare_json(before, after)] == found


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(_json, _json)
def test_json_differs_where_its_canonical_text_does(before: object, after: object) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (not list(compare_json(before, after))) == same


JSON, XML = (("Content-Type", "application/json"),), (("Content-Type", "text/xml"),)
FORM, TEXT = (("Content-Type", "application/x-www-form-urlencoded"),), (("Content-Type", "text/plain"),)
GZIP = (*JSON, ("Content-Encoding", "gzip"))


@pytest.mark.parametrize(
    ("headers", "before", "after", "found"),
    [
        (JSON, b'{"a":1}', b'{"a": 1}', [("body", "layout")]),
        (JSON, b'{"a":1}', b'{"a":2}', [("body.$.a", "value")]),
        (JSON, b"\xef\xbb\xbf{}", b"{}", [("body", "layout")]),
        (JSON, b'{"a":1}', b"", [("body", "content")]),
        (JSON, b'{"a":1}', b"not json", [("body", "content")]),
        (GZIP, gzip.compress(b'{"a":1}', 1), gzip.compress(b'{"a":1}', 9), []),
        (GZIP, gzip.compress(b'{"a":1}'), gzip.compress(b'{"a":2}'), [("body.$.a", "value")]),
        (XML, b"<a><b>1</b></a>", b"<a>\n <b>1</b>\n</a>", [("body", "layout")]),
        (XML, b'<a x="1" y="2"/>', b"<a y='2' x='1'></a>", [("body", "layout")]),
        (XML, b"<a><b>1</b></a>", b"<a><b>2</b></a>", [("body/a/b[0]/text()", "value")]),
        (XML, b"<a><b/><c/></a>", b"<a><c/><b/></a>", [("body/a", "order")]),
        (XML, b"<a><b/><b/></a>", b"<a><b/></a>", [("body/a/b", "missing")]),
        (XML, b'<p:a xmlns:p="u"/>', b'<q:a xmlns:q="u"/>', [("body", "layout")]),
        (XML, b'<a xmlns="u"/>', b'<a xmlns="v"/>', [("body/a", "value")]),
        (FORM, b"a=1&b=2", b"b=2&a=1", [("body", "layout")]),
        (FORM, b"a=1&a=2", b"a=2&a=1", [("body.a", "order")]),
        (FORM, b"a=1", b"a=1&b=", [("body.b", "extra")]),
        (TEXT, b"a\nb", b"a\r\nb", [("body", "layout")]),
        (TEXT, b"a\nb\nc", b"a\nx\nc", [("body.line 2", "content")]),
        (TEXT, b"a\nb", b"a\nb\nc", [("body.lines", "length")]),
        ((), b"\x00\x01\x02", b"\x00\x01\x03", [("body", "content")]),
    ],
)
def test_bodies_are_compared_by_what_they_hold(
    headers: tuple[tuple[str, str], ...], before: bytes, after: bytes, found: Told
) -> None:
    assert [(m.path, m.kind) for m in compare_bodies(headers, before, headers, after)] == found


def test_a_body_that_differs_everywhere_is_told_of_in_part() -> None:
    before = json.dumps({str(n): 1 for n in range(500)}).encode()
    after = json.dumps({str(n): 2 for n in range(500)}).encode()
    found = list(compare_bodies(JSON, before, JSON, after))
    assert len(found) == 51
    assert found[-1].before == "more differences"


def call(
    method: str, url: str, purpose: str = "target", body: bytes = b"", *headers: tuple[str, str]
) -> UpstreamCall:
    return UpstreamCall(purpose, Request(method, url, headers, body), Response(200))


A, B = call("GET", "http://a.test/1"), call("POST", "http://b.test/2", "callout")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([A, B], [A, B], []),
        ([A], [], [("call", "call-missing", "critical")]),
        ([B], [], [("call", "call-missing", "major")]),
        ([], [A], [("call", "call-extra", "critical")]),
        ([B], [B, B], [("call", "call-repeated", "critical")]),
        ([A, B], [B, A], [("call", "order", "major")]),
        ([A], [call("HEAD", "http://a.test/1")], [("method", "method", "major")]),
        ([A], [call("GET", "http://a.test/2")], [("url.path", "url", "major")]),
        ([A], [call("GET", "https://a.test/1")], [("url.origin", "url", "major")]),
        ([A], [call("GET", "http://c.test/1")], [("url.origin", "url", "major")]),
        ([A], [call("GET", "http://a.test/1?x=1")], [("url.query.x", "extra", "major")]),
        ([A], [call("GET", "http://a.test/1", "target", b"x")], [("body", "content", "major")]),
        ([A], [call("GET", "http://a.test/1", "target", b"", ("Authorization", "x"))], [("header.authorization", "header-extra", "critical")]),
        ([A], [call("GET", "http://a.test/1", "target", b"", ("X-A", "x"))], [("header.x-a", "header-extra", "minor")]),
    ],
)  # fmt: skip
def test_calls_are_compared_in_number_order_and_content(
    before: list[UpstreamCall], after: list[UpstreamCall], found: list[tuple[str, str, str]]
) -> None:
    assert [(d.path, d.kind, d.severity.name) for d in compare_calls(before, after)] == found


def answered(status: int, *calls: UpstreamCall) -> Outcome:
    return Outcome(Response(status), calls, trace=Trace(), calls_known=True)


def faulted(status: int, code: str) -> Outcome:
    return Outcome(Response(status), (), (Effect("fault", code, ""),), calls_known=True)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (answered(401), answered(200, A), "open-door"),
        (answered(403, A), answered(200, A), "open-door"),
        (answered(429), answered(204), "open-door"),
        (answered(400), answered(200, A), "open-door"),
        (answered(404), answered(404, A), "open-door"),
        (answered(401), answered(500, A), "open-door"),
        (faulted(503, "steps.raisefault.RaiseFault"), answered(200, A), "open-door"),
        (faulted(500, "policies.ratelimit.QuotaViolation"), answered(200, A), "open-door"),
        (faulted(500, "steps.assignmessage.UnresolvedVariable"), answered(200, A), "failed"),
        (answered(404, A), answered(200, A), "status"),
        (answered(401), answered(403), "status"),
        (answered(200, A), answered(401), "refused"),
        (answered(200, A), answered(500), "failed"),
        (answered(500, A), answered(200, A), "failed"),
        (answered(401), answered(500), "failed"),
        (answered(200, A), answered(201, A), "status"),
        (Outcome(None, failure="gone"), answered(200), "no-answer"),
    ],
)
def test_who_may_pass_is_the_gravest_question(before: Outcome, after: Outcome, kind: str) -> None:
    assert [d.kind for d in compare_answers(before, after)] == [kind]


def test_a_recorded_refusal_that_is_allowed_is_an_open_door() -> None:
    recorded = Outcome(Response(403))
    assert [d.kind for d in compare_answers(recorded, Outcome(Response(200)))] == ["open-door"]


def test_effects_are_compared_name_by_name() -> None:
    before = [Effect("log", "l:1", "a"), Effect("quota", "q", "+1 of 5"), Effect("cache", "c", "x")]
    after = [Effect("cache", "c", "y"), Effect("log", "l:1", "a"), Effect("log", "l:1", "a")]
    assert [(d.about, d.path, d.kind) for d in compare_effects(before, after)] == [
        ("log", "l:1", "effect-extra"),
        ("quota", "q", "effect-missing"),
        ("cache", "c", "effect-value"),
    ]
