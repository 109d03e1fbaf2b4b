"""Faults that no policy raises, and the message a fault becomes when no fault rule says otherwise."""

from __future__ import annotations

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed

#: How each way an outgoing call can fail looks to the client: (code, status, text, detail.reason).
#: Source: runtime error catalog and troubleshooting playbooks; `reason` as Apigee X adds it.
_CALL_FAULTS = {
    "unreachable": (
        "messaging.adaptors.http.flow.ServiceUnavailable",
        503,
        "The Service is temporarily unavailable",
        None,
    ),
    "connect_timeout": (
        "messaging.adaptors.http.flow.ServiceUnavailable",
        503,
        "The Service is temporarily unavailable",
        "TARGET_CONNECT_TIMEOUT",
    ),
    "no_active_targets": (
        "messaging.adaptors.http.flow.NoActiveTargets",
        503,
        "The Service is temporarily unavailable",
        None,
    ),
    "read_timeout": (
        "messaging.adaptors.http.flow.GatewayTimeout",
        504,
        "Gateway Timeout",
        "TARGET_READ_TIMEOUT",
    ),
    "eof": ("messaging.adaptors.http.flow.UnexpectedEOFAtTarget", 502, "Unexpected EOF at target", None),
    "bad_response": ("messaging.adaptors.http.flow.BadGateway", 502, "Bad Gateway", None),
    "too_big": ("protocol.http.TooBigBody", 502, "Body buffer overflow", None),
    "too_big_headers": ("protocol.http.TooBigHeaders", 502, "response headers size exceeding {text}", None),
    "decompression": (
        "messaging.adaptors.http.flow.DecompressionFailureAtResponse",
        502,
        "Decompression failure at response",
        None,
    ),
    "unsupported_encoding": ("protocol.http.UnsupportedEncoding", 415, 'Unsupported Encoding "{text}"', None),
    "duplicate_header": ("protocol.http.DuplicateHeader", 502, 'Duplicate Header "{text}"', None),
    "no_allow_header": (
        "protocol.http.Response405WithoutAllowHeader",
        502,
        "Received 405 Response without Allow Header",
        None,
    ),
    "tls": ("messaging.adaptors.http.flow.SslHandshakeFailed", 503, "SSL Handshake failed {text}", None),
    "tunnel": (
        "protocol.http.ProxyTunnelCreationFailed",
        503,
        "Proxy refused to create tunnel with response status {text}",
        None,
    ),
    "bad_url": ("protocol.http.BadPath", 500, "Invalid request path", None),
    "empty_path": ("protocol.http.EmptyPath", 500, "Request path cannot be empty", None),
}


def call_fault(failure: CallFailed, ctx: MessageContext) -> Fault:
    """The fault for a target that gave no usable answer."""
    if failure.kind == "deadline":
        ctx.deadline = 0.0
        return Fault("flow.APITimedOut", "API timed out", 504, category="Messaging")
    code, status, text, reason = _CALL_FAULTS.get(failure.kind, _CALL_FAULTS["bad_response"])
    return Fault(
        code, text.replace("{text}", failure.text), status, reason=reason, category="Transport", cause=failure
    )


def error_status_fault(response: Message) -> Fault:
    """The fault for a target's answer whose status is no success code; the answer itself is the pending error."""
    return Fault(
        "messaging.adaptors.http.flow.ErrorResponseCode",
        response.reason_phrase,
        response.status,
        message=response,
        category="Messaging",
    )
