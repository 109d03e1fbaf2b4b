"""Compiled target connections: what TargetEndpoints, RouteRule URLs and ServiceCallouts call.

Building the target URL (endpoint configuration and variables reference): the URL that `target.url` was set to is
used verbatim; the configured one gets the path suffix and the query appended, each unless `target.copy.*` says no.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from apiproxy_runtime.bundle.model import HTTPTargetConnection
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.gateway.compression import force_encoding
from apiproxy_runtime.gateway.loadbalancer import TARGET_HEALTH, Balance, ServerState
from apiproxy_runtime.gateway.sslinfo import compile_tls
from apiproxy_runtime.message.context import MessageContext, TargetCall
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CONNECT_TIMEOUT_MS, IO_TIMEOUT_MS, Call, CallFailed
from apiproxy_runtime.policy.site import Site
from apiproxy_runtime.policy.tokens import compile_header_name, compile_token
from apiproxy_runtime.program.properties import byte_limit, flag, milliseconds, success_codes

if TYPE_CHECKING:
    from apiproxy_runtime.gateway.egress import Outgoing


class HttpTarget:
    """An HTTPTargetConnection, ready to be called."""

    def __init__(
        self, connection: HTTPTargetConnection, site: Site, egress: Outgoing, purpose: str, events: bool
    ) -> None:
        properties = connection.properties
        self.egress = egress
        self.world = site.world
        self.purpose = purpose
        self.connect_ms = milliseconds(properties, "connect.timeout.millis", CONNECT_TIMEOUT_MS)
        self.io_ms = milliseconds(properties, "io.timeout.millis", IO_TIMEOUT_MS)
        self.limit = byte_limit(properties.get("response.payload.parse.limit"))
        self.stream = flag(properties, "response.streaming.enabled", False)
        self.use_proxy = flag(properties, "use.proxy", True)
        self.succeeds = success_codes(properties.get("success.codes"))
        self.needs_allow = not flag(properties, "ignore.allow.header.for.405", True)
        self.compression = properties.get("compression.algorithm", "").strip().lower()
        self.needs_length = frozenset(
            verb
            for verb in ("POST", "PUT")
            if not flag(properties, f"allow.{verb.lower()}.without.content.length", False)
        )
        self.override = _method_overrides(properties)
        self.url: str | None = None
        self._render: Callable[[MessageContext], str] | None = None
        url = (connection.url or "").strip()
        if url:
            if "{" in url:
                self._render = site.template(url, connection.node, ignore_unresolved=False)
            else:
                self.url = url
        self._path = site.template(connection.path.strip(), connection.node) if connection.path else None
        self.balance, self.servers = _balance(connection, site)
        self._tls = compile_tls(connection.ssl_info, site, connection.common_name)
        self._server_tls = {
            name: compile_tls(server.ssl_info or connection.ssl_info, site, connection.common_name)
            for name, server in self.servers.items()
        }
        auth = connection.authentication
        self._token = compile_token(auth, site) if auth is not None and auth.kind else None
        self._token_header = compile_header_name(auth, site) if auth is not None and auth.kind else None

    # ---- the URL

    def url_of(self, ctx: MessageContext) -> str | None:
        """The configured URL with its template expanded; None with a load balancer, or if it cannot be expanded."""
        if self._render is None:
            return self.url
        try:
            return self._render(ctx)
        except Fault:
            return None

    def _configured(self, ctx: MessageContext) -> str:
        if self._render is None:
            if self.url is None:
                raise CallFailed("bad_url", "the target has no URL")
            return self.url
        return self._render(ctx)

    # ---- target endpoints

    async def call_target(self, ctx: MessageContext) -> Message:
        """Send `ctx.request` on; `target.*` variables and the request's are those of the call afterwards."""
        target = ctx.target
        assert target is not None
        request = ctx.request
        if target.url is not None:
            return await self._send(ctx, target, check_url(target.url))
        suffix = ctx.path_suffix if target.copy_pathsuffix else ""
        query = request.query_string if target.copy_queryparams else ""
        if self.balance is None:
            return await self._send(ctx, target, joined(self._configured(ctx), suffix, query))
        path = self._path(ctx) if self._path is not None else ""
        return await self._balanced(
            self.balance,
            lambda server: self._send(ctx, target, joined(server_url(server, path), suffix, query), server),
            target,
        )

    async def _send(
        self, ctx: MessageContext, target: TargetCall, url: str, server: TargetServer | None = None
    ) -> Message:
        request = ctx.request
        if self._token is not None and self._token_header is not None:
            request.headers.set(self._token_header(ctx), f"Bearer {self._token(ctx, url)}")
        if self.compression:
            force_encoding(request, self.compression)
        if self.override:
            override = self.override.get(request.verb)
            if override:
                request.headers.set("X-HTTP-Method-Override", override)
        make_tls = self._tls if server is None else self._server_tls[server.name]
        call = Call(
            url,
            request,
            self.purpose,
            self.connect_ms,
            self.io_ms,
            ctx.deadline or inf,
            target.header_host,
            True if self.stream else None,
            self.limit,
            make_tls(ctx, target.expected_cn) if make_tls is not None else None,
            self.use_proxy,
        )
        if ctx.client.upgrade:
            call.upgrade = ctx.client.upgrade
        if ctx.client.lacks_length and not request.body:
            check_length(request, self.needs_length)
        if ctx.observer is not None:
            ctx.observer.call_begins(ctx, call)
        now = self.world.now
        target.sent_start = target.sent_end = now()
        response = await self.egress.send(call)
        if call.tunnel is not None:
            ctx.client.tunnel = call.tunnel
        target.received_start = target.received_end = now()
        self._note(target, request, url)
        if ctx.observer is not None:
            ctx.observer.call_ends(ctx, call, response)
        if response.status == 405 and self.needs_allow and "allow" not in response.headers.fields:
            raise CallFailed("no_allow_header", "")
        return response

    def _note(self, target: TargetCall, request: Message, url: str) -> None:
        """From here on `request.uri`, `.path` and `.url` are those of the call (variables reference)."""
        way = self.egress.way_of(url)
        target.scheme, target.host, target.port, target.ip = way.scheme, way.host, way.port, way.address
        rest = url[url.find("/", 8) :] if url.find("/", 8) >= 0 else "/"
        path, _, query = rest.partition("?")
        request.path = path
        if query and query != request.query_string:
            request.query_string = query
        request.url = f"{way.scheme}://{way.host}{rest}"

    async def _balanced(
        self,
        balance: Balance,
        send: Callable[[TargetServer], Awaitable[Message]],
        target: TargetCall | None,
    ) -> Message:
        """Try the servers the balance names until one gives a usable answer. Raises CallFailed."""
        failure: CallFailed | None = None
        answer: Message | None = None
        for state in balance.candidates():
            server = self.servers[state.name]
            if target is not None:
                target.server, target.is_fallback = state.name, state.fallback
            state.in_flight += 1
            try:
                response = await send(server)
            except CallFailed as error:
                failure, answer = error, None
                balance.failed(state)
            else:
                if response.status not in balance.unhealthy:
                    balance.succeeded(state)
                    return response
                failure, answer = None, response
                balance.failed(state)
            finally:
                state.in_flight -= 1
            if target is not None:
                target.failed_servers += (state.name,)
            if not balance.retry:
                break
        if answer is not None:
            return answer
        raise failure or CallFailed("no_active_targets", "every target server is out")

    # ---- callouts

    async def call(
        self,
        ctx: MessageContext,
        request: Message,
        timeout_ms: int | None = None,
        *,
        url: str | None = None,
        suffix: str = "",
        expected_cn: str | None = None,
    ) -> Message:
        """Send `request` to the connection's URL as it stands: no suffix, no query of the proxy."""
        if self.balance is None or url is not None:
            url = check_url(self._configured(ctx) if url is None else url)
            return await self._callout(ctx, request, joined(url, suffix, ""), timeout_ms, expected_cn)
        path = joined(self._path(ctx) if self._path is not None else "", suffix, "")
        return await self._balanced(
            self.balance,
            lambda server: self._callout(
                ctx, request, server_url(server, path), timeout_ms, expected_cn, server
            ),
            None,
        )

    async def _callout(
        self,
        ctx: MessageContext,
        request: Message,
        url: str,
        timeout_ms: int | None,
        expected_cn: str | None,
        server: TargetServer | None = None,
    ) -> Message:
        if request.query_string:
            url = joined(url, "", request.query_string)
        if self._token is not None and self._token_header is not None:
            # the token is for this call alone: the request may be a message that others read or send on
            request = request.copy()
            request.headers.set(self._token_header(ctx), f"Bearer {self._token(ctx, url)}")
        make_tls = self._tls if server is None else self._server_tls[server.name]
        deadline = ctx.deadline or inf
        if timeout_ms is not None:
            deadline = min(deadline, self.world.monotonic() + timeout_ms / 1000)
        call = Call(
            url,
            request,
            self.purpose,
            self.connect_ms,
            self.io_ms,
            deadline,
            None,
            False,
            self.limit,
            make_tls(ctx, expected_cn) if make_tls is not None else None,
            self.use_proxy,
        )
        if ctx.observer is None:
            response = await self.egress.send(call)
        else:
            ctx.observer.call_begins(ctx, call)
            response = await self.egress.send(call)
            ctx.observer.call_ends(ctx, call, response)
        response.url = url
        return response


def check_url(url: str) -> str:
    """A URL that a policy or a template made. Raises CallFailed when nothing can be called by it."""
    url = url.strip()
    if not url.startswith(("http://", "https://")):
        raise CallFailed("bad_url", f"{url!r} is no http or https URL")
    return url


def check_length(request: Message, verbs: frozenset[str]) -> None:
    """A client's POST or PUT without a body must say so. Source: endpoint properties, allow.post.without.content.length.

    A request that a policy made a POST is sent with the length 0.
    """
    if request.verb in verbs and "content-length" not in request.headers.fields:
        raise Fault(
            "messaging.adaptors.http.flow.LengthRequired",
            "'Content-Length' is missing",
            411,
            category="Messaging",
        )


def joined(base: str, suffix: str, query: str) -> str:
    """Base, suffix with exactly one slash between, and the query behind the base's own parameters."""
    own = ""
    if "?" in base:
        base, _, own = base.partition("?")
    if suffix:
        if base[-1:] == "/" and suffix[:1] == "/":
            base += suffix[1:]
        elif base[-1:] != "/" and suffix[:1] != "/":
            base += "/" + suffix
        else:
            base += suffix
    if own:
        return f"{base}?{own}&{query}" if query else f"{base}?{own}"
    return f"{base}?{query}" if query else base


def server_url(server: TargetServer, path: str) -> str:
    """The URL of a target server with the LoadBalancer's Path behind it."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    scheme = "https" if server.uses_tls else "http"
    if path and not path.startswith("/"):
        path = "/" + path
    return f"{scheme}://{host}:{server.port}{path}"


def _method_overrides(properties: dict[str, str]) -> dict[str, str]:
    """Edge's `enable.method.override` with `GET.override.method` and its like."""
    if not flag(properties, "enable.method.override", False):
        return {}
    suffix = ".override.method"
    return {
        key.removesuffix(suffix).upper(): value.strip()
        for key, value in properties.items()
        if key.endswith(suffix)
    }


def _balance(connection: HTTPTargetConnection, site: Site) -> tuple[Balance | None, dict[str, TargetServer]]:
    balancer = connection.load_balancer
    if balancer is None or connection.url:
        return None, {}
    known = site.environment.target_servers
    servers = {server.name: known[server.name] for server in balancer.servers if server.name in known}
    for server in balancer.servers:
        if server.name not in known:
            site.warning(
                server.node,
                "TargetServerNotFound",
                f'The environment "{site.environment.name}" has no target server "{server.name}"',
                "Add it to the environment's targetservers.json; without it calls answer 503.",
            )
    enabled = frozenset(name for name, server in servers.items() if server.enabled)
    monitor = connection.health_monitor
    monitored = monitor is not None and monitor.is_enabled
    return Balance(balancer, enabled, site.world, monitored, _tell_health(site, servers)), servers


def _tell_health(site: Site, servers: dict[str, TargetServer]) -> Callable[[ServerState], None]:
    """What emits the event of a server that is taken out or put back."""
    emit, deployment = site.emitter(TARGET_HEALTH), site.deployment

    def tell(state: ServerState) -> None:
        if emit:
            server = servers[state.name]
            emit(
                {
                    "environment": deployment.environment,
                    "proxy": deployment.proxy,
                    "target_server": state.name,
                    "host": server.host,
                    "port": server.port,
                    "health": "unhealthy" if state.out_until else "healthy",
                    "failures": state.failures,
                }
            )

    return tell


def base_path_of(url: str | None) -> str | None:
    """The path of a configured URL, None when it has none."""
    return (urlsplit(url).path or None) if url else None


__all__ = ["Balance", "HttpTarget", "ServerState", "check_url", "joined", "server_url"]
