"""The call to the upstream: which server, under which URL and headers, how often it is tried, and what comes of it.

Source: proxying reference ("Proxying and upstream timeouts", "Errors and retries"), and nginx's `proxy_next_upstream
error timeout`, by which a failed connection is tried again, and a failed exchange only if its method is idempotent.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.kong.answer import error_message
from apiproxy_runtime.kong.balancer import Peer, Ring, lone_peer
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import KONG_VERSION, Configuration, Route, Service
from apiproxy_runtime.kong.path import escape
from apiproxy_runtime.kong.site import KongServices
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

#: What `Server` and `Via` say.
TOKEN = f"kong/{KONG_VERSION}"
#: Bodies are held in memory up to this size: nginx would put larger ones on disk.
BODY_LIMIT = 1 << 30

_SECURE = frozenset(("https", "wss", "grpcs", "tls"))
_NOT_IDEMPOTENT = frozenset(("POST", "LOCK", "PATCH"))
_CONNECT = frozenset(("unreachable", "connect_timeout", "tls"))
_EXCHANGE = frozenset(("read_timeout", "eof"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Proxy:
    """Calls the upstream of one service, for one route."""

    def __init__(
        self,
        service: Service,
        route: Route,
        rings: Mapping[str, Ring],
        configuration: Configuration,
        services: KongServices,
    ) -> None:
        self.service = service
        self.services = services
        self.rings = rings
        self.preserve_host = route.preserve_host
        self.stream = True if not route.response_buffering else None
        self.attempts = service.retries + 1
        self.scheme = "https" if service.protocol in _SECURE else "http"
        self.connect_ms = service.connect_timeout
        self.io_ms = max(service.read_timeout, service.write_timeout)
        self._tls = _tls_maker(service, configuration) if self.scheme == "https" else None

    async def call(self, ctx: KongContext) -> Message:
        """The upstream's answer, or Kong's own when there is none. Sets `ctx.tries` and `ctx.source`."""
        request = ctx.request
        complete_headers(ctx)
        target = escape(ctx.upstream_path)
        query = request.query_string
        if query or ctx.client.request_uri.endswith("?"):
            target = f"{target}?{query}"
        host, port = ctx.upstream_host, ctx.upstream_port
        ring = self.rings.get(host)
        peers = repeat(lone_peer(host, port)) if ring is None else ring.candidates(ctx)
        return await self._try(ctx, request, target, ring, iter(peers))

    async def _try(
        self, ctx: KongContext, request: Message, target: str, ring: Ring | None, peers: Iterator[Peer]
    ) -> Message:
        failure: CallFailed | None = None
        scheme = ctx.upstream_scheme
        for _, peer in zip(range(self.attempts), peers, strict=False):
            authority = authority_of(peer, scheme)
            call = Call(
                f"{scheme}://{authority}{target}",
                request,
                "target",
                self.connect_ms,
                self.io_ms,
                host_header=ctx.upstream_authority or peer.authority or authority,
                stream=self.stream,
                limit=BODY_LIMIT,
                tls=self._tls(peer) if self._tls is not None else None,
            )
            if ctx.client.upgrade:
                call.upgrade = ctx.client.upgrade
            peer.in_flight += 1
            try:
                response = await self.services.send(ctx, call)
            except CallFailed as error:
                failure = error
                if not is_unresolved(error):
                    ctx.tries += ((peer.host, peer.port, error.kind),)
                if ring is not None:
                    ring.failed(peer, "timeout" in error.kind)
                if not may_try_again(error, request):
                    break
            else:
                ctx.tries += ((peer.host, peer.port, str(response.status)),)
                if ring is not None:
                    ring.answered(peer, response.status)
                if call.tunnel is not None:
                    ctx.client.tunnel = call.tunnel
                return response
            finally:
                peer.in_flight -= 1
        ctx.source = "error"
        return failed(ctx, failure)


def may_try_again(failure: CallFailed, request: Message) -> bool:
    """Whether another server may be asked. A body that was streamed away cannot be sent again."""
    if failure.kind in _CONNECT:
        return True
    return failure.kind in _EXCHANGE and request.verb not in _NOT_IDEMPOTENT and request.stream is None


def failed(ctx: KongContext, failure: CallFailed | None) -> Message:
    """Kong's answer when no server gave one; None says that there was nobody to ask."""
    if failure is None:
        return error_message(ctx, 503, "failure to get a peer from the ring-balancer")
    if is_unresolved(failure):
        return error_message(ctx, 503, "name resolution failed")
    return error_message(ctx, 504 if "timeout" in failure.kind or failure.kind == "deadline" else 502)


def is_unresolved(failure: CallFailed) -> bool:
    """Whether the name of the server could not be resolved."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return True
        cause = cause.__cause__
    return False


def authority_of(peer: Peer, scheme: str) -> str:
    """Host and port as in a URL; the port is left out where it is the scheme's own."""
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return host if _DEFAULT_PORTS.get(scheme) == peer.port else f"{host}:{peer.port}"


def complete_headers(ctx: KongContext) -> None:
    """What Kong tells the upstream about the client; what the client said of itself is replaced.

    The client is not trusted (`trusted_ips` is empty by default), but its X-Forwarded-For is kept and added to.
    """
    fields = ctx.request.headers.fields
    client = ctx.client
    forwarded = fields.get("x-forwarded-for")
    chain = client.ip if forwarded is None else f"{', '.join(forwarded[1:])}, {client.ip}"
    fields["x-forwarded-for"] = ["X-Forwarded-For", chain]
    fields["x-forwarded-proto"] = ["X-Forwarded-Proto", client.scheme]
    fields["x-forwarded-host"] = ["X-Forwarded-Host", host_of(client.host)]
    fields["x-forwarded-port"] = ["X-Forwarded-Port", str(client.local_port)]
    fields["x-forwarded-path"] = ["X-Forwarded-Path", client.request_uri.partition("?")[0]]
    fields["x-real-ip"] = ["X-Real-IP", client.ip]
    route = ctx.route
    if route is not None and route.strip_path and ctx.path_matched != "/":
        fields["x-forwarded-prefix"] = ["X-Forwarded-Prefix", ctx.path_matched]
    else:
        fields.pop("x-forwarded-prefix", None)
    via = fields.get("via")
    mine = f"{ctx.request.version} {TOKEN}"
    fields["via"] = ["via", mine if via is None else f"{', '.join(via[1:])}, {mine}"]
    fields["x-kong-request-id"] = ["X-Kong-Request-Id", ctx.request_id]
    fields.pop("proxy", None)


def host_of(authority: str) -> str:
    """The host of a Host header: lower case, without the port."""
    host = authority.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _tls_maker(service: Service, configuration: Configuration) -> Callable[[Peer], TlsProfile]:
    """How to talk TLS to the servers of a service. Certificates are not verified unless the service says so."""
    shown = service.client_certificate
    authorities = tuple(
        configuration.ca_certificates[name]
        for name in service.ca_certificates
        if name in configuration.ca_certificates
    )
    verify = bool(service.tls_verify)
    made: dict[str, TlsProfile] = {}

    def profile(peer: Peer) -> TlsProfile:
        name = peer.authority or service.host
        known = made.get(name)
        if known is None:
            known = made[name] = TlsProfile(
                verify=verify,
                authorities=authorities if verify else (),
                certificate=shown.cert if shown is not None else "",
                key=shown.key if shown is not None else "",
                server_name=host_of(name),
            )
        return known

    return profile
