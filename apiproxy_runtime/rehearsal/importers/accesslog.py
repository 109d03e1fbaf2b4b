"""Access logs in the common and combined forms (nginx, Apache) and Kong's http-log lines: cases without bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response
from apiproxy_runtime.rehearsal.har import BadRecording, http_version

LINE = re.compile(
    r'(?P<ip>\S+) \S+ (?P<user>.+?) \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\S+)'
    r'(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?'
)
_NOTE = "from an access log: headers and bodies are not known"


def read_access_log(path: Path) -> Iterator[Exchange]:
    """One case for each line of a common or combined log. Raises BadRecording for a line of another form, OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            match = LINE.match(line)
            words = match["request"].split(" ") if match is not None else []
            if match is None or len(words) < 2:
                raise BadRecording(
                    f"{path}:{number}: this is no line of a common or combined access log: {line.strip()[:80]!r}. "
                    "Remove it, or import another format (HAR, GoReplay)."
                )
            headers = [
                (name, match[group])
                for name, group in (("User-Agent", "agent"), ("Referer", "referer"))
                if match[group] not in (None, "-", "")
            ]
            yield Exchange(
                str(number),
                Request(
                    words[0],
                    words[1],
                    tuple(headers),
                    version=http_version(words[2] if len(words) > 2 else "HTTP/1.0"),
                ),
                Response(int(match["status"])),
                session=match["ip"],
                at=_seconds(match["time"]),
                notes=(_NOTE,),
            )


def _seconds(text: str) -> float:
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except ValueError:
        return 0.0


def read_kong_log(path: Path) -> Iterator[Exchange]:
    """One case for each JSON object that Kong's logging plugins wrote, one a line. Raises BadRecording, OSError."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield _kong(json.loads(line), str(number))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadRecording(
                    f"{path}:{number}: this is no entry of Kong's http-log: {type(error).__name__} {error}. "
                    "Each line needs the object with request and response that the plugin writes."
                ) from None


def _kong(entry: dict[str, Any], number: str) -> Exchange:
    request, response = entry["request"], entry["response"]
    return Exchange(
        number,
        Request(request["method"], request.get("url") or request["uri"], _headers(request.get("headers"))),
        Response(int(response["status"]), _headers(response.get("headers"))),
        session=str(entry.get("client_ip", "")),
        at=float(entry.get("started_at", 0)) / 1000,
        millis=float((entry.get("latencies") or {}).get("request", 0)),
        notes=("from Kong's log: bodies are not in it",),
    )


def _headers(held: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(value))
        for name, values in (held or {}).items()
        for value in (values if isinstance(values, list) else [values])
    )
