"""What a recorder keeps of a transaction while it runs: messages by reference, and steps that are not over yet."""

from __future__ import annotations

from typing import Any

from apiproxy_runtime.control.trace.transaction import Outcome, Raised
from apiproxy_runtime.message.message import Message

#: Of an access: name, value, value before, whether it was done, whether it was a write.
RawAccess = tuple[str, Any, Any, bool, bool]


class Held:
    """A message at one point, by reference: its parts are not changed by anybody, or were copied."""

    __slots__ = (
        "body",
        "faulty",
        "headers",
        "is_request",
        "reason",
        "status",
        "stream",
        "uri",
        "verb",
        "version",
    )

    def __init__(self, message: Message, faulty: bool) -> None:
        self.is_request = message.is_request
        self.faulty = faulty
        self.verb = message.verb
        self.uri = message.uri if message.is_request else ""
        self.status = message.status
        self.reason = message.reason
        self.version = message.version
        self.headers = message.headers.copy()
        self.body = message.pieces
        self.stream = message.stream is not None

    def shows(self, message: Message) -> bool:
        """Whether the message still is what it was."""
        return (
            self.body is message.pieces
            and self.headers.fields == message.headers.fields
            and self.is_request == message.is_request
            and (
                self.verb == message.verb and self.uri == message.uri
                if self.is_request
                else self.status == message.status and self.reason == message.reason
            )
        )


class Open:
    """A step, a condition or a call as it is being recorded."""

    __slots__ = (
        "accesses", "after", "at", "before", "depth", "fault", "holds", "outcome", "phase", "printed", "took", "what",
    )  # fmt: skip

    def __init__(self, what: Any, at: float, phase: str, depth: int, before: Held | None) -> None:
        self.what = what
        self.at = at
        self.phase = phase
        self.depth = depth
        self.before = before
        self.after: Held | None = None
        self.took = 0.0
        self.accesses: list[RawAccess] = []
        self.printed: list[str] = []
        self.fault: Raised | None = None
        self.holds = True
        self.outcome: Outcome = "ran"
