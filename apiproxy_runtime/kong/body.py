"""The body of a request as the fields that plugins look at and change: JSON, form or multipart."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from apiproxy_runtime.message.message import Message

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"


def fields_of(request: Message) -> dict[str, Any]:
    """The fields of a body at its top level; several values of a form field are a list. Empty for anything else."""
    kind = request.content_type()
    if kind == JSON:
        try:
            parsed = request.json()
        except ValueError:
            return {}
        return dict(parsed) if isinstance(parsed, dict) else {}
    if kind == FORM:
        found: dict[str, Any] = {}
        for name in request.form.names():
            values = request.form.values(name)
            found[name] = values if len(values) > 1 else values[0]
        return found
    if kind == MULTIPART:
        return {part.name: part.text for part in parts_of(request)}
    return {}


class Part:
    """One part of a multipart body: its head as it stood, and its content."""

    __slots__ = ("content", "head", "name")

    def __init__(self, name: str, head: bytes, content: bytes) -> None:
        self.name = name
        self.head = head
        self.content = content

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    @classmethod
    def simple(cls, name: str, value: str) -> Part:
        quoted = name.replace('"', "%22")
        return cls(name, f'Content-Disposition: form-data; name="{quoted}"'.encode(), value.encode())


def boundary_of(request: Message) -> bytes:
    """The boundary of a multipart body; empty when Content-Type names none."""
    header = request.headers.get("Content-Type") or ""
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {header}\r\n\r\n".encode("utf-8", "replace")
    )
    return (message.get_boundary() or "").encode()


def parts_of(request: Message) -> list[Part]:
    """The parts of a multipart/form-data body (RFC 7578). What is no part is left out."""
    boundary = boundary_of(request)
    if not boundary:
        return []
    parts = []
    for piece in (b"\r\n" + request.body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            break
        head, _, content = piece.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        message = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
        name = message.get_param("name", header="content-disposition")
        if isinstance(name, str):
            parts.append(Part(name, head, content))
    return parts


def joined(parts: list[Part], boundary: bytes) -> bytes:
    """The body that parts make."""
    pieces = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, part.head, part.content) for part in parts]
    return b"".join(pieces) + b"--%s--\r\n" % boundary
