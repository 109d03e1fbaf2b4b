"""Files in a form. Read leniently: apigee-edge-js never closes the forms it sends."""

from __future__ import annotations

import re

from aiohttp import web

from apiproxy_runtime.control.answer import Refused

_BOUNDARY = re.compile(r"""\bboundary=(?:"([^"]+)"|([^\s;]+))""", re.IGNORECASE)
_NAME = re.compile(
    rb"""^Content-Disposition:[^\r\n]*?[;\s]name=(?:"([^"\r\n]*)"|([^\s;]+))""", re.IGNORECASE | re.MULTILINE
)


async def parts_of(request: web.Request) -> list[tuple[str, bytes]]:
    """Names and contents of the parts of a multipart body that have names, in order. Raises Refused."""
    found = _BOUNDARY.search(request.headers.get("Content-Type", ""))
    if found is None:
        raise Refused(400, "InvalidForm", "the Content-Type of the form names no boundary")
    parts = parts_between(await request.read(), b"--" + (found.group(1) or found.group(2)).encode())
    return [(name, content) for name, content in parts if name]


def parts_between(body: bytes, delimiter: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of the parts of a form; the name is empty where a part has none.

    Source: RFC 7578 and RFC 2046, section 5.1; a part without headers is left out, a missing end forgiven.
    """
    parts = []
    for piece in (b"\r\n" + body).split(b"\r\n" + delimiter)[1:]:
        if piece.startswith(b"--"):
            break
        headers, blank, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(headers)
        if blank:
            given = (name.group(1) or name.group(2) or b"") if name is not None else b""
            parts.append((given.decode("utf-8", "replace"), content))
    return parts


async def file_of(request: web.Request) -> bytes:
    """The body, or the first part of a form. Raises Refused."""
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    parts = await parts_of(request)
    if not parts:
        raise Refused(400, "InvalidForm", "the form holds no file")
    return parts[0][1]
