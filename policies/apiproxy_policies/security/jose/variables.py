"""The flow variables that say what is in a token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apiproxy_policies.security.jose.compact import write_json
from apiproxy_runtime.policy.api import text_of

#: Standard claims and the names they have besides their own; times are milliseconds there.
_NAMED = {"aud": "audience", "iss": "issuer", "sub": "subject"}
_TIMES = {"exp": "expiry", "iat": "issuedat", "nbf": "notbefore"}
_NAMED_HEADERS = {"alg": "algorithm", "typ": "type"}

HEADER_VARIABLES = {
    "header.algorithm": "`alg` of the token",
    "header.kid": "id of its key",
    "header.type": "`typ`, usually JWT",
    "header.{name}": "any header",
    "decoded.header.{name}": "any header; objects and lists as JSON",
    "header-json": "all headers as JSON",
}
CLAIM_VARIABLES = {
    "claim.audience": "`aud`: text or a list",
    "claim.issuer": "`iss`",
    "claim.subject": "`sub`",
    "claim.expiry": "`exp` in milliseconds since 1970",
    "claim.issuedat": "`iat` in milliseconds since 1970",
    "claim.notbefore": "`nbf` in milliseconds since 1970",
    "claim.{name}": "any claim; objects and lists as Java prints them",
    "decoded.claim.{name}": "any claim; objects and lists as JSON, times in seconds since 1970",
    "payload-json": "all claims as JSON",
    "payload-claim-names": "list of the names of the claims",
    "expiry_formatted": "`exp` as 2017-09-28T21:30:45.000+0000",
    "is_expired": "whether `exp` is past",
    "seconds_remaining": "until `exp`; below zero afterwards",
    "time_remaining_formatted": "until `exp` as 00:59:59.926",
}


def java_text(value: Any) -> Any:
    """A JSON value as Java's collections print it; simple values as they are."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={_inside(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return [java_text(item) for item in value]
    return value


def _inside(value: Any) -> str:
    return "null" if value is None else text_of(java_text(value))


def _decoded(value: Any) -> Any:
    return write_json(value) if isinstance(value, dict | list) else value


def header_variables(prefix: str, header: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What is known of a token's header. `prefix` ends in a dot."""
    found = {f"{prefix}header-json": text}
    for name, value in header.items():
        simple = value.__class__ is str
        found[f"{prefix}header.{name}"] = value if simple else java_text(value)
        found[f"{prefix}decoded.header.{name}"] = value if simple else _decoded(value)
        if name in _NAMED_HEADERS:
            found[f"{prefix}header.{_NAMED_HEADERS[name]}"] = value
    return found


def claim_variables(prefix: str, claims: Mapping[str, Any], text: str, now: float) -> dict[str, Any]:
    """What is known of a token's payload. `now` in seconds since 1970."""
    found: dict[str, Any] = {
        f"{prefix}payload-json": text,
        f"{prefix}payload-claim-names": list(claims),
        f"{prefix}is_expired": False,
    }
    for name, value in claims.items():
        simple = value.__class__ is str or value.__class__ is int
        found[f"{prefix}claim.{name}"] = shown = value if simple else java_text(value)
        found[f"{prefix}decoded.claim.{name}"] = value if simple else _decoded(value)
        if name in _NAMED:
            found[f"{prefix}claim.{_NAMED[name]}"] = shown
        elif name in _TIMES and (seconds := seconds_of(value)) is not None:
            found[f"{prefix}claim.{_TIMES[name]}"] = round(seconds * 1000)
    expiry = seconds_of(claims.get("exp"))
    if expiry is not None:
        remaining = round((expiry - now) * 1000)
        found[f"{prefix}is_expired"] = remaining <= 0
        found[f"{prefix}seconds_remaining"] = int(remaining / 1000)
        found[f"{prefix}time_remaining_formatted"] = format_remaining(remaining)
        found[f"{prefix}expiry_formatted"] = format_moment(expiry)
    return found


#: the moments that can be written: the years 1 to 9999
_MOMENTS = (-62_135_596_800, 253_402_300_799)


def seconds_of(value: Any) -> float | None:
    """A NumericDate of RFC 7519; None for anything else, and for moments that no calendar reaches."""
    if isinstance(value, int | float) and not isinstance(value, bool) and _MOMENTS[0] <= value <= _MOMENTS[1]:
        return value
    return None


def format_moment(seconds: float) -> str:
    """`2017-09-28T21:30:45.000+0000`."""
    moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "+0000"


def format_remaining(milliseconds: int) -> str:
    """`00:59:59.926`; with a minus before it when it is past."""
    seconds, rest = divmod(abs(milliseconds), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if milliseconds < 0 else ''}{hours:02}:{minutes:02}:{seconds:02}.{rest:03}"
