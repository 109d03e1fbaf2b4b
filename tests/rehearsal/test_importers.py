"""Importers: traffic as other tools write it, and what each file becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.har import BadRecording, read_har, write_har
from apiproxy_runtime.rehearsal.importers.openapi_refused import REFUSED
from apiproxy_runtime.rehearsal.importers.shell import commands
from apiproxy_runtime.rehearsal.traffic import format_of, read_traffic

TRAFFIC = Path(__file__).parent / "traffic"
FILES = {
    "chrome.har": "HAR",
    "firefox.har": "HAR",
    "mitmproxy.har": "HAR",
    "shop.postman_collection.json": "Postman collection",
    "calls.sh": "curl",
    "shop.openapi.yaml": "OpenAPI",
    "pets.swagger.json": "OpenAPI",
    "emulator.json": "trace",
    "edge-trace.xml": "trace",
    "requests.gor": "GoReplay",
    "access.log": "access log",
    "kong.log": "Kong http-log",
}


def read(name: str) -> list[Exchange]:
    return list(read_traffic(TRAFFIC / name))


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_known_by_its_content(name: str) -> None:
    assert format_of(TRAFFIC / name) == FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_what_is_imported_reads_back_from_har_without_loss(tmp_path: Path, name: str) -> None:
    exchanges = read(name)
    assert exchanges
    write_har(tmp_path / "t.har", exchanges)
    assert list(read_har(tmp_path / "t.har")) == exchanges
    assert len({exchange.id for exchange in exchanges}) == len(exchanges)


def test_har_of_chrome() -> None:
    order, logo, slow = read("chrome.har")
    assert order.request.url == "https://api.example.com/v2/orders?dry=true&dry=false"
    assert order.request.version == "HTTP/2"
    assert [name for name, _ in order.request.headers] == ["accept", "content-type", "x-tag", "x-tag"]
    assert json.loads(order.request.body) == {"item": "Tee – grün", "n": 2}
    assert order.response is not None
    assert order.response.headers[2:] == (("set-cookie", "a=1"), ("set-cookie", "b=2"))
    assert order.response.body == b'{"id":"o7"}'
    assert order.at == 1772442901.25
    assert order.millis == 87.5
    assert logo.response is not None
    assert logo.response.body == b"\x89PNG\r\n\x1a\n"
    assert slow.response is None
    assert "ERR_CONNECTION_RESET" in slow.notes[0]


def test_har_of_firefox_without_bodies() -> None:
    (login,) = read("firefox.har")
    assert login.request.body == b"user=jane&remember=yes+please"
    assert login.response is not None
    assert login.response.status == 302
    assert login.notes == ("the recording holds no body of the response",)
    assert login.at == 1772442000.0


def test_har_of_mitmproxy_with_fields_only() -> None:
    (upload,) = read("mitmproxy.har")
    assert upload.request.body == b"a=1+2&a=%C3%BC"
    assert upload.response is not None
    assert upload.response.body == "grün".encode("latin-1")
    assert upload.notes == ("WebSocket messages are not imported",)


def test_a_postman_collection() -> None:
    get, example, create, login, upload, search, plain = read("shop.postman_collection.json")
    assert get.name == "Orders / Get order"
    assert get.request.url == "https://staging.example.com/v1/orders/4711?expand=items&expand=customer&flag"
    assert get.request.headers == (
        ("Host", "staging.example.com"),
        ("Accept", "application/json"),
        ("x-api-key", "k-123"),
    )
    assert get.notes == ("scripts of the collection are not run",)
    assert example.name == "Orders / Get order / found"
    assert example.response is not None
    assert (example.response.status, example.response.body) == (200, b'{"id": 1}')
    assert create.request.header("authorization") == "Bearer {{token}}"
    assert "the variable {{token}} has no value" in create.notes
    assert json.loads(create.request.body)["ref"] == "6f9619ff-8b86-4011-b42d-00c04fc964ff"
    assert create.request.header("content-type") == "application/json"
    assert login.request.url == "https://id.example.com:8443/token"
    assert login.request.body == b"grant_type=password&scope=a+b%26c"
    assert login.request.header("authorization") == "Basic amFuZTpwdw=="
    assert b'name="photo"; filename="tea.png"' in upload.request.body
    assert "tea.png is not beside the collection" in upload.notes[0]
    assert upload.request.header("x-api-key") is None
    assert search.request.url == "https://g.example.com/graphql?access_token=t0k"
    assert json.loads(search.request.body)["variables"] == {"q": "tea"}
    assert (plain.request.method, plain.request.url) == ("GET", "https://example.com/ping")


def test_curl_lines() -> None:
    ping, order, token, search, delete, head, form, json_call, put, binary, second = read("calls.sh")
    assert ping.request.headers == (
        ("Host", "api.example.com"),
        ("User-Agent", "curl/8.7.1"),
        ("Accept", "*/*"),
    )
    assert order.request.method == "POST"
    assert order.request.body == b'{"item":"tea","note":"it\'s"}'
    assert [pair for pair in order.request.headers if pair[0] == "X-Two"] == [("X-Two", "1"), ("X-Two", "2")]
    assert order.request.header("accept") is None
    assert order.request.header("accept-encoding") == "deflate, gzip"
    assert order.notes == ("shell variables were left as they are: $KEY",)
    assert token.request.body == b"grant_type=client_credentials&scope=a%20b"
    assert token.request.header("authorization") == "Basic amFuZTpwdw=="
    assert token.request.header("content-type") == "application/x-www-form-urlencoded"
    assert search.request.url == "https://api.example.com/search?q=green%20tea%20%26%20more&x"
    assert search.request.method == "GET"
    assert (delete.request.method, delete.request.url) == ("DELETE", "http://api.example.com/orders/1")
    assert delete.request.header("x-trace") == "1"
    assert head.request.method == "HEAD"
    assert (
        b'name="file"; filename="payload.txt"\r\nContent-Type: text/plain\r\n\r\nfirst\nsecond\n'
        in form.request.body
    )
    assert json_call.request.header("content-type") == "application/json"
    assert json_call.request.header("accept") == "application/json"
    assert (put.request.method, put.request.body) == ("PUT", b"first\nsecond\n")
    assert put.request.header("cookie") == "sid=1; x=2"
    assert binary.request.url == "https://api.example.com/a%C3%A9"
    assert (binary.request.body, binary.request.version) == (b"line1\nline2", "HTTP/2")
    assert (second.request.method, second.request.body) == ("PUT", b"firstsecond")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b c' \"d $X\" e\\ f", ["a", "b c", "d $X", "e f"]),
        ("a \\\n  b # c\nd", ["a", "b"]),
        ("a\\\r\n b", ["a", "b"]),
        ("a ''", ["a", ""]),
        ("a b#c", ["a", "b#c"]),
        ("""a 'it'"'"'s'""", ["a", "it's"]),
        ("a $'x\\'y\\x41'", ["a", "x'yA"]),
        ('a "\\"\\\\\\n"', ["a", '"\\\\n']),
        ("\n\na", ["a"]),
    ],
)
def test_shell_words(text: str, words: list[str]) -> None:
    assert next(commands(text)).words == words


def examples(name: str) -> list[Exchange]:
    return [exchange for exchange in read(name) if REFUSED not in exchange.notes]


def test_openapi_examples() -> None:
    order, tea, coffee, form = examples("shop.openapi.yaml")
    assert order.request.url == (
        "https://eu.example.com/v1/orders/6f9619ff-8b86-4011-b42d-00c04fc964ff?expand=items&apikey=test-key-of-the-consumer"
    )
    assert order.request.header("x-region") == "texttext"
    assert order.expectations[0].value == "200"
    assert (tea.name, json.loads(tea.request.body)) == ("createOrder (tea)", {"item": "tea", "amount": 2})
    assert json.loads(coffee.request.body)["item"] == "coffee"
    assert "apikey" not in coffee.request.url
    assert form.request.body.startswith(b"item=milk&amount=1")


def test_swagger_2() -> None:
    add, get, login = examples("pets.swagger.json")
    assert add.request.url == "https://pets.example.com/api/pets"
    assert json.loads(add.request.body) == {"name": "text", "age": 1}
    assert add.request.header("authorization") == "Basic dXNlcjpwYXNzd29yZA=="
    assert get.request.url == "https://pets.example.com/api/pets/1?tags=text"
    assert login.request.body == b"user=text"


OPENAPI = """openapi: 3.0.0
servers: [{url: "https://api.example.com/v1"}]
components: {securitySchemes: {key: {type: apiKey, in: header, name: apikey}}}
paths:
  /orders/{id}:
    put:
      operationId: change
      security: [{key: []}]
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: region, in: query, required: true, schema: {type: string, enum: [eu, us]}}
        - {name: note, in: header, schema: {type: string, maxLength: 3, example: hi}}
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [item]
              properties: {item: {type: string}, amount: {type: integer, maximum: 9}, when: {type: string, format: date}}
"""


def test_openapi_calls_that_are_not_allowed(tmp_path: Path) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(OPENAPI)
    good, *bad = list(read_traffic(file))
    by_name = {exchange.name.removeprefix("change: "): exchange.request for exchange in bad}
    assert all(exchange.notes == (REFUSED,) for exchange in bad)
    assert [exchange.id for exchange in (good, *bad)] == [str(number) for number in range(1, len(bad) + 2)]
    assert list(by_name) == [
        "id is no integer",
        "id is too small",
        "without the query parameter region",
        "region is none of its values",
        "note is too long",
        "without a body",
        "a body that is no JSON",
        "without item in the body",
        "amount in the body is no integer",
        "amount in the body is too big",
        "when in the body is no date",
        "without credentials",
        "the method DELETE",
        "a path that is not there",
    ]
    assert by_name["id is too small"].path == "/v1/orders/0"
    assert by_name["without the query parameter region"].query == ""
    assert by_name["region is none of its values"].query == "region=no-such-value"
    assert by_name["note is too long"].header("note") == "xxxx"
    assert by_name["without a body"].body == b""
    assert by_name["a body that is no JSON"].body == b"{not json"
    assert by_name["a body that is no JSON"].header("content-type") == "application/json"
    assert "item" not in json.loads(by_name["without item in the body"].body)
    assert json.loads(by_name["amount in the body is too big"].body)["amount"] == 10
    assert by_name["without credentials"].header("apikey") is None
    assert good.request.header("apikey")
    assert (by_name["the method DELETE"].method, by_name["the method DELETE"].path) == (
        "DELETE",
        "/v1/orders/1",
    )
    assert by_name["a path that is not there"].url == "https://api.example.com/v1/no-such-path"


def test_a_trace_of_the_emulator() -> None:
    (only,) = read("emulator.json")
    assert (only.request.method, only.request.url, only.request.body) == ("POST", "/hello?a=1", b'{"q":1}')
    assert only.request.headers[1:] == (("X", "1"), ("X", "2"))
    assert only.response is not None
    assert (only.response.status, only.response.body) == (201, b"hello")
    (call,) = only.calls
    assert call.request.url == "https://up.test/base/x"
    assert call.response is not None
    assert call.response.status == 200
    assert (call.offset, call.millis) == (5.0, 25.0)
    assert not only.calls_recorded


def test_a_trace_of_edge() -> None:
    (only,) = read("edge-trace.xml")
    assert only.id == "rt-1-1"
    assert only.request.url == "/hello?a=1&b=2"
    assert only.response is not None
    assert only.response.body == b"Hello <you>"
    assert only.millis == 100.0


def test_goreplay_files() -> None:
    first, second = read("requests.gor")
    assert (first.request.url, first.request.body) == ("http://api.example.com/upload?x=1", b"hello world")
    assert first.response is not None
    assert first.response.headers[1:] == (("X-A", "1"), ("X-A", "2"))
    assert first.millis == 30.0
    assert second.response is None


def test_access_logs() -> None:
    first, second = read("access.log")
    assert (first.request.target, first.session, first.at) == ("/orders/1?x=%20", "203.0.113.5", 1791633336.0)
    assert second.response is not None
    assert second.response.status == 401
    (kong,) = read("kong.log")
    assert kong.request.headers == (("host", "kong.test"), ("accept", "a"), ("accept", "b"))


@pytest.mark.parametrize(
    ("name", "text", "place", "cause"),
    [
        ("a.sh", "ls\ncurl 'http://a", ":2:", "never closed"),
        ("a.sh", "curl -X", ":1:", "-X has no value"),
        ("a.sh", "\ncurl -s", ":2:", "names no URL"),
        ("a.sh", "curl http://a -d @nowhere.txt", ":1:", "nowhere.txt"),
        ("a.sh", "curl http://a -H nonsense", ":1:", "has no colon"),
        ("a.sh", "# curl is a tool", ":", "no curl command"),
        ("a.txt", "hello", ":", "format is not known"),
        ("a.yaml", "openapi: 3.0.0\ninfo: [", ":", "Mend the document"),
        ("a.yaml", "openapi: 3.0.0", ":", "has no paths"),
        ("a.json", '{"info":{"schema":"https://schema.getpostman.com/x"}}', ":", "'item'"),
        ("a.json", '{"item":[{"name":"x","request":{"method":"GET"}}],"_postman_id":"1"}', ":", "the request 'x'"),
        ("a.json", '{"Messages":[{"point":[7]}]}', ":", "transaction 1"),
        ("a.log", '1.2.3.4 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1\nrubbish', ":2:", "rubbish"),
        ("a.gor", "1 a 1\nGET / HTTP/1.1\r\n\r\n\n🐵🙈🙉\nrubbish", ":", "payload 2"),
        ("a.har", "{", ":1:", "ends too early"),
    ],
)  # fmt: skip
def test_bad_input_is_an_error_with_its_place(
    tmp_path: Path, name: str, text: str, place: str, cause: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadRecording) as caught:
        list(read_traffic(path))
    assert f"{name}{place}" in str(caught.value)
    assert cause in str(caught.value)
