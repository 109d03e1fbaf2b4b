"""What HTTP's own headers say about caching, as far as ResponseCache heeds them.

Source: ResponseCache reference, "Setting an expiration", "Support for HTTP headers"; RFC 9110 and RFC 9111 for what
the headers mean.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from apiproxy_runtime.policy.api import CachedResponse, Headers, Message

ACCEPT_HEADERS = ("Accept", "Accept-Encoding", "Accept-Language", "Accept-Charset")


def directives(headers: Headers) -> dict[str, str]:
    """The directives of Cache-Control, lower case, with their arguments."""
    if "cache-control" not in headers.fields:
        return {}
    found = {}
    for part in headers.values("Cache-Control"):
        name, _, argument = part.partition("=")
        found[name.strip().lower()] = argument.strip().strip('"')
    return found


def bypasses(request: Message) -> bool:
    """Whether the client wants no cached answer: `no-cache`, `no-store` or `max-age=0`."""
    said = directives(request.headers)
    return bool(said) and ("no-cache" in said or "no-store" in said or said.get("max-age") == "0")


def forbids_storing(request: Message) -> bool:
    """Whether the client wants the answer kept nowhere."""
    return "no-store" in directives(request.headers)


def time_to_live(response: Message, now: float) -> float | None:
    """Seconds that a response says it may be kept: `s-maxage`, else `max-age`, else Expires; None if it says nothing.

    `no-store`, `no-cache`, `private` and `Vary: *` are 0, and so is an Expires that is no date (RFC 9111 §5.3).
    """
    said = directives(response.headers)
    if said.keys() & {"no-store", "no-cache", "private"} or "*" in response.headers.values("Vary"):
        return 0.0
    for name in ("s-maxage", "max-age"):
        seconds = said.get(name)
        if seconds is not None:
            return float(seconds) if seconds.isdecimal() else 0.0
    expires = response.headers.get("Expires")
    if expires is None:
        return None
    try:
        return parsedate_to_datetime(expires).timestamp() - now
    except ValueError:
        return 0.0


def varying(response: Message, request: Message) -> tuple[tuple[str, str], ...]:
    """The request headers that Vary names, with what the request says in them."""
    names = sorted({name.lower() for name in response.headers.values("Vary") if name})
    return tuple((name, request.headers.get(name) or "") for name in names)


def fits(cached: CachedResponse, request: Message) -> bool:
    """Whether a request says the same as the one whose answer was kept, where the answer varies."""
    return all((request.headers.get(name) or "") == value for name, value in cached.vary)


def has_it(request: Message, cached: CachedResponse) -> bool:
    """Whether the client already has this response: If-None-Match names its ETag (weak comparison, RFC 9110 §8.8.3.2)."""
    asked = request.headers.values("If-None-Match")
    if not asked:
        return False
    tag = next((value for name, value in cached.headers if name.lower() == "etag"), None)
    return tag is not None and (asked == ["*"] or _opaque(tag) in map(_opaque, asked))


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
