"""Traffic in whatever form people have it: finds out what a file is, and reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.har import BadRecording, read_har
from apiproxy_runtime.rehearsal.importers.accesslog import LINE, read_access_log, read_kong_log
from apiproxy_runtime.rehearsal.importers.curl import read_curl
from apiproxy_runtime.rehearsal.importers.emulator import read_trace
from apiproxy_runtime.rehearsal.importers.goreplay import SEPARATOR, read_goreplay
from apiproxy_runtime.rehearsal.importers.openapi_refused import read_specification
from apiproxy_runtime.rehearsal.importers.postman import read_postman

Read = Callable[[Path], Iterator[Exchange]]

#: What is looked at to tell formats apart.
_HEAD = 64 * 1024

FORMATS: dict[str, Read] = {
    "HAR": read_har,
    "Postman collection": read_postman,
    "curl": read_curl,
    "OpenAPI": read_specification,
    "trace": read_trace,
    "GoReplay": read_goreplay,
    "access log": read_access_log,
    "Kong http-log": read_kong_log,
}


def read_traffic(path: Path) -> Iterator[Exchange]:
    """The exchanges of a file of any known format, one at a time. Raises BadRecording, OSError."""
    return FORMATS[format_of(path)](path)


def format_of(path: Path) -> str:
    """The format's name, a key of FORMATS. Raises BadRecording for a file that is none of them, OSError."""
    with path.open("rb") as file:
        data = file.read(_HEAD)
    text = data.decode("utf-8-sig", "replace")
    start = text.lstrip()
    if start.startswith(("{", "[")):
        return _of_json(path, start)
    if start.startswith("<"):
        if "<DebugSession" in text:
            return "trace"
    elif SEPARATOR in data or (start[:2] in ("1 ", "2 ") and "HTTP/1." in text):
        return "GoReplay"
    elif any(
        line.startswith(("openapi:", "swagger:", "'openapi'", '"openapi"')) for line in text.splitlines()
    ):
        return "OpenAPI"
    elif LINE.match(start):
        return "access log"
    elif "curl" in text:
        return "curl"
    raise BadRecording(
        f"{path}: the format is not known. Give a HAR file, a Postman collection (v2.1), curl commands, an OpenAPI "
        "document, a trace of the emulator or of a debug session, a GoReplay file, or an access log."
    )


def _of_json(path: Path, start: str) -> str:
    if path.suffix == ".har" or '"log"' in start[:400]:
        return "HAR"
    first = start.splitlines()[0]
    try:
        line = json.loads(first)
    except ValueError:
        line = None
    if isinstance(line, dict) and "request" in line and "response" in line and "log" not in line:
        return "Kong http-log"
    for mark, name in (
        ('"DebugSession"', "trace"), ('"Messages"', "trace"), ('"point"', "trace"), ("schema.getpostman.com", "Postman collection"),
        ('"openapi"', "OpenAPI"), ('"swagger"', "OpenAPI"), ('"_postman_id"', "Postman collection"), ('"entries"', "HAR"),
        ('"item"', "Postman collection"),
    ):  # fmt: skip
        if mark in start:
            return name
    return "HAR"
