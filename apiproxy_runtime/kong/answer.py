"""What Kong itself answers: the ways out of a plugin, and the words for what goes wrong outside of plugins.

`exit` sends a table as compact JSON and a text as it is, `error` fills a template by the request's Accept header.
Source: PDK reference, kong.response; template of the default error page.
"""

from __future__ import annotations

import json
import re
from typing import Any

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message

JSON_TYPE = "application/json; charset=utf-8"

_TEMPLATES = {
    JSON_TYPE: '{\n  "message":"%s",\n  "request_id":"%s"\n}',
    "text/html; charset=utf-8": (
        '<!doctype html>\n<html>\n  <head>\n    <meta charset="utf-8">\n    <title>Error</title>\n  </head>\n'
        "  <body>\n    <h1>Error</h1>\n    <p>%s.</p>\n    <p>request_id: %s</p>\n  </body>\n</html>\n"
    ),
    "text/plain; charset=utf-8": "%s\nrequest_id: %s\n",
    "application/xml; charset=utf-8": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>%s</message>\n'
        "  <requestid>%s</requestid>\n</error>\n"
    ),
}
_TYPES = {
    "application/json": JSON_TYPE,
    "application/xml": "application/xml; charset=utf-8",
    "application/*": JSON_TYPE,
    "text/html": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
    "text/*": "text/plain; charset=utf-8",
    "*/*": JSON_TYPE,
}
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)")

#: What is said of a status for which nobody found words.
STATUS_TEXTS = {
    400: "Bad request",
    401: "Unauthorized",
    402: "Payment required",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    407: "Proxy authentication required",
    408: "Request timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length required",
    412: "Precondition failed",
    413: "Payload too large",
    414: "URI too long",
    415: "Unsupported media type",
    416: "Range not satisfiable",
    417: "Expectation failed",
    418: "I'm a teapot",
    421: "Misdirected request",
    422: "Unprocessable entity",
    423: "Locked",
    424: "Failed dependency",
    425: "Too early",
    426: "Upgrade required",
    428: "Precondition required",
    429: "Too many requests",
    431: "Request header fields too large",
    451: "Unavailable for legal reasons",
    494: "Request header or cookie too large",
    500: "An unexpected error occurred",
    501: "Not implemented",
    502: "An invalid response was received from the upstream server",
    503: "The upstream server is currently unavailable",
    504: "The upstream server is timing out",
    505: "HTTP version not supported",
}


class Exit(Exception):
    """Answers in place of the upstream; raised in rewrite or access. Later access handlers do not run.

    text    what was refused, for traces
    source  `exit` or `error`, as logs tell it
    """

    def __init__(self, message: Message, text: str = "", source: str = "exit") -> None:
        super().__init__(f"{message.status} {text}")
        self.message = message
        self.text = text
        self.source = source


def exit_json(status: int, body: Any, headers: dict[str, str] | None = None) -> Exit:
    """`kong.response.exit(status, table)`."""
    text = body.get("message", "") if isinstance(body, dict) else ""
    message = _message(status, headers)
    if "content-type" not in message.headers.fields:
        message.headers.set("Content-Type", JSON_TYPE)
    message.body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return Exit(message, str(text))


def exit_text(status: int, body: str | bytes = b"", headers: dict[str, str] | None = None) -> Exit:
    """`kong.response.exit(status, text)`: the body as it is, without a Content-Type."""
    message = _message(status, headers)
    message.body = body.encode() if isinstance(body, str) else body
    return Exit(message, message.body.decode("utf-8", "replace")[:200])


def error(ctx: KongContext, status: int, text: str = "", headers: dict[str, str] | None = None) -> Exit:
    """`kong.response.error(status, text)`."""
    return Exit(error_message(ctx, status, text, headers), text or STATUS_TEXTS.get(status, ""), "error")


def error_message(
    ctx: KongContext, status: int, text: str = "", headers: dict[str, str] | None = None
) -> Message:
    """The body of an error page, in the type that the request accepts."""
    accept = ctx.request.headers.get("Accept")
    message = _message(status, headers)
    message.headers.set("Content-Type", error_type(accept))
    message.body = error_body(accept, status, text, ctx.request_id)
    return message


def error_body(accept: str | None, status: int, text: str, request_id: str) -> bytes:
    text = text or STATUS_TEXTS.get(status, f"The upstream server responded with {status}")
    return (_TEMPLATES[error_type(accept)] % (text, request_id)).encode()


def error_type(accept: str | None) -> str:
    """The media type of an error for an Accept header: the most wanted that there is a template for, else JSON."""
    best, best_quality = JSON_TYPE, 0.0
    for item in (accept or "").split(","):
        kind = _TYPES.get(item.partition(";")[0].strip().lower())
        found = _QUALITY.search(item)
        quality = float(found.group(1)) if found else 1.0
        if kind is not None and quality > best_quality:
            best, best_quality = kind, quality
    return best


def _message(status: int, headers: dict[str, str] | None) -> Message:
    message = Message(False, Headers((headers or {}).items()))
    message.status = status
    return message
