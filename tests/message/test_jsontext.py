import json

import pytest

from apiproxy_runtime.message.jsontext import read_json

TEXTS = [
    b"123456789012345678901234567890",
    b"18446744073709551616",
    b"9007199254740993",
    b"12345678901234567890.5",
    b"4.50",
    b"-0",
    b"-0.0",
    b"1.0E+2",
    b"1e400",
    b"NaN",
    b"[Infinity]",
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'{"a":1,"b":2,"a":3}',
    b' {"a" : [ ] } \n',
    b"\xef\xbb\xbf{}",
    '{"né":"ü"}',
]


@pytest.mark.parametrize("text", TEXTS)
def test_reads_what_the_standard_reader_reads(text):
    assert repr(read_json(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"", b"[1,]", b"01", b"[1] x", b"{'a':1}", b'"a\x01"', b'{"a" 1}'])
def test_reports_what_the_standard_reader_reports(text):
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(json.JSONDecodeError) as raised:
        read_json(text)
    assert str(raised.value) == str(expected.value)


def test_depth_without_end_and_bytes_that_are_no_text_are_refused():
    with pytest.raises(RecursionError):
        read_json(b"[" * 100_000)
    with pytest.raises(ValueError, match="utf-8"):
        read_json(b'"\xff"')
