"""Kong's side of the traffic port: an HTTP exchange in, its plugins and its upstream, the answer out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct

from apiproxy_runtime.gateway.background import Background
from apiproxy_runtime.gateway.compression import decode_body, wire_body
from apiproxy_runtime.gateway.gateway import certificate_variables
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
from apiproxy_runtime.kong.answer import JSON_TYPE, Exit, error, error_body, error_message, exit_text
from apiproxy_runtime.kong.chain import Chain, Collected
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Route
from apiproxy_runtime.kong.path import upstream_path
from apiproxy_runtime.kong.phases import run_access, run_steps
from apiproxy_runtime.kong.proxy import BODY_LIMIT, TOKEN, Proxy, host_of
from apiproxy_runtime.kong.router import Asked, KongRouter, Match
from apiproxy_runtime.kong.tls import server_name
from apiproxy_runtime.message.context import (
    PROXY_REQUEST,
    PROXY_RESPONSE,
    Client,
    Deployment,
    MessageContext,
)
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed
from apiproxy_runtime.program.program import Route as ChosenRoute
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.world import World

logger = logging.getLogger("apiproxy")


class RouteProgram(Struct, frozen=True):
    """A route, ready to run; `chosen` is what observers are told of it."""

    route: Route
    chosen: ChosenRoute
    deployment: Deployment
    chain: Chain
    proxy: Proxy | None


class KongProgram(Struct, frozen=True):
    """A configuration, ready to run: a program for each route id, and what runs without a route."""

    routes: dict[str, RouteProgram]
    deployment: Deployment
    unrouted: Collected


class KongGateway(Background):
    """Handles exchanges as Kong does. `background` holds what outlives its request; `drain` waits for it."""

    def __init__(self, router: KongRouter, world: World, records: Records | None = None) -> None:
        self.router = router
        self.world = world
        self.records = records if records is not None else Records()
        self.watch: Watch | None = None
        #: called with the context when the answer has been sent
        self.concluded: tuple[Callable[[MessageContext], None], ...] = ()
        #: requests of which `concluded` is not told: none, those without a route are told as well
        self.unmatched = 0
        self.program = KongProgram({}, Deployment(world=world), Collected(()))
        super().__init__()

    def count(self, ledger: Ledger) -> None:
        """Have requests entered in a ledger from now on."""
        self.concluded = (*self.concluded, ledger.enter)

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        program = self.program
        ctx = self.context(exchange, program)
        collected = program.unrouted
        try:
            match = self.find(ctx)
            routed = program.routes[match.route.id] if match is not None else None
            if match is not None and routed is not None:
                enter(ctx, routed, match)
            if self.watch is not None:
                observer = self.watch.observer(ctx, exchange)
                if observer is not None:
                    observe(ctx, observer)
            if routed is None:
                raise error(ctx, 404, "no Route matched with those values")
            require_https(ctx, routed.route)
            if exchange.has_body:
                await take_body(exchange, ctx, routed)
            collected = await run_access(ctx, routed.chain)
            response = await self.proxied(ctx, routed)
        except Exit as answer:
            response, ctx.source = answer.message, answer.source
            collected = ctx.collected or collected
        except ClientGone:
            return
        for name, value in ctx.early.values():
            response.headers.set(name, value)
        ctx.response = response
        ctx.in_response = True
        ctx.phase = PROXY_RESPONSE
        response = await self.filtered(ctx, response, collected)
        self.finish_headers(ctx, response)
        await self.answer(exchange, ctx, response)
        if collected.log or self.concluded or ctx.observer is not None:
            if collected.log:
                self.spawn(self.conclude(ctx, collected))
            else:
                self.end(ctx)

    def context(self, exchange: Exchange, program: KongProgram) -> KongContext:
        """The context of a request that has just come."""
        wire = exchange.wire
        client = Client(wire.peer[0], wire.peer[1], "http" if wire.tls is None else "https")
        client.local_ip, client.local_port = wire.local
        client.received_start = client.received_end = exchange.received
        path, mark, query = exchange.target.partition("?")
        if path[:1] != "/":
            path = "/" + path.partition("://")[2].partition("/")[2]
        client.request_uri = f"{path}{mark}{query}"
        headers = exchange.headers
        client.host = headers.get("Host") or client.local_ip
        if wire.tls is not None:
            client.certificate = certificate_variables(peer_subject(wire.tls))
        request = Message(True, headers)
        request.verb, request.path, request.version = exchange.method, path, exchange.version
        request.query_string = query
        ctx = KongContext(request, program.deployment, client)
        ctx.started = self.world.monotonic()
        ctx.request_id = self.world.uuid().replace("-", "")
        ctx.server_name = server_name(wire.tls)
        if exchange.upgrade_to:
            client.upgrade = exchange.upgrade_to
        return ctx

    def find(self, ctx: KongContext) -> Match | None:
        """The route of a request."""
        request, client = ctx.request, ctx.client
        return self.router.match(
            Asked(
                request.verb,
                self.router.normalised(request.path),
                host_of(client.host),
                client.local_port,
                client.scheme,
                ctx.server_name,
                request.headers.fields,
            )
        )

    async def proxied(self, ctx: KongContext, routed: RouteProgram) -> Message:
        """The answer of the upstream. Raises Exit when the route has none."""
        if routed.proxy is None:
            raise error(ctx, 503, "no Service found with those values")
        observer = ctx.observer
        if observer is not None:
            observer.route_chosen(ctx, routed.chosen)
        ctx.proxied_at = self.world.monotonic()
        response = await routed.proxy.call(ctx)
        ctx.answered_at = self.world.monotonic()
        ctx.proxied = bool(ctx.tries)
        return response

    async def filtered(self, ctx: KongContext, response: Message, collected: Collected) -> Message:
        """The response after header and body filters; they run whoever answered."""
        try:
            if collected.header_filter:
                await run_steps(ctx, collected.header_filter, "header_filter")
            if collected.body_filter and ctx.client.tunnel is None:
                if response.stream is not None:
                    response.body = b"".join([chunk async for chunk in response.stream])
                    response.stream = None
                await run_steps(ctx, collected.body_filter, "body_filter")
        except Exit as answer:
            ctx.response = answer.message
        except (CallFailed, WireError):
            ctx.source = "error"
            ctx.response = error_message(ctx, 502)
        return ctx.response or response

    def finish_headers(self, ctx: KongContext, response: Message) -> None:
        """What Kong tells the client about itself. Latencies are whole milliseconds."""
        fields = response.headers.fields
        if ctx.proxied or ctx.source == "cache":
            proxied_at = ctx.proxied_at
            if ctx.proxied:
                waited = round((ctx.answered_at - proxied_at) * 1000)
                fields["x-kong-upstream-latency"] = ["X-Kong-Upstream-Latency", str(waited)]
            else:
                proxied_at = self.world.monotonic()
            own = round((proxied_at - ctx.started) * 1000)
            fields["x-kong-proxy-latency"] = ["X-Kong-Proxy-Latency", str(own)]
            via = fields.get("via")
            mine = f"1.1 {TOKEN}"
            fields["via"] = ["Via", mine if via is None else f"{', '.join(via[1:])}, {mine}"]
            if "server" not in fields:
                fields["server"] = ["Server", TOKEN]
        else:
            spent = round((self.world.monotonic() - ctx.started) * 1000)
            fields["x-kong-response-latency"] = ["X-Kong-Response-Latency", str(spent)]
            fields["server"] = ["Server", TOKEN]
        fields["x-kong-request-id"] = ["X-Kong-Request-Id", ctx.request_id]

    async def answer(self, exchange: Exchange, ctx: KongContext, response: Message) -> None:
        """Write the response."""
        client = ctx.client
        client.sent_start = self.world.now()
        if client.tunnel is not None and response.status == 101:
            try:
                await exchange.upgrade(response.headers).splice(client.tunnel)
            except WireError as broken:
                logger.info("Tunnel of %s ended: %s", ctx.deployment.proxy, broken)
            return
        try:
            if response.stream is not None:
                await exchange.respond_stream(
                    response.status, response.reason_phrase, response.headers, response.stream
                )
            else:
                body = wire_body(response)
                exchange.respond(response.status, response.reason_phrase, response.headers, body)
                if exchange.wire.writing_paused:
                    await exchange.wire.drain()
        except (HeaderInjection, UnsupportedEncoding) as wrong:
            logger.error("Response of %s cannot be sent: %s", ctx.deployment.proxy, wrong)
            plain = error_message(ctx, 500)
            exchange.respond(500, plain.reason_phrase, plain.headers, plain.body)
        except (ClientGone, WriteTimeout, BadBody) as lost:
            logger.info("Response of %s was not delivered: %s", ctx.deployment.proxy, lost)
        client.sent_end = self.world.now()

    async def conclude(self, ctx: KongContext, collected: Collected) -> None:
        """What happens once the client has its answer."""
        await run_steps(ctx, collected.log, "log")
        self.end(ctx)

    def end(self, ctx: KongContext) -> None:
        """The request is over: whoever watches, or waits for it, is told."""
        if ctx.observer is not None:
            ctx.observer.transaction_ends(ctx)
        for concluded in self.concluded:
            try:
                concluded(ctx)
            except Exception:
                logger.exception("What is told of ended requests failed")


def enter(ctx: KongContext, routed: RouteProgram, match: Match) -> None:
    """From here on the request has a route."""
    route = routed.route
    ctx.route = route
    ctx.deployment = routed.deployment
    ctx.endpoint_name = route.title
    ctx.base_path = match.matched
    ctx.path_suffix = match.path[len(match.matched) :]
    ctx.route_name = route.title
    ctx.path_matched = match.matched
    ctx.captures = match.captures
    ctx.phase = PROXY_REQUEST
    service = route.service
    if service is None:
        return
    ctx.service = service
    ctx.route_target = service.title
    proxy = routed.proxy
    assert proxy is not None
    ctx.upstream_scheme, ctx.upstream_host, ctx.upstream_port = proxy.scheme, service.host, service.port
    ctx.upstream_path = upstream_path(
        service.path or "/", match.path, match.matched, route.strip_path, route.path_handling
    )
    if route.preserve_host:
        ctx.upstream_authority = ctx.client.host


def require_https(ctx: KongContext, route: Route) -> None:
    """A route for https alone sends plain requests away. Raises Exit."""
    if "http" in route.protocols or "https" not in route.protocols or ctx.client.scheme == "https":
        return
    status = route.https_redirect_status_code
    if status == 426:
        headers = {"Connection": "Upgrade", "Upgrade": "TLS/1.2, HTTP/1.1"}
        raise error(ctx, 426, "Please use HTTPS protocol", headers)
    location = f"https://{host_of(ctx.client.host)}{ctx.client.request_uri}"
    raise exit_text(status, b"", {"Location": location})


async def take_body(exchange: Exchange, ctx: KongContext, routed: RouteProgram) -> None:
    """The request's body: held when a plugin reads it or the route buffers, else passed on as it comes."""
    if routed.chain.reads_body or routed.route.request_buffering:
        ctx.request.body = await read_body(exchange, ctx)
        if routed.chain.reads_body and "content-encoding" in ctx.request.headers.fields:
            raw = ctx.request.body
            try:
                decode_body(ctx.request, BODY_LIMIT)
            except (BadEncoding, UnsupportedEncoding, BodyTooBig):
                ctx.request.body = raw
    else:
        ctx.request.stream = exchange.body_chunks()


async def read_body(exchange: Exchange, ctx: KongContext) -> bytes:
    """The whole body. Raises Exit, ClientGone."""
    try:
        body = exchange.body_now()
        return body if body is not None else await exchange.read_body(BODY_LIMIT)
    except BodyTooBig:
        raise error(ctx, 413) from None
    except ReadTimeout:
        raise error(ctx, 408) from None
    except BadBody:
        raise error(ctx, 400) from None


def render_refusal(refusal: Refusal) -> tuple[int, str, Headers, bytes]:
    """Requests refused before a route is known, in Kong's words. Heads that are too large count as bad requests."""
    status = 400 if refusal.status == 431 else refusal.status
    text = "Request header or cookie too large" if refusal.status == 431 else ""
    headers = Headers([("Content-Type", JSON_TYPE), ("Server", TOKEN)])
    return status, refusal.reason, headers, error_body(None, status, text, "")
