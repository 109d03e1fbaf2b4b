"""IntegrationEndpoint: the target is an Application Integration, whose request a SetIntegrationRequest has made."""

from __future__ import annotations

from urllib.parse import urlsplit

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.integration import REQUEST_VARIABLE, IntegrationCaller
from apiproxy_runtime.policy.site import Site
from apiproxy_runtime.program.properties import success_codes


class IntegrationTarget:
    """An IntegrationEndpoint, ready to be called. The answer is the response message."""

    def __init__(self, name: str, site: Site, asynchronous: bool) -> None:
        self.name = name
        self.caller = IntegrationCaller(site, asynchronous=asynchronous, purpose="target")
        self.world = site.world
        self.succeeds = success_codes(None)
        self._get = variables.getter(REQUEST_VARIABLE)

    def url_of(self, ctx: MessageContext) -> str | None:
        """Where the request object is sent; None while there is none."""
        request = self._get(ctx)
        try:
            return self.caller.url(request) if isinstance(request, Message) else None
        except ValueError:
            return None

    async def call_target(self, ctx: MessageContext) -> Message:
        """Send the request object. Raises CallFailed, and a Fault when there is none."""
        request = self._get(ctx)
        url = self.url_of(ctx)
        if url is None or not isinstance(request, Message):
            raise Fault(
                "messaging.runtime.IntegrationRequestMissing",
                f"Integration endpoint {self.name} has no request: run SetIntegrationRequest before it",
                500,
                category="Messaging",
            )
        target = ctx.target
        assert target is not None
        parts = urlsplit(url)
        target.scheme, target.host, target.port = parts.scheme, parts.hostname, 443
        target.sent_start = target.sent_end = self.world.now()
        response = await self.caller.send(ctx, request)
        target.received_start = target.received_end = self.world.now()
        return response

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
        """Send a request object. Raises CallFailed, and ValueError when the message is none."""
        return await self.caller.send(ctx, request)
