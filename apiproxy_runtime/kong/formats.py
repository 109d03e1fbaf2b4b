"""What names, hosts, paths and URLs of entities must look like; each rule says what is wrong with a text, "" for nothing.

Source: Admin API reference; the wordings are those of Kong's own schemas.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import regex

from apiproxy_runtime.kong.path import normalise

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[\w.\-~]+")
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")
_METHOD = re.compile(r"[A-Z]+")


def check_uuid(text: str) -> str:
    return "" if _UUID.fullmatch(text) else "expected a valid UUID"


def check_name(text: str) -> str:
    if _NAME.fullmatch(text):
        return ""
    return f"invalid value '{text}': the only accepted ascii characters are alphanumerics or ., -, _, and ~"


def check_host(text: str) -> str:
    host = text[1:-1] if text.startswith("[") else text
    if "://" in text or "/" in text:
        return f"invalid value: {text}; a host name only, without scheme and path"
    if ":" in host and not text.startswith("[") and host.count(":") == 1:
        return "must not have a port"
    if ":" in host:
        return ""
    if not all(_HOST_LABEL.fullmatch(label) for label in host.rstrip(".").split(".")):
        return f"invalid value: {text}"
    return ""


def check_route_host(text: str) -> str:
    """A host of a route: may begin or end with `*`, may have a port."""
    name, colon, port = text.rpartition(":")
    host = name if colon and port.isdigit() else text
    stars = host.count("*")
    if stars > 1:
        return "invalid wildcard: must have at most one wildcard"
    if stars and not (host.startswith("*.") or host.endswith(".*")):
        return "invalid wildcard: must be placed at leftmost or rightmost label"
    return check_host(host.replace("*", "star"))


def check_route_path(text: str) -> str:
    """A path of a route: a normalised prefix, or `~` and a regular expression."""
    if text.startswith(("~/", "~^/")):
        try:
            regex.compile(text[1:])
        except regex.error as error:
            return f"invalid regex: '{text[1:]}' (PCRE returned: {error})"
        return ""
    if not text.startswith("/"):
        return "should start with: / (fixed path) or ~/ (regex path)"
    if normalise(text) != text:
        return f"non-normalized path, consider use '{normalise(text)}' instead"
    return ""


def check_path(text: str) -> str:
    if not text.startswith("/"):
        return "should start with: /"
    return "must not have empty segments" if "//" in text else ""


def check_method(text: str) -> str:
    return "" if _METHOD.fullmatch(text) else f"invalid value: {text}"


def check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.hostname and (parts.port or 1)
    except ValueError:
        valid = None
    return "" if valid else f"no URL: {text}; write protocol://host:port/path"
