"""What both webhooks share: sending a request through the runtime's way out, signed."""

from __future__ import annotations

from time import monotonic
from typing import Any

from apiproxy_runtime.control.events import signature
from apiproxy_runtime.control.events.handlers.handler import Tools, Undelivered
from apiproxy_runtime.control.events.marker import HEADER
from apiproxy_runtime.control.events.schema import Field, boolean, headers, one_of, string, url
from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

#: Milliseconds to connect, and for silence; seconds for the whole call.
CONNECT_MS, SILENCE_MS, WHOLE = 5_000, 10_000, 15.0
#: Bytes of an answer that are read.
ANSWER = 1024 * 1024

FIELDS = {
    "url": Field(url, required=True),
    "headers": Field(headers),
    "secret": Field(string),
    "signature": Field(one_of(*signature.FORMS), default=next(iter(signature.FORMS))),
    "ssl_verify": Field(boolean, default=True),
}


async def send(
    tools: Tools, config: dict[str, Any], verb: str, fields: dict[str, str], body: bytes
) -> dict[str, Any]:
    """Send one request: status, headers and body of the answer. Raises Undelivered unless it is a 2xx.

    Redirects are not followed: an event goes where its hook says, or nowhere.
    """
    request = Message.request(verb)
    request.body = body
    for name, value in fields.items():
        request.headers.set(name, value)
    if config["secret"] is not None:
        request.headers.set(signature.HEADER, signature.sign(config["secret"], body, config["signature"]))
    request.headers.set("User-Agent", "apiproxy-runtime event-hooks")
    request.headers.set(HEADER, tools.marker.mark())
    address = config["url"]
    secure = address.startswith("https:") and not config["ssl_verify"]
    call = Call(
        address,
        request,
        "event",
        CONNECT_MS,
        SILENCE_MS,
        monotonic() + WHOLE,
        limit=ANSWER,
        tls=TlsProfile(verify=False) if secure else None,
    )
    try:
        response = await tools.egress.send(call)
    except CallFailed as error:
        raise Undelivered(f"{address}: {error.text or error.kind}") from error
    if not 200 <= response.status < 300:
        raise Undelivered(f"{address} answered {response.status}")
    return {
        "status": response.status,
        "headers": {name.lower(): value for name, value in response.headers},
        "body": response.content,
    }
