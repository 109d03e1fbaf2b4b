"""Bodies of multipart/form-data, made from fields; the boundary follows from the content, so that imports repeat."""

from __future__ import annotations

import hashlib

from msgspec import Struct


class Part(Struct, frozen=True):
    name: str
    content: bytes
    file_name: str = ""
    content_type: str = ""


def multipart(parts: list[Part]) -> tuple[str, bytes]:
    """(Content-Type, body)."""
    digest = hashlib.sha256(
        b"\0".join(part.name.encode() + b"\0" + part.content for part in parts)
    ).hexdigest()
    boundary = f"------------------------{digest[:22]}"
    body = b""
    for part in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
        if part.file_name:
            head += f'; filename="{_quoted(part.file_name)}"'
        kind = part.content_type or ("application/octet-stream" if part.file_name else "")
        if kind:
            head += f"\r\nContent-Type: {kind}"
        body += head.encode() + b"\r\n\r\n" + part.content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A")
