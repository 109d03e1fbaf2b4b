"""What logs, metrics and events tell of a transaction that has ended."""

from __future__ import annotations

from apiproxy_runtime.gateway.ledger import CLIENT_GONE
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message


def answer_of(ctx: MessageContext) -> Message | None:
    """What the client was sent; None when it did not wait."""
    if not ctx.client.sent_end:
        return None
    return ctx.error if ctx.fault is not None else ctx.response


def status_of(ctx: MessageContext) -> int:
    answer = answer_of(ctx)
    return CLIENT_GONE if answer is None else answer.status


def seconds_of(ctx: MessageContext) -> float:
    """From the first byte of the request to the last of the answer; until now when there was none."""
    client = ctx.client
    return max((client.sent_end or ctx.world.now()) - client.received_start, 0.0)


def target_seconds_of(ctx: MessageContext) -> float:
    """The time the target took to answer; 0.0 without a target, or an answer of it."""
    target = ctx.target
    if target is None or not target.received_end:
        return 0.0
    return max(target.received_end - target.sent_start, 0.0)


def address_of(ctx: MessageContext) -> str:
    """The client's address; behind other proxies the one that the last of them saw."""
    return ctx.client.forwarded_ip or ctx.client.ip


def body_bytes(message: Message) -> int:
    """Bytes of a body as far as they are known: those of a stream are, where its head declares them."""
    if message.stream is None and message.encoded is None:
        return len(message.body)
    if message.encoded is not None:
        return len(message.encoded)
    declared = message.headers.get("Content-Length") or ""
    return int(declared) if declared.isdecimal() else 0
