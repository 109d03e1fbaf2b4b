"""The access log: one line for each request, as JSON or in the combined format that web servers write.

Lines are written to the file some tenths of a second after their requests, all in one go, in the order in which the
answers were sent. Values of secret query parameters are redacted; headers are not logged but for Referer and User-Agent.
A file that was renamed or removed (logrotate) is opened anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from apiproxy_runtime.control.observe.concealed import Concealed
from apiproxy_runtime.control.observe.jsonbytes import as_json
from apiproxy_runtime.control.observe.outcome import (
    address_of,
    answer_of,
    body_bytes,
    seconds_of,
    status_of,
    target_seconds_of,
)
from apiproxy_runtime.gateway.gateway import unidentified
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import Client, Deployment, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.secrecy import redacted_uri

logger = logging.getLogger("apiproxy")

#: Seconds after which lines are written, and how many lines are not waited for.
PAUSE, MANY = 0.2, 500

_message_id = variables.getter("messageid")

Line = Callable[[MessageContext, frozenset[str]], bytes]


class AccessLog:
    """Writes to a file, or with `-` to standard output. Raises OSError when the file cannot be opened."""

    def __init__(self, place: str, form: str) -> None:
        self._line = FORMS[form]
        self._path = None if place == "-" else Path(place)
        self._file = sys.stdout.fileno() if self._path is None else _opened(self._path)
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._failing = False

    def attach(self, runtime: Runtime) -> None:
        """Log the requests of a runtime."""
        concluded = self.listener(Concealed(runtime).names)

        def strayed(exchange: Exchange) -> None:
            # as a transaction that no proxy took
            ctx = MessageContext(Message(True, exchange.headers), Deployment(), Client(*exchange.peer))
            ctx.request.verb, ctx.client.request_uri = exchange.method, exchange.target
            ctx.client.received_start, ctx.client.sent_end = exchange.received, time.time()
            ctx.deployment.environment = runtime.services.environment.name
            ctx.fault, ctx.error = unidentified(exchange, exchange.target.partition("?")[0])
            concluded(ctx)

        gateway = runtime.gateway
        gateway.concluded = (*gateway.concluded, concluded)
        gateway.strayed = (*gateway.strayed, strayed)

    def listener(self, secrets: Callable[[], frozenset[str]]) -> Callable[[MessageContext], None]:
        """What a gateway calls with each transaction that has ended; `secrets` are names in lower case."""
        lines, line_of = self._lines, self._line

        def concluded(ctx: MessageContext) -> None:
            lines.append(line_of(ctx, secrets()))
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(PAUSE, self.write)
            elif len(lines) >= MANY:
                self.write()

        return concluded

    def write(self) -> None:
        """Write the lines that wait. A disk that is full costs lines and one message, never a request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        data = b"\n".join(self._lines) + b"\n"
        self._lines.clear()
        try:
            if self._path is not None and _moved(self._path, self._file):
                os.close(self._file)
                self._file = _opened(self._path)
            while data:
                data = data[os.write(self._file, data) :]
            self._failing = False
        except OSError as error:
            if not self._failing:
                logger.error("The access log cannot be written: %s", error)
            self._failing = True

    def close(self) -> None:
        self.write()
        if self._path is not None:
            os.close(self._file)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


def _moved(path: Path, file: int) -> bool:
    """Whether the path now names another file, or none."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return True
    here = os.fstat(file)
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


def json_line(ctx: MessageContext, secrets: frozenset[str]) -> bytes:
    """One JSON object. Times are milliseconds, except `time` (RFC 3339)."""
    client, deployment, fault = ctx.client, ctx.deployment, ctx.fault
    answer, target = answer_of(ctx), ctx.target
    waited = target_seconds_of(ctx)
    headers = ctx.request.headers
    line: dict[str, Any] = {
        "time": _rfc3339(client.received_start),
        "client": address_of(ctx),
        "method": ctx.request.verb,
        "uri": redacted_uri(client.request_uri, secrets),
        "status": status_of(ctx),
        "bytes": body_bytes(answer) if answer is not None else 0,
        "duration": round(seconds_of(ctx) * 1000, 1),
        "target_duration": round(waited * 1000, 1) if waited else None,
        "environment": deployment.environment,
        "proxy": deployment.proxy or None,
        "revision": deployment.revision if deployment.proxy else None,
        "target": target.name if target is not None else None,
        "target_host": target.host if target is not None else None,
        "app": ctx.variables.get("apigee.developer.app.name"),
        "fault": fault.name if fault is not None else None,
        "policy": fault.policy if fault is not None else None,
        "user_agent": headers.get("User-Agent"),
        "message_id": _message_id(ctx),
        "traceparent": headers.get("traceparent"),
    }
    return as_json({name: value for name, value in line.items() if value is not None})


def combined_line(ctx: MessageContext, secrets: frozenset[str]) -> bytes:
    """The combined log format of Apache and nginx; the user is the developer app."""
    client, headers, answer = ctx.client, ctx.request.headers, answer_of(ctx)
    at = _written("%d/%b/%Y:%H:%M:%S +0000", int(client.received_start))
    size = body_bytes(answer) if answer is not None else 0
    first = f"{ctx.request.verb} {redacted_uri(client.request_uri, secrets)} HTTP/{ctx.request.version}"
    user = str(ctx.variables.get("apigee.developer.app.name") or "-").replace(" ", "_")
    referer = redacted_uri(headers.get("Referer") or "-", secrets)
    agent = headers.get("User-Agent") or "-"
    line = (
        f"{address_of(ctx)} - {_plain(user)} [{at}] "
        f'"{_plain(first)}" {status_of(ctx)} {size or "-"} "{_plain(referer)}" "{_plain(agent)}"'
    )
    return line.encode("utf-8", "backslashreplace")


def _plain(text: str) -> str:
    """Text that cannot end its field, or begin a line."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        f"\\x{ord(char):02x}" if char in '"\\' or not char.isprintable() else char for char in text
    )


def _rfc3339(seconds: float) -> str:
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"{_written('%Y-%m-%dT%H:%M:%S', whole)}.{rest:03d}Z"


@lru_cache(8)
def _written(form: str, second: int) -> str:
    """A second of UTC, which many requests share."""
    return time.strftime(form, time.gmtime(second))


FORMS: dict[str, Line] = {"json": json_line, "combined": combined_line}
