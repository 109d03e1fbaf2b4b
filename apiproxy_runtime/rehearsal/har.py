"""HAR 1.2, read and written without loss: what browsers, mitmproxy and this project's recorder store traffic in.

Every entry that is written reads back as the same exchange: methods, URLs, order and multiplicity of headers, and bytes
of bodies. What HAR has no place for stands in members that begin with `_`, which readers must ignore:
`_id`, `_session`, `_upstream` (calls, each with HAR's own request and response), `_incomplete` (there may have been
more calls), `_notes`, `_expect`, `_masked`,
`_target` (request target of a case without host), `_base64` (a request body that is no text).
Source: "HTTP Archive (HAR) format" (W3C draft), HAR 1.2 spec.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qsl, urlencode

from apiproxy_runtime import __version__
from apiproxy_runtime.rehearsal.exchange import (
    Exchange,
    Expectation,
    HeaderPairs,
    Request,
    Response,
    UpstreamCall,
    charset_of,
    header_values,
)
from apiproxy_runtime.rehearsal.jsonstream import BadJson, array_items

_CREATOR = json.dumps({"name": "apiproxy-runtime", "version": __version__})
_HEAD = f'{{"log":{{"version":"1.2","creator":{_CREATOR},"entries":['.encode()
_TAIL = b"\n]}}\n"


class BadRecording(ValueError):
    """A recording that cannot be read. The text names file, place, cause and cure."""


# ---- reading


def read_har(path: Path) -> Iterator[Exchange]:
    """The exchanges of a HAR file, one at a time, in memory for one. Raises BadRecording, OSError."""
    number = 0
    try:
        for line, entry in array_items(path, "log", "entries"):
            number += 1
            try:
                yield exchange_of(entry, str(number))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise BadRecording(
                    f"{path}:{line}: entry {number} is no HAR entry: {_cause(error)}. "
                    "Each entry needs request.method and request.url; export the recording again as HAR 1.2."
                ) from error
    except BadJson as error:
        raise BadRecording(
            f"{path}:{error.line}: {error.text}, behind {number} good {'entry' if number == 1 else 'entries'}. "
            "A HAR file is one JSON object with log.entries; export it again, or cut what is broken."
        ) from error


def exchange_of(entry: Mapping[str, Any], default_id: str) -> Exchange:
    """One HAR entry as an exchange. Raises KeyError, TypeError, ValueError for what is no entry."""
    request = request_of(entry["request"])
    response = response_of(entry.get("response"))
    notes = [str(note) for note in entry.get("_notes", ())]
    content = (entry.get("response") or {}).get("content") or {}
    if response is not None and "_notes" not in entry and not response.body and content.get("size", 0) > 0:
        notes.append("the recording holds no body of the response")
    if entry.get("_webSocketMessages"):
        notes.append("WebSocket messages are not imported")
    error = entry.get("_error") or (entry.get("response") or {}).get("_error")
    if error and "_notes" not in entry:
        notes.append(f"the request failed when it was recorded: {error}")
    at = _seconds(entry.get("startedDateTime"))
    return Exchange(
        id=str(entry.get("_id", default_id)),
        request=request,
        response=response,
        calls=tuple(_call_of(call, at) for call in entry.get("_upstream", ())),
        calls_recorded="_upstream" in entry and not entry.get("_incomplete", False),
        session=str(entry.get("_session", "")),
        at=at,
        millis=_millis(entry.get("time")),
        name=str(entry.get("comment", "") or ""),
        notes=tuple(notes),
        expectations=tuple(Expectation(item["kind"], item["value"]) for item in entry.get("_expect", ())),
        masked=tuple(str(name) for name in entry.get("_masked", ())),
    )


def request_of(har: Mapping[str, Any]) -> Request:
    """HAR's request. HTTP/2 pseudo headers are left out."""
    headers = _headers_of(har.get("headers"))
    method, url = har["method"], har.get("_target") or har["url"]
    if not isinstance(method, str) or not isinstance(url, str) or not method or not url:
        raise ValueError("request.method and request.url must be texts")
    body = _request_body(har, headers)
    return Request(method, url, headers, body, http_version(har.get("httpVersion")))


def response_of(har: Mapping[str, Any] | None) -> Response | None:
    """HAR's response; None for the status 0 or -1 with which tools say that there was none."""
    if not har or int(har.get("status") or 0) <= 0:
        return None
    headers = _headers_of(har.get("headers"))
    content = har.get("content") or {}
    text = content.get("text")
    body = b""
    if text:
        if content.get("encoding") == "base64":
            body = _from_base64(text)
        else:
            body = _encode(text, next(header_values(headers, "content-type"), content.get("mimeType") or ""))
    return Response(
        int(har["status"]),
        headers,
        body,
        str(har.get("statusText") or ""),
        http_version(har.get("httpVersion")),
    )


def _request_body(har: Mapping[str, Any], headers: HeaderPairs) -> bytes:
    data = har.get("postData")
    if not data:
        return b""
    if "_base64" in data:
        return _from_base64(data["_base64"])
    content_type = next(header_values(headers, "content-type"), data.get("mimeType") or "")
    text = data.get("text")
    if text:
        return _from_base64(text) if data.get("encoding") == "base64" else _encode(text, content_type)
    params = data.get("params") or ()
    if not params or "multipart" in content_type.lower():
        return b""
    # some exporters write the fields of a form only: percent-encoded (browsers) or not, which cannot be told apart
    return urlencode([(param["name"], param.get("value") or "") for param in params]).encode()


def _call_of(har: Mapping[str, Any], begun: float) -> UpstreamCall:
    failure = har.get("_failure") or {}
    at = _seconds(har.get("startedDateTime"))
    return UpstreamCall(
        purpose=str(har.get("_purpose", "target")),
        request=request_of(har["request"]),
        response=response_of(har.get("response")),
        failure=str(failure.get("kind", "")),
        failure_text=str(failure.get("text", "")),
        offset=_millis(har["_offset"]) if "_offset" in har else max(round((at - begun) * 1000, 3), 0.0),
        millis=_millis(har.get("time")),
    )


def _headers_of(pairs: Iterable[Mapping[str, Any]] | None) -> HeaderPairs:
    return tuple(
        (str(pair["name"]), str(pair.get("value", "")))
        for pair in pairs or ()
        if not str(pair["name"]).startswith(":")
    )


def http_version(text: object) -> str:
    """`h2`, `http/2.0`, `HTTP/1.1`, `unknown` in one spelling."""
    name = str(text or "").upper()
    if name in ("H2", "HTTP/2", "HTTP/2.0", "H2C"):
        return "HTTP/2"
    if name in ("H3", "HTTP/3", "HTTP/3.0"):
        return "HTTP/3"
    return name if name.startswith("HTTP/") else "HTTP/1.1"


def _seconds(text: object) -> float:
    if not isinstance(text, str) or not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _millis(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0


def _encode(text: str, content_type: str) -> bytes:
    try:
        return text.encode(charset_of(content_type))
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a body is no base64: {error}") from None


def _cause(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


# ---- writing


class HarFile:
    """Writes a HAR file entry by entry; after each one the file is complete and valid.

    The end of the JSON text is written with every entry and overwritten by the next one in a single write, so that a
    process that dies loses at most the entry under way. Use as a context manager or call `close`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = cast(BinaryIO, path.open("wb", buffering=0))
        self._file.write(_HEAD + _TAIL)
        self._end = len(_HEAD)

    def add(self, exchange: Exchange) -> None:
        """Append one exchange. Raises OSError (disk full); then the file holds what it held before."""
        line = json.dumps(entry_of(exchange), ensure_ascii=False, separators=(",", ":"))
        data = (",\n" if self.count else "\n").encode() + line.encode("utf-8", "backslashreplace")
        self._file.seek(self._end)
        written = self._file.write(data + _TAIL)
        if written != len(data) + len(_TAIL):
            self._file.seek(self._end)
            self._file.write(_TAIL)
            self._file.truncate()
            raise OSError(f"{self.path}: the disk is full")
        self._end += len(data)
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> HarFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_har(path: Path, exchanges: Iterable[Exchange]) -> int:
    """Write all exchanges; how many there were."""
    with HarFile(path) as file:
        for exchange in exchanges:
            file.add(exchange)
        return file.count


def entry_of(exchange: Exchange) -> dict[str, Any]:
    """An exchange as HAR entry."""
    entry: dict[str, Any] = {
        "startedDateTime": _time(exchange.at),
        "time": exchange.millis,
        "request": har_request(exchange.request),
        "response": har_response(exchange.response),
        "cache": {},
        "timings": {"send": 0, "wait": exchange.millis, "receive": 0},
        "_id": exchange.id,
    }
    if exchange.name:
        entry["comment"] = exchange.name
    if exchange.session:
        entry["_session"] = exchange.session
    if exchange.calls_recorded or exchange.calls:
        entry["_upstream"] = [_har_call(call, exchange.at) for call in exchange.calls]
    if exchange.calls and not exchange.calls_recorded:
        entry["_incomplete"] = True
    # always there, so that a reader knows that nothing is to be guessed
    entry["_notes"] = list(exchange.notes)
    if exchange.expectations:
        entry["_expect"] = [{"kind": item.kind, "value": item.value} for item in exchange.expectations]
    if exchange.masked:
        entry["_masked"] = list(exchange.masked)
    return entry


def har_request(request: Request) -> dict[str, Any]:
    har: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "httpVersion": request.version,
        "cookies": [],
        "headers": _har_headers(request.headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(request.query, keep_blank_values=True, errors="replace")
        ],
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if not request.origin:
        har["url"] = f"http://{request.host or 'localhost'}{request.target}"
        har["_target"] = request.url
    if request.body:
        content_type = request.header("content-type") or ""
        text = _decode(request.body, content_type)
        har["postData"] = {"mimeType": content_type, "text": text or ""}
        if text is None:
            har["postData"]["_base64"] = base64.b64encode(request.body).decode()
    return har


def har_response(response: Response | None) -> dict[str, Any]:
    if response is None:
        response = Response(0)
    content_type = response.header("content-type") or ""
    content: dict[str, Any] = {"size": len(response.body), "mimeType": content_type}
    if response.body:
        text = _decode(response.body, content_type)
        content["text"] = text if text is not None else base64.b64encode(response.body).decode()
        if text is None:
            content["encoding"] = "base64"
    return {
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": response.version,
        "cookies": [],
        "headers": _har_headers(response.headers),
        "content": content,
        "redirectURL": response.header("location") or "",
        "headersSize": -1,
        "bodySize": len(response.body),
    }


def _har_call(call: UpstreamCall, begun: float) -> dict[str, Any]:
    har: dict[str, Any] = {
        "startedDateTime": _time(begun + call.offset / 1000),
        "time": call.millis,
        "request": har_request(call.request),
        "response": har_response(call.response),
        "_purpose": call.purpose,
        "_offset": call.offset,
    }
    if call.failure or call.failure_text:
        har["_failure"] = {"kind": call.failure, "text": call.failure_text}
    return har


def _har_headers(headers: HeaderPairs) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _decode(body: bytes, content_type: str) -> str | None:
    """The body as text if it can be had back from it, else None."""
    charset = charset_of(content_type)
    try:
        text = body.decode(charset)
        return text if text.encode(charset) == body else None
    except (UnicodeError, LookupError):
        return None
