"""Endpoint properties that shape a program: success codes, limits, and which headers and parameters are kept."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.headers import Headers

MEGABYTE = 1024 * 1024


def flag(properties: dict[str, str], name: str, default: bool) -> bool:
    """A property that is true or false; anything else counts as its default."""
    text = properties.get(name, "").strip().lower()
    return text == "true" if text in ("true", "false") else default


def milliseconds(properties: dict[str, str], name: str, default: int) -> int:
    text = properties.get(name, "").strip()
    return int(text) if text.isdigit() and int(text) > 0 else default


def names(text: str | None) -> frozenset[str]:
    """The lower-case names of a comma list."""
    return frozenset(part.strip().lower() for part in (text or "").split(",") if part.strip())


def byte_limit(text: str | None) -> int:
    """`request.payload.parse.limit` and its like: 10M by default, 30M at most (endpoint properties reference)."""
    digits = (text or "").strip().upper().removesuffix("B").removesuffix("M")
    megabytes = int(digits) if digits.isdigit() else 10
    return min(max(megabytes, 1), 30) * MEGABYTE


def success_codes(text: str | None) -> Callable[[int], bool]:
    """Which statuses are no error: 1xx to 3xx by default; `success.codes` (`1xx,2xx,404`) replaces the default."""
    items = [item.strip().lower() for item in (text or "").split(",") if item.strip()]
    if not items:
        return lambda status: status < 400
    classes = frozenset(
        int(item[0]) for item in items if len(item) == 3 and item[0].isdigit() and item[1:] == "xx"
    )
    codes = frozenset(int(item) for item in items if item.isdigit())
    return lambda status: status in codes or status // 100 in classes


def retain_filter(properties: dict[str, str], *, response: bool) -> Callable[[MessageContext], None] | None:
    """What drops headers (and query parameters) that are not to be passed on; None when all pass.

    A name in the list passes even if the switch is false. Source: endpoint properties reference.
    """
    prefix = "response" if response else "request"
    keep_headers = flag(properties, f"{prefix}.retain.headers.enabled", True)
    headers = names(properties.get(f"{prefix}.retain.headers"))
    keep_query = response or flag(properties, "retain.queryparams.enabled", True)
    query = names(properties.get("retain.queryparams"))
    if keep_headers and keep_query:
        return None

    def drop(ctx: MessageContext) -> None:
        message = ctx.response if response else ctx.request
        assert message is not None
        if not keep_headers:
            drop_headers(message.headers, headers)
        if not keep_query:
            parameters = message.edit_query()
            parameters.pairs = [pair for pair in parameters.pairs if pair[0].lower() in query]

    return drop


def drop_headers(headers: Headers, keep: frozenset[str]) -> None:
    """Remove every header but those named and those that describe the body."""
    described = ("content-type", "content-encoding", "content-length", "transfer-encoding", "host")
    headers.fields = {key: field for key, field in headers.fields.items() if key in keep or key in described}
