"""A transaction as HAR 1.2: the client's exchange, with the outgoing calls as exchanges behind it."""

from __future__ import annotations

import base64
from typing import Any

from apiproxy_runtime import __version__
from apiproxy_runtime.control.trace.transaction import CallMade, Snapshot, Transaction
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import entry_of


def transaction_har(transaction: Transaction, origin: str) -> dict[str, Any]:
    """A HAR file of one transaction; `origin` is `http://HOST:PORT` of the traffic port."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "apiproxy-runtime", "version": __version__},
            "comment": f"{transaction.proxy} revision {transaction.revision}",
            "entries": [entry_of(exchange_of(transaction, origin))],
        }
    }


def exchange_of(transaction: Transaction, origin: str) -> Exchange:
    """A transaction as recordings hold it. What was cut or masked is told in the notes."""
    request, notes = transaction.request, []
    if request.truncated:
        notes.append("the request's body was cut")
    if transaction.response is not None and transaction.response.truncated:
        notes.append("the response's body was cut")
    return Exchange(
        id=transaction.id,
        request=_request(request, origin + transaction.uri),
        response=_response(transaction.response),
        calls=tuple(
            UpstreamCall(
                purpose=call.purpose,
                request=_request(call.request, call.url),
                response=_response(call.response),
                failure="" if call.response is not None else "unreachable",
                failure_text="" if call.response is not None else "no answer was recorded",
                offset=round(call.at * 1000, 3),
                millis=round(call.took * 1000, 3),
            )
            for call in transaction.points
            if isinstance(call, CallMade)
        ),
        calls_recorded=True,
        at=transaction.started,
        millis=round(transaction.took * 1000, 3),
        notes=tuple(notes),
        masked=transaction.masked,
    )


def _request(message: Snapshot, url: str) -> Request:
    return Request(message.verb, url, message.headers, body_of(message), message.version)


def _response(message: Snapshot | None) -> Response | None:
    if message is None:
        return None
    return Response(message.status, message.headers, body_of(message), message.reason, message.version)


def body_of(message: Snapshot) -> bytes:
    """The bytes of a body, as far as they were kept."""
    if message.form == "base64":
        text = message.content
        return base64.b64decode(text[: len(text) // 4 * 4])
    return message.content.encode(_charset(message))


def _charset(message: Snapshot) -> str:
    for name, value in message.headers:
        if name.lower() == "content-type" and "charset=" in value.lower():
            charset = value.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
            try:
                message.content.encode(charset)
            except (LookupError, UnicodeError):
                break
            return charset
    return "utf-8"
