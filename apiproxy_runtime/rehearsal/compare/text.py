"""Texts line by line, and bytes that are nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from apiproxy_runtime.rehearsal.difference import Mismatch


def compare_text(before: str, after: str) -> Iterator[Mismatch]:
    """The first line that differs; line ends mean nothing."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        yield Mismatch("", "layout", repr(before[-20:]), repr(after[-20:]))
        return
    for number, (one, other) in enumerate(zip(old, new, strict=False), 1):
        if one != other:
            yield Mismatch(f"line {number}" if len(old) > 1 else "", "content", one, other)
            return
    yield Mismatch("lines", "length", str(len(old)), str(len(new)))


def compare_bytes(before: bytes, after: bytes) -> Iterator[Mismatch]:
    """Length and SHA-256 of each."""
    yield Mismatch("", "content", _named(before), _named(after))


def _named(data: bytes) -> str:
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:16]}" if data else "nothing"
