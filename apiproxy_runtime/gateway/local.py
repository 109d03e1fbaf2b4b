"""Proxy chaining: a LocalTargetConnection runs another proxy of this runtime, without a network hop.

The second proxy has its own variables; only the message travels. Like an HTTP target, it gets the first proxy's path
suffix and query unless `target.copy.*` says no. Source: "Connecting proxies with other proxies"; the depth is bounded
here because Apigee does not prevent loops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from apiproxy_runtime.bundle.model import LocalTargetConnection
from apiproxy_runtime.gateway.observation import observe
from apiproxy_runtime.gateway.router import Match, Router
from apiproxy_runtime.gateway.target import joined
from apiproxy_runtime.message.builtin import proxy_url
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed, HTTPTarget
from apiproxy_runtime.policy.site import Site
from apiproxy_runtime.program.properties import success_codes
from apiproxy_runtime.program.transaction import run_post_client, run_transaction

MAX_DEPTH = 16


class LocalProxyTarget:
    """A LocalTargetConnection, ready to be called.

    Bundles read `target.url` and write it back with a path of their own (foodcarts of apigee/streetcarts-tutorial,
    dutch-healthcare of apigee/devrel): what lies under the address of this proxy is called here, anything else by
    `by_url`.
    """

    def __init__(
        self, connection: LocalTargetConnection, site: Site, router: Router, by_url: HTTPTarget
    ) -> None:
        self.router = router
        self.by_url = by_url
        self.succeeds = success_codes(None)

        def render(text: str | None) -> Callable[[MessageContext], str]:
            return site.template((text or "").strip(), connection.node)

        self._path = render(connection.path) if connection.path else None
        self._proxy = render(connection.api_proxy)
        self._endpoint = render(connection.proxy_endpoint or "default")

    def url_of(self, ctx: MessageContext) -> str | None:
        """The address at which a client would reach the other proxy; None while it is not deployed."""
        try:
            match = self._match(ctx, "")
        except CallFailed:
            return None
        return origin(ctx) + match.program.base_path.rstrip("/") + match.suffix

    async def call_target(self, ctx: MessageContext) -> Message:
        """Run `ctx.request` through the other proxy."""
        target = ctx.target
        assert target is not None
        request = ctx.request.copy()
        if target.url is None:
            if not target.copy_queryparams:
                request.query_string = ""
            match = self._match(ctx, ctx.path_suffix if target.copy_pathsuffix else "")
        else:
            here = origin(ctx)
            if not target.url.startswith(f"{here}/"):
                return await self.by_url.call_target(ctx)
            path, _, request.query_string = target.url[len(here) :].partition("?")
            match = self._under(ctx, path)
        request.stream = ctx.request.stream
        return await run_local(ctx, request, match)

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
        """Run a copy of `request` through the other proxy, as a ServiceCallout does."""
        match = self._match(ctx, suffix)
        try:
            async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000):
                return await run_local(ctx, request.copy(), match)
        except TimeoutError:
            raise CallFailed("deadline", f"no answer within {timeout_ms} ms") from None

    def _match(self, ctx: MessageContext, suffix: str) -> Match:
        if self._path is not None:
            path = joined(self._path(ctx), suffix, "")
            return self._at(path if path.startswith("/") else f"/{path}")
        proxy, name = self._proxy(ctx), self._endpoint(ctx)
        program = self.router.endpoint(proxy, name)
        if program is None:
            raise CallFailed("unreachable", f"no proxy {proxy} with an endpoint {name} is deployed")
        return Match(program, suffix)

    def _under(self, ctx: MessageContext, path: str) -> Match:
        """The named endpoint if the path is one of its, else whichever takes the path."""
        if self._path is None:
            program = self._match(ctx, "").program
            base = program.base_path.rstrip("/")
            if path == base or path.startswith(f"{base}/"):
                return Match(program, path[len(base) :])
        return self._at(path)

    def _at(self, path: str) -> Match:
        match = self.router.match(path)
        if match is None:
            raise CallFailed("unreachable", f"no proxy is deployed at {path}")
        return match


def origin(ctx: MessageContext) -> str:
    """Scheme and host of the client's URL."""
    url = proxy_url(ctx)
    return url[: url.find("/", 8)]


async def run_local(ctx: MessageContext, request: Message, match: Match) -> Message:
    """One transaction of the other proxy; its answer is the target's response."""
    if ctx.depth >= MAX_DEPTH:
        raise CallFailed("bad_response", f"proxies call each other more than {MAX_DEPTH} deep")
    client = Client("127.0.0.1", 0, ctx.client.scheme)
    client.received_start = client.received_end = ctx.world.now()
    program = match.program
    request.path = joined(program.base_path if program.base_path != "/" else "", match.suffix, "") or "/"
    client.request_uri = request.uri
    inner = MessageContext(request, program.deployment, client)
    inner.endpoint_name = program.name
    inner.base_path = program.base_path
    inner.path_suffix = match.suffix
    inner.depth = ctx.depth + 1
    if ctx.observer is not None:
        observe(inner, ctx.observer.inner(inner))
    response = await run_transaction(program, inner)
    for edit in inner.late_edits:
        edit(response)
    if program.post_client:
        await run_post_client(program, inner)
    return response
