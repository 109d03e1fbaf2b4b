"""The traffic port: an HTTP exchange in, a transaction through its proxy, the answer out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from apiproxy_runtime.gateway.background import Background
from apiproxy_runtime.gateway.compression import decode_body, force_encoding, wire_body
from apiproxy_runtime.gateway.http.content_encoding import BadEncoding, UnsupportedEncoding
from apiproxy_runtime.gateway.http.errors import (
    BadBody,
    BodyTooBig,
    ClientGone,
    HeaderInjection,
    ReadTimeout,
    WireError,
    WriteTimeout,
)
from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.http.refusal import Refusal
from apiproxy_runtime.gateway.http.tls import peer_subject
from apiproxy_runtime.gateway.ledger import Ledger
from apiproxy_runtime.gateway.observation import Watch, observe
from apiproxy_runtime.gateway.router import Router
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.error import default_error
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.headers import SINGLE_VALUED, Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.program.program import EndpointProgram
from apiproxy_runtime.program.streams import hold
from apiproxy_runtime.program.transaction import run_error_flow, run_post_client, run_transaction
from apiproxy_runtime.state.records import Records

logger = logging.getLogger("apiproxy")

_WIRE_CODES = {
    "line_too_big": "protocol.http.TooBigLine",
    "headers_too_big": "protocol.http.TooBigHeaders",
    "body_too_big": "protocol.http.TooBigBody",
    "request_timeout": "messaging.adaptors.http.flow.RequestTimeOut",
    "handler_failed": "messaging.runtime.InternalError",
}


class Gateway(Background):
    """Handles exchanges. `background` holds what outlives its transaction; `drain` waits for it.

    concluded  called with the context of each transaction when its answer has been sent and PostClientFlow has run, or
               when its client left before (then `client.sent_end` is 0.0); they run on the event loop, so they are brief
    unmatched  how many requests fitted no base path
    strayed    called with the exchange of each of these once it is answered
    """

    def __init__(self, router: Router, records: Records | None = None, watch: Watch | None = None) -> None:
        self.router = router
        self.records = records if records is not None else Records()
        self.watch = watch
        self.concluded: tuple[Callable[[MessageContext], None], ...] = ()
        self.unmatched = 0
        self.strayed: tuple[Callable[[Exchange], None], ...] = ()
        self.ledger: Ledger | None = None
        super().__init__()

    def count(self, ledger: Ledger) -> None:
        """Have transactions entered in a ledger from now on."""
        self.ledger = ledger

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        target = exchange.target
        path, _, query = target.partition("?")
        if path[:1] != "/":
            path = _path_of(path)
        match = self.router.match(path)
        if match is None:
            self.unmatched += 1
            not_found(exchange, path)
            for strayed in self.strayed:
                strayed(exchange)
            return
        program = match.program
        headers = exchange.headers
        fields = headers.fields
        wire = exchange.wire
        client = Client(wire.peer[0], wire.peer[1], "http" if wire.tls is None else "https")
        client.local_ip, client.local_port = wire.local
        client.host = client.local_ip
        client.received_start = exchange.received
        client.request_uri = target
        if wire.tls is not None:
            client.certificate = certificate_variables(peer_subject(wire.tls))
        complete_forwarded(fields, client)
        request = Message(True, headers)
        request.verb = exchange.method
        request.path = path
        request.version = exchange.version
        if query:
            request.query_string = query
            if "content-type" in fields:
                request.query_plus = plus_is_blank(program, headers)
        ctx = MessageContext(request, program.deployment, client)
        ctx.endpoint_name = program.name
        ctx.base_path = program.base_path
        ctx.path_suffix = match.suffix
        if program.api_timeout:
            ctx.deadline = ctx.world.monotonic() + program.api_timeout
        if self.watch is not None:
            observer = self.watch.observer(ctx, exchange)
            if observer is not None:
                observe(ctx, observer)
        fault = check_headers(fields, program)
        if exchange.has_body and fault is None:
            if program.stream_request:
                request.stream = exchange.body_chunks()
                if program.reads_request:
                    await hold(request, program.body_limit)
            else:
                fault = await read_body(exchange, request, program.body_limit)
        elif exchange.method in ("POST", "PUT") and "content-length" not in fields:
            client.lacks_length = True
        client.received_end = exchange.received
        if exchange.upgrade_to:
            client.upgrade = exchange.upgrade_to
        try:
            if fault is None:
                response = await run_transaction(program, ctx)
            else:
                response = await run_error_flow(ctx, fault, program.fault_rules)
        except asyncio.CancelledError:
            if ctx.observer is not None:
                ctx.observer.transaction_ends(ctx)
            self.tell(ctx)
            if self.ledger is not None:
                self.ledger.enter(ctx, exchange.method)
            raise
        await self.answer(exchange, ctx, program, response)
        if program.post_client:
            self.spawn(self.conclude(program, ctx))
        elif ctx.observer is not None or ctx.analytics or self.concluded:
            self.end(ctx)
        if self.ledger is not None:
            self.ledger.enter(ctx, exchange.method)

    async def conclude(self, program: EndpointProgram, ctx: MessageContext) -> None:
        """What happens once the client has its answer."""
        await run_post_client(program, ctx)
        self.end(ctx)

    def end(self, ctx: MessageContext) -> None:
        """The transaction is over: its analytics are kept, whoever watched is told."""
        if ctx.analytics:
            self.record(ctx)
        if ctx.observer is not None:
            ctx.observer.transaction_ends(ctx)
        if self.concluded:
            self.tell(ctx)

    def tell(self, ctx: MessageContext) -> None:
        """Call what waits for transactions to end. What goes wrong there is logged, and is no trouble of the request."""
        for concluded in self.concluded:
            try:
                concluded(ctx)
            except Exception:
                logger.exception("What is told of ended transactions failed")

    def record(self, ctx: MessageContext) -> None:
        """Keep what policies collected for analytics."""
        answer = ctx.error if ctx.fault is not None else ctx.response
        self.records.add(
            "analytics",
            {
                "organization": ctx.deployment.organization,
                "environment": ctx.deployment.environment,
                "apiproxy": ctx.deployment.proxy,
                "apiproxy_revision": ctx.deployment.revision,
                "request_verb": ctx.request.verb,
                "request_uri": ctx.client.request_uri,
                "response_status_code": answer.status if answer is not None else 0,
                "client_received_start_timestamp": int(ctx.client.received_start * 1_000_000),
                "client_sent_end_timestamp": int(ctx.client.sent_end * 1_000_000),
                **ctx.analytics,
            },
        )

    async def answer(
        self, exchange: Exchange, ctx: MessageContext, program: EndpointProgram, response: Message
    ) -> None:
        """Write the response. What a policy put into it that HTTP cannot carry becomes a 500."""
        client = ctx.client
        client.sent_start = exchange.received
        if client.tunnel is not None and response.status == 101:
            tunnel = exchange.upgrade(response.headers)
            try:
                await tunnel.splice(client.tunnel)
            except WireError as error:
                logger.info("Tunnel of %s ended: %s", ctx.deployment.proxy, error)
            client.sent_end = ctx.world.now()
            return
        for edit in ctx.late_edits:
            edit(response)
        algorithm = program.properties.get("compression.algorithm")
        if algorithm:
            force_encoding(response, algorithm.strip().lower())
        try:
            if response.stream is not None:
                await exchange.respond_stream(
                    response.status, response.reason_phrase, response.headers, response.stream
                )
            else:
                exchange.respond(
                    response.status, response.reason_phrase, response.headers, wire_body(response)
                )
                if exchange.wire.writing_paused:
                    await exchange.wire.drain()
        except HeaderInjection as error:
            refuse(exchange, ctx, Fault("protocol.http.BadFormData", str(error), 500, category="Messaging"))
        except UnsupportedEncoding as error:
            text = f'Unsupported Encoding "{error.value}"'
            refuse(exchange, ctx, Fault("protocol.http.UnsupportedEncoding", text, 415, category="Messaging"))
        except (ClientGone, WriteTimeout, BadBody, Fault) as error:
            logger.info("Response of %s was not delivered: %s", ctx.deployment.proxy, error)
        client.sent_end = ctx.world.now()
        if not client.sent_start:
            client.sent_start = client.sent_end


def refuse(exchange: Exchange, ctx: MessageContext, fault: Fault) -> None:
    """Answer with the plain fault; no fault rules run any more."""
    message = default_error(fault, ctx.request)
    ctx.fault, ctx.error = fault, message
    exchange.respond(message.status, message.reason_phrase, message.headers, message.body)


def _path_of(target: str) -> str:
    """The path of an absolute-form target (RFC 9112 §3.2.2); `*` and the like become `/`."""
    _, mark, rest = target.partition("://")
    if not mark:
        return "/"
    return "/" + rest.partition("/")[2]


def not_found(exchange: Exchange, path: str) -> None:
    """Answer a request that no base path fits."""
    _, message = unidentified(exchange, path)
    exchange.respond(404, "Not Found", message.headers, message.body)


def unidentified(exchange: Exchange, path: str) -> tuple[Fault, Message]:
    """The fault of a request that no base path fits, and its answer.

    The text escapes slashes, as Apigee's does (playbook "Unable to identify proxy for host").
    """
    host = exchange.headers.get("Host") or ":".join(str(part) for part in exchange.local)
    fault = Fault(
        "messaging.adaptors.http.flow.ApplicationNotFound",
        f"Unable to identify proxy for host: {host} and url: {path}",
        404,
    )
    message = default_error(fault, Message(True))
    message.body = message.body.replace(b"/", b"\\/")
    return fault, message


def render_refusal(refusal: Refusal) -> tuple[int, str, Headers, bytes]:
    """Requests refused before a proxy is known, in Apigee's words."""
    code = _WIRE_CODES.get(refusal.kind, "protocol.http.BadRequest")
    fault = Fault(code, refusal.detail, refusal.status)
    message = default_error(fault, Message(True))
    return refusal.status, refusal.reason, message.headers, message.body


def complete_forwarded(fields: dict[str, list[str]], client: Client) -> None:
    """What hosted Apigee's front adds to every request, and what only the platform may set.

    X-Forwarded-For keeps the client's entries; X-Apigee-* are reserved and removed.
    """
    forwarded = fields.get("x-forwarded-for")
    if forwarded is None:
        fields["x-forwarded-for"] = ["X-Forwarded-For", client.ip]
    else:
        client.forwarded_ip = forwarded[-1].rpartition(",")[2].strip()
    if "x-forwarded-proto" not in fields:
        fields["x-forwarded-proto"] = ["X-Forwarded-Proto", client.scheme]
    if "x-forwarded-port" not in fields:
        fields["x-forwarded-port"] = ["X-Forwarded-Port", str(client.local_port)]
    if "x-apigee-" in "\n".join(fields):
        for key in [key for key in fields if key.startswith("x-apigee-")]:
            del fields[key]


def certificate_variables(subject: dict[str, str]) -> dict[str, str]:
    """`client.cn` and its like, from a certificate's subject."""
    names = {
        "commonName": "cn",
        "countryName": "country",
        "emailAddress": "email.address",
        "localityName": "locality",
        "organizationName": "organization",
        "organizationalUnitName": "organization.unit",
        "stateOrProvinceName": "state",
    }
    return {names[key]: value for key, value in subject.items() if key in names}


def plus_is_blank(program: EndpointProgram, headers: Headers) -> bool:
    """Whether `+` in the query means a blank: only when Content-Type carries a charset and the property is not set.

    Source: endpoint properties reference, request.queryparams.ignore.content.type.charset.
    """
    ignore = program.properties.get("request.queryparams.ignore.content.type.charset", "").lower() == "true"
    return not ignore and "charset=" in (headers.get("Content-Type") or "").lower()


def check_headers(fields: dict[str, list[str]], program: EndpointProgram) -> Fault | None:
    """A single-valued header that came twice is refused, unless the endpoint allows it."""
    for key, field in fields.items():
        if len(field) > 2 and key in SINGLE_VALUED:
            allowed = (
                program.properties.get("HTTPHeader.allowDuplicates", "")
                + ","
                + program.properties.get("HTTPHeader.multiValued", "")
            )
            if key not in [name.strip().lower() for name in allowed.split(",")]:
                return Fault(
                    "protocol.http.DuplicateHeader",
                    f'Duplicate Header "{field[0]}"',
                    400,
                    category="Messaging",
                )
    return None


async def read_body(exchange: Exchange, request: Message, limit: int) -> Fault | None:
    """Buffer and decode the body; the fault for one that cannot be had."""
    try:
        body = exchange.body_now()
        if body is None or len(body) > limit:
            body = await exchange.read_body(limit)
        request.body = body
        if "content-encoding" in request.headers.fields:
            decode_body(request, limit)
    except BodyTooBig:
        return Fault("protocol.http.TooBigBody", "Body buffer overflow", 413, category="Messaging")
    except BadEncoding:
        code = "messaging.adaptors.http.flow.DecompressionFailureAtRequest"
        return Fault(code, "Decompression failure at request", 400, category="Messaging")
    except UnsupportedEncoding as error:
        text = f'Unsupported Encoding "{error.value}"'
        return Fault("protocol.http.UnsupportedEncoding", text, 415, category="Messaging")
    except ReadTimeout:
        return Fault(
            "messaging.adaptors.http.flow.RequestTimeOut", "Request timed out", 408, category="Transport"
        )
    except BadBody as error:
        return Fault("protocol.http.BadFormData", str(error), 400, category="Messaging")
    return None
