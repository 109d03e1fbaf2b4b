"""What a client sends: an archive, in whatever wrapping, or the path of a folder on this machine.

Clients label the same zip as application/zip, octet-stream or even as a form, so that the body alone decides: a zip
begins with `PK`, and a form with two dashes and its boundary. Of a form the first part that is a zip counts, whatever
its name.
"""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web

from apiproxy_runtime.bundle.archive import FolderSource, Source, SourceError, ZipSource
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.form import parts_between
from apiproxy_runtime.control.loopback import is_loopback

#: How a zip begins: with its first file, or at once with its end.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


async def uploaded(request: web.Request) -> Source:
    """The files that a request brings. Raises Refused."""
    content = await zip_of(request)
    try:
        if content is not None:
            return ZipSource(content, "archive.zip")
        return _folder(request, await request.read())
    except SourceError as error:
        raise Refused(400, "InvalidArchive", str(error)) from None


async def zip_of(request: web.Request) -> bytes | None:
    """The bytes of the zip in a request; None when there is none."""
    body = await request.read()
    if body.startswith(_ZIP):
        return body
    boundary = body.lstrip(b"\r\n").partition(b"\r\n")[0].rstrip(b" \t")
    if not boundary.startswith(b"--"):
        return None
    return next((content for _, content in parts_between(body, boundary) if content.startswith(_ZIP)), None)


def _folder(request: web.Request, body: bytes) -> Source:
    """The folder of `{"path": …}`; only who sits at this machine may name one."""
    try:
        value = json.loads(body) if body else None
    except ValueError:
        value = None
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str):
        raise Refused(
            400,
            "InvalidArchive",
            'the body must be a zip archive (also as a part of multipart/form-data), or JSON: {"path": "/a/folder"}',
        )
    if not is_loopback(request.remote or ""):
        raise Refused(
            403, "FolderNotAllowed", "a folder can be deployed from the same machine only; send a zip"
        )
    if not Path(path).is_absolute():
        raise Refused(400, "InvalidArchive", f"the path must be absolute, not {path!r}")
    if not Path(path).is_dir():
        raise Refused(400, "InvalidArchive", f"{path}: there is no such folder")
    return FolderSource(Path(path))
