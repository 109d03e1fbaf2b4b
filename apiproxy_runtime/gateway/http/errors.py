"""What can go wrong on a connection, one class per kind of trouble.

Nothing here knows an Apigee error code: the gateway translates. Server-side classes concern the client of the
gateway, client-side classes the target it calls.
"""

from __future__ import annotations


class WireError(Exception):
    """Any trouble of the HTTP layer."""


class HeaderInjection(WireError):
    """A name or value to be written holds CR, LF or NUL, or a name is not a token (RFC 9110 §5.1, §5.5)."""


class BodyTooBig(WireError):
    """A body is longer than the limit, in bytes, that its reader set. `declared` when Content-Length said so."""

    def __init__(self, limit: int, *, declared: bool = False) -> None:
        super().__init__(f"the body is longer than {limit} bytes")
        self.limit = limit
        self.declared = declared


class ReadTimeout(WireError):
    """The other side sent nothing for as long as we were ready to wait."""


class DeadlineExceeded(ReadTimeout):
    """The deadline given for the whole call has passed."""


class WriteTimeout(WireError):
    """The other side took nothing of what we send for as long as we were ready to wait."""


# server side


class ClientGone(WireError):
    """The client closed its connection before its exchange was over."""


class BadBody(WireError):
    """The request's body is not framed as HTTP wants it (RFC 9112 §7.1)."""


# client side


class ConnectFailed(WireError):
    """No connection: unknown host, refused, unreachable, or the forward proxy would not open a tunnel."""


class ConnectTimeout(ConnectFailed):
    """No connection within the connect timeout."""


class TunnelRefused(ConnectFailed):
    """The forward proxy answered CONNECT with something else than 2xx."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class TlsFailed(WireError):
    """The TLS handshake failed; the text says why."""


class BadResponse(WireError):
    """The target's answer is not HTTP, or over a limit."""


class HeadTooBig(BadResponse):
    """The head of the target's answer is longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the head of the target's answer is longer than {limit:,} bytes")
        self.limit = limit


class UnexpectedEof(WireError):
    """The target closed the connection before its answer was complete."""
