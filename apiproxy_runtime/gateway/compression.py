"""Bodies under a Content-Encoding: decoded on arrival, sent as they came when nobody changed them.

Policies see the decoded text, and limits count it. Unset `compression.algorithm`, what arrives compressed leaves
compressed in the same way; `gzip`, `deflate` and `none` force it. Source: endpoint properties reference.
"""

from __future__ import annotations

from apiproxy_runtime.gateway.http.content_encoding import decode, encode
from apiproxy_runtime.message.message import Message


def decode_body(message: Message, limit: int) -> None:
    """Replace an encoded body by the decoded one, remembering the former.

    Raises BadEncoding, UnsupportedEncoding, BodyTooBig (all of the HTTP layer).
    """
    field = message.headers.fields.get("content-encoding")
    if field is None or not message.body:
        return
    encoding = ", ".join(field[1:])
    raw = message.body
    plain = decode(raw, encoding, limit)
    if plain is not raw:
        message.body = plain
        message.encoded = raw


def wire_body(message: Message) -> bytes | list[bytes]:
    """The body as it goes out under the message's Content-Encoding, perhaps in pieces."""
    if "content-encoding" not in message.headers.fields:
        return message.pieces
    if message.encoded is not None:
        return message.encoded
    body = message.body
    return encode(body, message.headers.get("content-encoding") or "") if body else body


def force_encoding(message: Message, algorithm: str) -> None:
    """Make the message leave under `gzip`, `deflate` or `none` whatever it came under."""
    if algorithm == "none":
        message.headers.remove("Content-Encoding")
    elif message.body and (message.headers.get("Content-Encoding") or "").strip().lower() != algorithm:
        message.encoded = None
        message.headers.set("Content-Encoding", algorithm)
