"""HAR files: nothing is lost between writing and reading, and a broken file says where."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.rehearsal.exchange import Exchange, Expectation, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import BadRecording, HarFile, entry_of, exchange_of, read_har, write_har
from apiproxy_runtime.rehearsal.jsonstream import CHUNK

TOKEN = st.text("abcXYZ-09", min_size=1, max_size=12)
VALUE = st.text(st.characters(blacklist_characters="\r\n\0"), max_size=20)
TYPES = st.sampled_from(
    [
        "application/json",
        "text/plain; charset=iso-8859-1",
        "text/xml; charset=UTF-16",
        "image/png",
        "x/y; charset=no",
    ]
)
HEADERS = st.builds(
    lambda pairs, kind: (*pairs, ("Content-Type", kind)), st.lists(st.tuples(TOKEN, VALUE), max_size=4), TYPES
)
URL = st.sampled_from(
    [
        "https://api.test/a//b/%2F?x=1&x=&y",
        "/only/path?q=%20+",
        "http://h:8080",
        "*",
        "http://h/?u=http://other/",
    ]
)
REQUEST = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "patch"]),
    URL,
    HEADERS,
    st.binary(max_size=60),
    st.just("HTTP/1.1"),
)
RESPONSE = st.builds(Response, st.integers(100, 599), HEADERS, st.binary(max_size=60), VALUE)
CALL = st.builds(
    UpstreamCall,
    st.sampled_from(["target", "callout"]),
    REQUEST,
    st.none() | RESPONSE,
    st.sampled_from(["", "read_timeout"]),
    st.sampled_from(["", "late"]),
    st.integers(0, 10**6).map(lambda us: us / 1000),
    st.integers(0, 10**6).map(lambda us: us / 1000),
)
EXCHANGE = st.builds(
    Exchange,
    id=TOKEN,
    request=REQUEST,
    response=st.none() | RESPONSE,
    calls=st.lists(CALL, max_size=3).map(tuple),
    calls_recorded=st.just(True),
    session=VALUE,
    at=st.integers(0, 4 * 10**9).map(float),
    millis=st.floats(0, 10**6),
    name=VALUE,
    notes=st.lists(VALUE, max_size=2).map(tuple),
    expectations=st.just((Expectation("status", "401"),)),
    masked=st.lists(VALUE, max_size=2).map(tuple),
)


@given(EXCHANGE)
def test_an_entry_reads_back_as_the_same_exchange(exchange: Exchange) -> None:
    text = json.dumps(entry_of(exchange))
    assert exchange_of(json.loads(text), "?") == exchange


@given(st.lists(EXCHANGE, max_size=4))
def test_a_file_reads_back_as_the_same_exchanges(
    tmp_path_factory: pytest.TempPathFactory, many: list[Exchange]
) -> None:
    path = tmp_path_factory.mktemp("har") / "t.har"
    assert write_har(path, many) == len(many)
    assert list(read_har(path)) == many


def test_the_file_is_valid_json_after_each_entry(tmp_path: Path) -> None:
    path = tmp_path / "t.har"
    with HarFile(path) as har:
        for count in range(3):
            assert len(json.loads(path.read_bytes())["log"]["entries"]) == count
            har.add(Exchange(str(count), Request("GET", "http://a.test/" + "x" * count)))
        assert len(json.loads(path.read_bytes())["log"]["entries"]) == 3


def test_a_big_file_is_read_in_memory_for_one_entry(tmp_path: Path) -> None:
    path = tmp_path / "big.har"
    body = b"0123456789" * 2000
    write_har(path, (Exchange(str(n), Request("POST", "http://a.test/", (), body)) for n in range(1500)))
    assert path.stat().st_size > 30_000_000
    tracemalloc.start()
    count = sum(1 for _ in read_har(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1500
    assert peak < 12 * CHUNK


def test_members_around_the_entries_may_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "odd.har"
    entry = {"request": {"method": "GET", "url": "http://a.test/"}}
    log = {"pages": [{"id": ']}"{'}], "version": "1.2", "entries": [entry, entry], "comment": "x"}
    path.write_text("\ufeff" + json.dumps({"extra": 1, "log": log}, indent=2), encoding="utf-8")
    assert [exchange.id for exchange in read_har(path)] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "place", "cause"),
    [
        (
            '{"log":{"entries":[\n{"request":{"method":"GET","url":"http://a/"}},\n{"request":',
            ":3:",
            "1 good entry",
        ),
        ('{"log":{"version":"1.2"}}', ":1:", '"entries" is missing'),
        ("[]", ":1:", "an object"),
        ('{"log":{"entries":[{}]}}', ":1:", "'request' is missing"),
        ('{"log":{"entries":[\n7]}}', ":2:", "entry 1 is no HAR entry"),
        ('{"log":{"entries":[{"request":{"method":"GET","url":7}}]}}', ":1:", "must be texts"),
        ('{"log":{"entries":{}}}', ":1:", "must be an array"),
        ("", ":1:", "ends too early"),
    ],
)
def test_a_broken_file_says_where_and_why(tmp_path: Path, text: str, place: str, cause: str) -> None:
    path = tmp_path / "bad.har"
    path.write_text(text)
    with pytest.raises(BadRecording) as caught:
        list(read_har(path))
    assert f"bad.har{place}" in str(caught.value)
    assert cause in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target", "origin", "host"),
    [
        ("https://a.test:8443/p?q=1#f", "/p?q=1", "https://a.test:8443", "a.test:8443"),
        ("http://a.test?q", "/?q", "http://a.test", "a.test"),
        ("/p?u=http://x/y", "/p?u=http://x/y", "", "h.test"),
        ("http://a.test", "/", "http://a.test", "a.test"),
    ],
)
def test_a_url_has_target_origin_and_host(url: str, target: str, origin: str, host: str) -> None:
    request = Request("GET", url, (("HOST", "h.test"),))
    assert (request.target, request.origin, request.host) == (target, origin, host)
