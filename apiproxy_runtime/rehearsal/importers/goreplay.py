"""GoReplay's files: raw requests and responses, parted by lines with three monkeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response
from apiproxy_runtime.rehearsal.har import BadRecording

SEPARATOR = "\n🐵🙈🙉\n".encode()
_CHUNK = 1 << 20
#: Requests whose response has not come yet; the oldest is given out without one when there are more.
_WAITING = 1000


class _Payload(Struct, frozen=True):
    """`kind` 1 request, 2 response, 3 replayed response; times in nanoseconds."""

    kind: str
    id: str
    at: int
    raw: bytes


def read_goreplay(path: Path) -> Iterator[Exchange]:
    """Requests with their responses, in order of the requests. Raises BadRecording, OSError."""
    waiting: dict[str, Exchange] = {}
    with path.open("rb") as file:
        for number, raw in enumerate(_pieces(file), 1):
            try:
                payload = _payload(raw)
                if payload.kind == "1":
                    waiting[payload.id] = Exchange(
                        payload.id, _request(payload.raw), at=round(payload.at / 1e9, 6)
                    )
                elif payload.kind == "2" and payload.id in waiting:
                    request = waiting[payload.id]
                    millis = round(max(payload.at / 1e9 - request.at, 0.0) * 1000, 3)
                    waiting[payload.id] = replace(request, response=_response(payload.raw), millis=millis)
            except (ValueError, IndexError) as error:
                raise BadRecording(
                    f"{path}: payload {number} is none of GoReplay's: {error}. Each begins with a line "
                    "of type, id and time, followed by a raw HTTP message."
                ) from None
            while waiting:
                first = next(iter(waiting.values()))
                if first.response is None and len(waiting) < _WAITING:
                    break
                del waiting[first.id]
                yield first
    yield from waiting.values()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    buffer = b""
    while data := file.read(_CHUNK):
        *whole, buffer = (buffer + data).split(SEPARATOR)
        yield from (piece for piece in whole if piece.strip())
    if buffer.strip():
        yield buffer


def _payload(raw: bytes) -> _Payload:
    head, _, rest = raw.lstrip(b"\n").partition(b"\n")
    words = head.decode("ascii").split()
    if len(words) < 3 or words[0] not in "123":
        raise ValueError(f"its first line is {head[:60]!r}")
    return _Payload(words[0], words[1], int(words[2]), rest)


def _message(raw: bytes) -> tuple[list[str], tuple[tuple[str, str], ...], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    pairs = [line.partition(":") for line in lines if line]
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    if any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers):
        body = _unchunked(body)
        headers = tuple(pair for pair in headers if pair[0].lower() != "transfer-encoding")
    return first.split(" ", 2), headers, body


def _unchunked(body: bytes) -> bytes:
    found, rest = b"", body
    while True:
        size, mark, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16) if mark else 0
        if length == 0:
            return found
        found, rest = found + rest[:length], rest[length + 2 :]


def _request(raw: bytes) -> Request:
    (method, target, *version), headers, body = _message(raw)
    host = next((value for name, value in headers if name.lower() == "host"), "")
    url = f"http://{host}{target}" if host and target.startswith("/") else target
    return Request(method, url, headers, body, version[0] if version else "HTTP/1.1")


def _response(raw: bytes) -> Response:
    (version, status, *reason), headers, body = _message(raw)
    return Response(int(status), headers, body, reason[0] if reason else "", version)
