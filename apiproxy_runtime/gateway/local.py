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
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed, HTTPTarget
from apiproxy_runtime.policy.site import Site
from apiproxy_runtime.program.properties import success_codes
from apiproxy_runtime.program.transaction import run_post_client, run_transaction

MAX_DEPTH = 16


class LocalProxyTarget:
    """A LocalTargetConnection, ready to be called.

    Once a bundle sets `target.url`, `by_url` makes the call, as dutch-healthcare of apigee/devrel expects.
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
        """A local target has no URL."""
        return None

    async def call_target(self, ctx: MessageContext) -> Message:
        """Run `ctx.request` through the other proxy."""
        target = ctx.target
        assert target is not None
        if target.url is not None:
            return await self.by_url.call_target(ctx)
        suffix = ctx.path_suffix if target.copy_pathsuffix else ""
        request = ctx.request.copy()
        if not target.copy_queryparams:
            request.query_string = ""
        match = self._match(ctx, suffix)
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
            match = self.router.match(path if path.startswith("/") else f"/{path}")
            if match is None:
                raise CallFailed("unreachable", f"no proxy is deployed at {path}")
            return match
        proxy, name = self._proxy(ctx), self._endpoint(ctx)
        program = self.router.endpoint(proxy, name)
        if program is None:
            raise CallFailed("unreachable", f"no proxy {proxy} with an endpoint {name} is deployed")
        return Match(program, suffix)


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
