"""Google's REST APIs that policies call by themselves: Pub/Sub, Model Armor, Vertex AI, Cloud Logging, IAM.

They are called where the user has something that answers for their host: `--connect-to HOST=URL`, or in a rehearsal
mocks and recorded calls that name it. Anywhere else the policy's local stand-in does, so that nothing leaves a laptop.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, send_observed
from apiproxy_runtime.policy.tokens import TokenSource

if TYPE_CHECKING:
    from apiproxy_runtime.policy.site import Site

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleApi:
    """Calls in the name of the proxy's service account. `purpose` is that of `Call`."""

    def __init__(self, site: Site, purpose: str = "callout") -> None:
        self._egress = site.egress
        self._tokens = TokenSource(site.world)
        self._purpose = purpose

    def answers(self, url: str) -> bool:
        """Whether somebody of the user's answers calls of a URL."""
        host, port = _server(url)
        return bool(host) and self._egress.answers_for(host, port)

    async def post(
        self, ctx: MessageContext | None, url: str, body: object, token: str | None = None
    ) -> Message:
        """The answer to a POST; its status may be any. Raises CallFailed.

        ctx    the transaction that it belongs to, for its deadline and the trace; None for work in the background
        body   JSON as bytes, or what it is made from
        token  in place of the service account's
        """
        request = Message.request("POST")
        request.headers.set("Content-Type", "application/json")
        request.headers.set("Authorization", f"Bearer {token or self._tokens.access_token((SCOPE,))}")
        request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        if ctx is None:
            return await self._egress.send(Call(url, request, self._purpose))
        call = Call(url, request, self._purpose, deadline=ctx.deadline or inf)
        return await send_observed(self._egress, ctx, call)


@lru_cache(maxsize=256)
def _server(url: str) -> tuple[str, int]:
    """Host and port of a URL; the host is empty where there is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return "", 0
