"""A recording reverse proxy: passes requests on to a live URL, and keeps what was said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic

from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.errors import BadBody, ClientGone, WireError
from apiproxy_runtime.gateway.http.exchange import Exchange as WireExchange
from apiproxy_runtime.gateway.http.head import HOP_BY_HOP
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.rehearsal.exchange import Exchange, HeaderPairs, Request, Response
from apiproxy_runtime.rehearsal.recording import Body, Recorder

#: How an upstream's failure looks to the client.
_STATUS = {"read_timeout": 504, "connect_timeout": 504, "deadline": 504}


def reverse_proxy(
    url: str, egress: HttpEgress, recorder: Recorder
) -> Callable[[WireExchange], Awaitable[None]]:
    """A handler that sends every request to the URL, with its path put before the request's.

    What is recorded names the live URL, so that the recording reads as if the client had talked to it. Redirects to the
    live URL are led back here for the client, and recorded as they were.
    """
    base = url.rstrip("/")
    numbers = iter(range(1, 1 << 62))
    origin = "/".join(base.split("/")[:3])

    async def handle(exchange: WireExchange) -> None:
        begun = monotonic()
        number = str(next(numbers))
        target = exchange.target if exchange.target.startswith("/") else "/"
        request = Message(True, exchange.headers.copy())
        request.headers.remove("Host")
        request.verb = exchange.method
        sent, received = Body(), Body()
        notes: list[str] = []
        if exchange.has_body:
            request.stream = sent.through(exchange.body_chunks())
        call = Call(base + target, request, purpose="target", stream=True)
        host = (exchange.headers.get("Host") or "localhost").strip()
        response: Response | None = None
        try:
            answer = await egress.send(call)
            pairs = _pairs(answer.headers)
            response = Response(answer.status, pairs, b"", answer.reason_phrase)
            location = answer.headers.get("Location")
            if location is not None and location.startswith(origin):
                answer.headers.set("Location", f"http://{host}{location[len(origin) :] or '/'}")
            if answer.stream is not None:
                await exchange.respond_stream(
                    answer.status, answer.reason_phrase, answer.headers, received.through(answer.stream)
                )
            else:
                received = Body(answer.pieces)
                exchange.respond(answer.status, answer.reason_phrase, answer.headers, answer.pieces)
        except CallFailed as failure:
            notes.append(f"{base} gave no answer: {failure}")
            if not exchange.finished and response is None:
                status = _STATUS.get(failure.kind, 502)
                text = f"apiproxy record: {base} gave no answer ({failure})\n"
                exchange.respond(status, "", Headers([("Content-Type", "text/plain")]), text.encode())
        except (ClientGone, BadBody, WireError) as error:
            notes.append(f"the exchange broke off: {error}")
        finally:
            if response is not None:
                body = received.whole("the response", notes)
                response = Response(response.status, response.headers, body, response.reason)
            recorder.write(
                Exchange(
                    id=number,
                    request=Request(
                        exchange.method,
                        base + target,
                        (("Host", egress.way_of(base).host_header), *_pairs(exchange.headers, "host")),
                        sent.whole("the request", notes),
                    ),
                    response=response,
                    session=exchange.peer[0],
                    at=exchange.received,
                    millis=round((monotonic() - begun) * 1000, 3),
                    notes=tuple(notes),
                )
            )

    return handle


def _pairs(headers: Headers, dropped: str = "") -> HeaderPairs:
    return tuple(
        (field[0], value)
        for key, field in headers.fields.items()
        if key not in HOP_BY_HOP and key != dropped
        for value in field[1:]
    )
