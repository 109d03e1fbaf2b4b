"""What a client sends: an archive, in whatever wrapping, or the path of a folder on this machine.

Clients label the same zip as application/zip, octet-stream or even as a form, so that the body decides: a zip begins
with `PK`. Of a multipart body the first part that does counts, whatever its name.
"""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web
from aiohttp.web_request import FileField

from apiproxy_runtime.bundle.archive import FolderSource, Source, SourceError, ZipSource
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.loopback import is_loopback

_ZIP = b"PK"


async def uploaded(request: web.Request) -> Source:
    """The files that a request brings. Raises Refused."""
    content = await zip_of(request)
    try:
        if content is not None:
            return ZipSource(content, "archive.zip")
        body = b"" if request.content_type.startswith("multipart/") else await request.read()
        return _folder(request, body)
    except SourceError as error:
        raise Refused(400, "InvalidArchive", str(error)) from None


async def zip_of(request: web.Request) -> bytes | None:
    """The bytes of the zip in a request; None when there is none."""
    if not request.content_type.startswith("multipart/"):
        body = await request.read()
        return body if body.startswith(_ZIP) else None
    try:
        parts = await request.post()
    except (ValueError, RuntimeError, LookupError) as error:
        raise Refused(400, "InvalidArchive", f"the multipart body cannot be read: {error}") from None
    for part in parts.values():
        content = part.file.read() if isinstance(part, FileField) else part
        if isinstance(content, (bytes, bytearray)) and content.startswith(_ZIP):
            return bytes(content)
    return None


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
