"""The upstreams of a rehearsal: which answer a call gets, and what is said when nothing fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.rehearsal.exchange import Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.mocks import BadMocks, read_mocks
from apiproxy_runtime.rehearsal.stubs import Policy, Stubs


async def stubs(*recorded: UpstreamCall, **policy: Any) -> Stubs:
    made = Stubs(HttpEgress(HttpClient()), Policy(**policy), str)
    made.begin(recorded)
    return made


def answer(text: str, url: str = "http://a.test/x", method: str = "GET", body: bytes = b"") -> UpstreamCall:
    return UpstreamCall("target", Request(method, url, (), body), Response(200, (), text.encode()))


def call(url: str = "http://a.test/x", verb: str = "GET", body: bytes = b"", **options: Any) -> Call:
    request = Message.request(verb)
    request.body = body
    return Call(url, request, **options)


async def test_the_recorded_call_that_fits_best_answers() -> None:
    made = await stubs(
        answer("plain"),
        answer("query", "http://a.test/x?a=1"),
        answer("body", body=b"1"),
        answer("post", method="POST"),
    )
    assert (await made.send(call("http://a.test/x?a=1"))).content == "query"
    assert (await made.send(call(body=b"1"))).content == "body"
    assert (await made.send(call(verb="POST"))).content == "post"
    assert (await made.send(call())).content == "plain"
    assert not made.misses


async def test_repeated_calls_get_the_recorded_sequence_and_begin_anew() -> None:
    made = await stubs(answer("first"), answer("second"))
    assert [(await made.send(call())).content for _ in range(3)] == ["first", "second", "first"]


async def test_json_bodies_fit_whatever_their_layout() -> None:
    made = await stubs(answer("other", body=b'{"a":2}'), answer("same", body=b'{"a":1,"b":2}'))
    assert (await made.send(call(body=b'{ "b": 2, "a": 1 }'))).content == "same"


async def test_a_miss_is_answered_by_the_closest_and_told_of() -> None:
    made = await stubs(answer("far", "http://b.test/x"), answer("near", "http://a.test/y"))
    assert (await made.send(call())).content == "near"
    assert made.misses == ["GET http://a.test/x: closest is GET http://a.test/y (path /x, recorded /y)"]


async def test_a_host_that_was_never_recorded_gets_the_default_answer() -> None:
    made = await stubs(answer("far", "http://b.test/x"))
    response = await made.send(call("http://a.test/x?q=1"))
    assert (response.status, response.json()) == (
        200,
        {"stub": True, "method": "GET", "path": "/x", "query": "q=1"},
    )
    assert "host a.test, recorded b.test" in made.misses[0]


async def test_the_default_answer_is_xml_for_who_wants_it_and_no_keys_for_who_fetches_keys() -> None:
    made = await stubs()
    wanted = call()
    wanted.request.headers.set("Accept", "text/xml")
    assert (await made.send(wanted)).xml().findtext("path") == "/x"
    assert (await made.send(call(purpose="keys"))).json() == {"keys": []}


async def test_a_miss_can_fail() -> None:
    made = await stubs(on_miss="fail")
    with pytest.raises(CallFailed, match="no stub answers GET"):
        await made.send(call())
    assert made.calls[0].failure == "unreachable"


async def test_a_recorded_failure_fails_again() -> None:
    made = await stubs(
        UpstreamCall("target", Request("GET", "http://a.test/x"), None, "read_timeout", "too late")
    )
    with pytest.raises(CallFailed) as error:
        await made.send(call())
    assert error.value.kind == "read_timeout"


async def test_what_is_kept_of_a_call_is_what_the_wire_would_carry() -> None:
    made = await stubs(answer("x"))
    sent = call("http://a.test:80/x", host_header="b.test")
    sent.request.headers.set("Connection", "close")
    sent.request.headers.set("X-A", "1")
    await made.send(sent)
    request = made.calls[0].request
    assert request.url == "http://a.test/x"
    assert request.headers == (("Host", "b.test"), ("X-A", "1"))
    sent.request.headers.set("X-B", "1\r\nX-C: 2")
    with pytest.raises(CallFailed, match="line break"):
        await made.send(sent)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("http://a.test", "http://a.test/"),
        ("http://a.test?q=1", "http://a.test/?q=1"),
        ("http://a.test?next=/b/c", "http://a.test/?next=/b/c"),
        ("https://a.test:8443/x/y?q=/z#part", "https://a.test:8443/x/y?q=/z"),
        ("http://a.test//x", "http://a.test//x"),
    ],
)
async def test_path_and_query_are_those_of_the_wire(url: str, left: str) -> None:
    made = await stubs()
    await made.send(call(url))
    assert made.calls[0].request.url == left


async def test_a_recorded_answer_can_be_streamed() -> None:
    made = await stubs(answer("in pieces"))
    response = await made.send(call(stream=True))
    assert response.stream is not None
    assert b"".join([piece async for piece in response.stream]) == b"in pieces"


async def test_grpc_calls_get_their_own_bytes_back() -> None:
    made = await stubs()
    invoke = made.unary("http://grpc.test:50051/pkg.Service/Method")
    assert invoke is not None
    assert await invoke(b"\x0a\x01x", ()) == b"\x0a\x01x"
    assert made.calls[0].request.path == "/pkg.Service/Method"


async def test_other_connections_find_a_closed_port() -> None:
    made = await stubs()
    assert made.resolve("ldap.test", 389) == ("127.0.0.1", 1, True)
    assert made.effects[0].name == "ldap.test:389"


MOCKS = """
mocks:
- request: {method: GET, host: a.test, path: /x/*, query: {page: 2}}
  response: {json: {page: 2}}
- request: {path: "~/x/\\\\d+", headers: {X-Lang: "e?"}}
  response: {status: 203, headers: {X-A: [1, 2]}, body: number}
- request: {body: {json: {order: {id: 7}}}}
  response: {file: answer.txt}
- {request: {path: /once}, response: {body: first}, times: 1}
- {request: {path: /once}, response: {body: then}}
- {request: {path: /down}, failure: connect_timeout}
"""


async def test_mocks_answer_before_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "mocks.yaml"
    file.write_text(MOCKS)
    (tmp_path / "answer.txt").write_text("from a file")
    made = await stubs(answer("recorded", "http://a.test/x/1"), mocks=read_mocks(file))
    assert (await made.send(call("http://a.test/x/1?page=2"))).json() == {"page": 2}
    assert (await made.send(call("http://a.test/x/1"))).content == "recorded"
    numbered = call("http://b.test/x/12")
    numbered.request.headers.set("X-Lang", "en")
    response = await made.send(numbered)
    assert (response.status, response.content, response.headers.get("X-A")) == (203, "number", "1, 2")
    ordered = call("http://c.test/o", "POST", b'{"order":{"id":7,"n":1}}')
    assert (await made.send(ordered)).content == "from a file"
    assert [(await made.send(call("http://c.test/once"))).content for _ in range(3)] == [
        "first",
        "then",
        "then",
    ]
    with pytest.raises(CallFailed) as error:
        await made.send(call("http://c.test/down"))
    assert error.value.kind == "connect_timeout"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "neither YAML nor JSON"),
        ("mocks: 7", "a list of mocks"),
        ("- {request: {}}", "mock 1: give either a response or a failure"),
        ("- {response: {}, failure: eof}", "mock 1: give either a response or a failure"),
        ("- {failure: tired}", "failure 'tired' is none of"),
        ("- {response: {status: 999}}", "status 999 is none"),
        ("- {response: {}}\n- {response: {boddy: x}}", "mock 2: response has no member 'boddy'"),
        ("- {request: {path: '~('}, response: {}}", "mock 1: missing )"),
        ("- {request: {body: {equals: a, contains: b}}, response: {}}", "body: give one of"),
        ("- {response: {file: missing.json}}", "missing.json"),
        ("- {response: {base64: '%'}}", "base64:"),
    ],
)
def test_a_mocks_file_that_cannot_be_used_is_refused(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "mocks.yaml"
    file.write_text(text)
    with pytest.raises(BadMocks) as error:
        read_mocks(file)
    assert told in str(error.value)


async def test_hosts_of_the_cloud_are_called_where_somebody_names_them(tmp_path: Path) -> None:
    """Else the policy's own stand-in answers: a mock that fits any host is none of the cloud."""
    file = tmp_path / "mocks.yaml"
    file.write_text(
        "- {request: {path: /x}, response: {}}\n- {request: {host: '*'}, response: {}}\n"
        "- {request: {host: 'eu-*.test'}, response: {}}\n- {request: {host: 'port.test:8443'}, response: {}}"
    )
    made = await stubs(
        answer("told", "https://recorded.test/x"),
        answer("nobody's", "/x"),
        mocks=read_mocks(file),
        real_hosts=frozenset(["led.test", "door.test:8443"]),
    )
    asked = {
        ("recorded.test", 443): True,
        ("eu-1.test", 443): True,
        ("port.test", 8443): True,
        ("port.test", 443): False,
        ("led.test", 443): True,
        ("door.test", 8443): True,
        ("door.test", 443): False,
        ("pubsub.googleapis.com", 443): False,
    }
    assert {server: made.answers_for(*server) for server in asked} == asked
    made.begin(())
    assert not made.answers_for("recorded.test", 443)
