"""Paths: how Kong normalises one to match it, and what it makes of it for the upstream.

Source: Kong's proxying reference ("Request path normalization", "path_handling"), and the open-source gateway's own
behaviour where that is silent.
"""

from __future__ import annotations

import re

_RESERVED = frozenset("!*'();:@&=+$,/?%#[]")
_TRIPLET = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^!#$&'()*+,/:;=?@\[\\\]A-Za-z0-9\-_.~%]")


def normalise(path: str) -> str:
    """The path that routes are matched with.

    Percent triplets are decoded unless they stand for a reserved character (those are upper-cased), slashes are
    merged, `.` and `..` resolved. Bytes that are no UTF-8 survive as surrogates.
    """
    if "%" in path:
        path = _decode(path)
    if "//" not in path and "." not in path:
        return path
    parts: list[str] = []
    segments = path.split("/")
    last = segments[-1]
    for segment in segments[1:] if path.startswith("/") else segments:
        if segment == "..":
            if parts:
                parts.pop()
        elif segment not in ("", "."):
            parts.append(segment)
    text = "/" + "/".join(parts)
    if parts and last in ("", ".", ".."):
        text += "/"
    return text


def _decode(path: str) -> str:
    raw = bytearray()
    place = 0
    data = path.encode("utf-8", "surrogateescape")
    while place < len(data):
        if data[place] == 0x25 and (match := _TRIPLET.match(data[place : place + 3].decode("latin-1"))):
            code = int(match.group(1), 16)
            if chr(code) in _RESERVED:
                raw += match.group(0).upper().encode()
            else:
                raw.append(code)
            place += 3
        else:
            raw.append(data[place])
            place += 1
    return raw.decode("utf-8", "surrogateescape")


def escape(path: str) -> str:
    """A normalised path as it can stand on a request line: what is unsafe there becomes `%XX`."""
    if _UNSAFE.search(path) is None:
        return path
    return _UNSAFE.sub(_percent, path)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogateescape"))


def upstream_path(base: str, request: str, matched: str, strip: bool, handling: str = "v0") -> str:
    """The path to ask the upstream for.

    base      path of the service, `/` when it has none
    request   the normalised path of the request
    matched   the part of it that the route's path matched, `/` when the route has no paths
    handling  `v0`; `v1` joins service and request paths with exactly one slash, or none
    """
    prefix = matched if strip else "/"
    postfix = _clean(request[len(prefix) :])
    if handling == "v1":
        return _path_v1(base, request, postfix, strip)
    if base.endswith("/"):
        if not strip:
            return base + request[1:]
        if not postfix:
            if base == "/":
                return "/"
            return base if request.endswith("/") else base[:-1]
        return base[:-1] + postfix if postfix[0] == "/" else base + postfix
    if not strip:
        return base if request == "/" else base + request
    if not postfix:
        return base + "/" if len(request) > 1 and request.endswith("/") else base
    return base + postfix if postfix[0] == "/" else f"{base}/{postfix}"


def _path_v1(base: str, request: str, postfix: str, strip: bool) -> str:
    if not strip:
        postfix = request[1:]
    if base.endswith("/") and postfix.startswith("/"):
        postfix = postfix[1:]
    return base + postfix


def _clean(postfix: str) -> str:
    """What is left of a path behind the matched part, so that it cannot climb out of the service's path."""
    if postfix in (".", ".."):
        return ""
    if postfix.startswith("./"):
        return postfix[2:]
    return postfix[3:] if postfix.startswith("../") else postfix
