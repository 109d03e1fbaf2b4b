"""Requests that are answered before any handler sees them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from apiproxy_runtime.message.headers import Headers


class Refusal(Struct, frozen=True):
    """Why a request is refused.

    `kind` is one of "bad_request" (400), "request_timeout" (408), "body_too_big" (413), "line_too_big" (414), "expectation_failed" (417),
    "headers_too_big" (431), "not_implemented" (501, CONNECT), "handler_failed" (500). `limit` is the limit in bytes
    (or lines) that was passed, 0 otherwise.
    """

    kind: str
    status: int
    reason: str
    detail: str
    limit: int = 0


#: Renders a refusal: (status, reason, headers, body).
Render = Callable[[Refusal], tuple[int, str, Headers, bytes]]


def plain(refusal: Refusal) -> tuple[int, str, Headers, bytes]:
    """The refusal as a line of text."""
    return (
        refusal.status,
        refusal.reason,
        Headers([("Content-Type", "text/plain; charset=utf-8")]),
        f"{refusal.detail}\n".encode("utf-8", "replace"),
    )


def bad_request(detail: str) -> Refusal:
    return Refusal("bad_request", 400, "Bad Request", detail)


def line_too_big(limit: int) -> Refusal:
    return Refusal("line_too_big", 414, "URI Too Long", f"request line size exceeding {limit:,}", limit)


def headers_too_big(limit: int, what: str = "size") -> Refusal:
    return Refusal(
        "headers_too_big",
        431,
        "Request Header Fields Too Large",
        f"request headers {what} exceeding {limit:,}",
        limit,
    )


def body_too_big(limit: int) -> Refusal:
    return Refusal("body_too_big", 413, "Content Too Large", "Body buffer overflow", limit)


REQUEST_TIMEOUT = Refusal("request_timeout", 408, "Request Timeout", "the request did not arrive in time")
EXPECTATION_FAILED = Refusal(
    "expectation_failed", 417, "Expectation Failed", "the only expectation served is 100-continue"
)
CONNECT = Refusal(
    "not_implemented", 501, "Not Implemented", "CONNECT is for forward proxies; this is a reverse proxy"
)
HANDLER_FAILED = Refusal("handler_failed", 500, "Internal Server Error", "the request could not be handled")
