"""Makes the points of a transaction of what was recorded, masked, once it is over or somebody asks."""

from __future__ import annotations

import base64
from typing import Any, Literal

from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.recorded import Held, Open
from apiproxy_runtime.control.trace.transaction import (
    CONTENT_LIMIT,
    MASKED,
    VALUE_LIMIT,
    Access,
    CallMade,
    ChoiceMade,
    Point,
    Snapshot,
    StepTaken,
)
from apiproxy_runtime.gateway.observation import UNKNOWN
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.step import Choice

#: Bytes that a point, an access and a header are taken to need.
_POINT, _ACCESS, _LINE = 400, 200, 120


class Freezer:
    """Makes points and snapshots of what a recorder holds; one that stays the same is made once."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self.known: dict[int, Snapshot] = {}
        self.masked: set[str] = set()
        self.contents: set[int] = set()
        self.size = 0

    def point(self, item: Open | Point, ended: float | None) -> Point:
        """A point; calls that got no answer lasted until the transaction `ended`."""
        self.size += _POINT
        if not isinstance(item, Open):
            return item
        what = item.what
        if isinstance(what, Choice):
            return ChoiceMade(
                item.at,
                item.took,
                item.phase,
                what.kind,
                what.name,
                what.condition_text,
                item.holds,
                self.accesses(item),
                item.depth,
            )
        if isinstance(what, Call):
            took = item.took if item.after is not None else ended - item.at if ended is not None else 0.0
            return CallMade(
                item.at,
                took,
                item.phase,
                what.purpose,
                self.masks.uri(what.url),
                self.snapshot(item.before),
                self.snapshot(item.after) if item.after is not None else None,
                item.depth,
            )
        return StepTaken(
            item.at,
            item.took,
            item.phase,
            what.policy,
            what.kind,
            what.file,
            what.line,
            what.condition_text,
            item.outcome,
            what.continue_on_error,
            item.fault,
            self.accesses(item),
            tuple(item.printed),
            self.snapshot(item.before) if item.before is not None else None,
            self.snapshot(item.after) if item.after is not None else None,
            item.depth,
        )

    def accesses(self, item: Open) -> tuple[Access, ...]:
        """What was read and written, each once; a write of a built-in variable is told by two that know of it."""
        found: dict[tuple[str, str, str | None], Access] = {}
        text = self.text
        for name, value, before, done, written in item.accesses:
            shown = text(name, value)
            if not written:
                found.setdefault(("get", name, shown), Access("get", name, shown))
                continue
            action: Literal["set", "remove"] = "remove" if value is None and done else "set"
            key = (action, name, shown)
            if key not in found:
                told = None if before is None or before is UNKNOWN else text(name, before)
                found[key] = Access(action, name, shown, told, done)
        self.size += _ACCESS * len(found)
        return tuple(found.values())

    def text(self, name: str, value: Any) -> str | None:
        """A value as it is shown."""
        if value is None:
            return None
        masks = self.masks
        text = value if value.__class__ is str else text_of(value)
        if name[:8] == "private." or not masks.idle:
            if masks.hides(name):
                self.masked.add(name)
                return MASKED
            text = masks.value(name, text)
        if len(text) > VALUE_LIMIT:
            text = f"{text[:VALUE_LIMIT]}… ({len(text)} characters)"
        self.size += len(text)
        return text

    def snapshot(self, held: Held | None) -> Snapshot:
        assert held is not None
        known = self.known.get(id(held))
        if known is None:
            known = self.known[id(held)] = self._snapshot(held)
        return known

    def _snapshot(self, held: Held) -> Snapshot:
        masks = self.masks
        headers = masks.lines(held.headers)
        for name, _ in headers:
            if name.lower() in masks.headers:
                self.masked.add(f"header {name}")
        body = b"".join(held.body) if isinstance(held.body, list) else held.body
        content_type = (held.headers.get("content-type") or "").partition(";")[0].strip().lower()
        data = body
        if masks.covers_bodies and body:
            kind = "request" if held.is_request else "fault" if held.faulty else "response"
            data = masks.body(body, kind, content_type)
            if data is not body and data != body:
                self.masked.add("content")
        content, form = _text(data, held.headers)
        truncated = len(content) > CONTENT_LIMIT
        content = content[:CONTENT_LIMIT]
        if id(held.body) not in self.contents:
            self.contents.add(id(held.body))
            self.size += len(content)
        self.size += _LINE * len(headers)
        uri = masks.uri(held.uri)
        if uri != held.uri:
            self.masked.add("query")
        return Snapshot(
            is_request=held.is_request,
            verb=held.verb if held.is_request else "",
            uri=uri,
            status=0 if held.is_request else held.status,
            reason="" if held.is_request else _reason(held),
            version=held.version if "/" in held.version else f"HTTP/{held.version}",
            headers=headers,
            content=content,
            size=len(body),
            form="stream" if held.stream else form,
            truncated=truncated,
        )


def _text(data: bytes, headers: Headers) -> tuple[str, Any]:
    """A body as text in its charset; base64 for one that is none."""
    message = Message(False, headers, data)
    try:
        return data.decode(message.charset()), "text"
    except (UnicodeDecodeError, LookupError):
        return base64.b64encode(data[:CONTENT_LIMIT]).decode(), "base64"


def _reason(held: Held) -> str:
    message = Message.response(held.status)
    message.reason = held.reason
    return message.reason_phrase
