import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.gateway.http.content_encoding import (
    BadEncoding,
    UnsupportedEncoding,
    codings,
    decode,
    encode,
)
from apiproxy_runtime.gateway.http.errors import BodyTooBig


@given(
    st.binary(max_size=2000),
    st.sampled_from(["gzip", "deflate", "x-gzip", "GZIP", "gzip, deflate", "gzip,gzip", "identity", ""]),
)
def test_what_was_encoded_is_decoded(body, value):
    assert decode(encode(body, value), value, 10_000) == body


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("gzip", ["gzip"]),
        ("x-gzip, Deflate", ["gzip", "deflate"]),
        ("identity", []),
        ("", []),
        (" gzip ,", ["gzip"]),
    ],
)
def test_encodings_are_listed_in_the_order_applied(value, names):
    assert codings(value) == names


def test_several_encodings_are_undone_from_the_last():
    assert decode(zlib.compress(gzip.compress(b"text")), "gzip, deflate", 100) == b"text"


@pytest.mark.parametrize("value", ["br", "UTF-8", "gzip, br", "compress"])
def test_other_encodings_are_unsupported(value):
    with pytest.raises(UnsupportedEncoding) as error:
        decode(b"x", value, 100)
    assert error.value.value == value
    with pytest.raises(UnsupportedEncoding):
        encode(b"x", value)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"plain text", "gzip"),
        (b"plain text", "deflate"),
        (gzip.compress(b"x"), "deflate"),
        (zlib.compress(b"x"), "gzip"),
        (gzip.compress(b"x" * 100)[:-5], "gzip"),
        (zlib.compress(b"x" * 100)[:-1], "deflate"),
        (gzip.compress(b"x") + b"more", "gzip"),
        (gzip.compress(b"x"), "gzip, gzip"),
    ],
)
def test_body_that_is_not_what_it_says_is_refused(body, value):
    with pytest.raises(BadEncoding):
        decode(body, value, 1000)


def test_deflate_without_its_wrapper_is_understood():
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decode(packer.compress(b"text" * 9) + packer.flush(), "deflate", 100) == b"text" * 9


def test_empty_body_stays_empty():
    assert decode(b"", "gzip, deflate", 10) == b""


def test_members_of_a_gzip_body_are_joined():
    assert decode(gzip.compress(b"one") + gzip.compress(b"two"), "gzip", 10) == b"onetwo"


@pytest.mark.parametrize("value", ["gzip", "deflate", "gzip, gzip"])
def test_size_after_decoding_is_bounded(value):
    body = encode(b"0" * 1000, value)
    assert len(decode(body, value, 1000)) == 1000
    with pytest.raises(BodyTooBig):
        decode(body, value, 999)


def test_a_bomb_is_stopped_early():
    bomb = gzip.compress(gzip.compress(b"\0" * 100_000_000))
    with pytest.raises(BodyTooBig):
        decode(bomb, "gzip, gzip", 1_000_000)
