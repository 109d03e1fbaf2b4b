"""A table of built-in flow variables: a row each, with what reads and writes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from apiproxy_runtime.message.context import Client, MessageContext, TargetCall

#: where a variable can first be read
PROXY_REQUEST, TARGET_REQUEST, TARGET_RESPONSE = "Proxy request", "Target request", "Target response"
ERROR, POST_CLIENT = "Error", "PostClientFlow"


class Variable(Struct, frozen=True):
    """A built-in: its accessors and what the reference says of it. `write` None means read-only."""

    name: str
    type: str
    scope: str
    meaning: str
    read: Callable[[MessageContext], Any]
    write: Callable[[MessageContext, Any], bool] | None = None
    remove: Callable[[MessageContext], bool] | None = None


class Table(dict[str, Variable]):
    """Built-ins by name, in the order of the reference."""

    def row(
        self,
        name: str,
        type: str,
        scope: str,
        meaning: str,
        read: Callable[[MessageContext], Any],
        write: Callable[[MessageContext, Any], bool] | None = None,
        remove: Callable[[MessageContext], bool] | None = None,
    ) -> None:
        """Add a variable."""
        self[name] = Variable(name, type, scope, meaning, read, write, remove)


# ---- what clients and targets have in common


def _millis(seconds: float) -> int:
    return int(seconds * 1000) if seconds else -1


def http_time(seconds: float, zone: str = "UTC") -> str:
    """`Wed, 21 Aug 2013 19:16:47 UTC`; empty for a moment that has not come (0.0)."""
    if not seconds:
        return ""
    return time.strftime(f"%a, %d %b %Y %H:%M:%S {zone}", time.gmtime(seconds))


def moment_text(attribute: str) -> Callable[[Any], str]:
    """Reads a moment of a client or target as text."""
    return lambda owner: http_time(getattr(owner, attribute))


def moment_millis(attribute: str) -> Callable[[Any], int]:
    """Reads a moment in epoch milliseconds; -1 before it."""
    return lambda owner: _millis(getattr(owner, attribute))


def subject(part: str) -> Callable[[Client | TargetCall], str | None]:
    """Reads a part of the subject of a TLS certificate."""
    return lambda owner: owner.certificate.get(part)
