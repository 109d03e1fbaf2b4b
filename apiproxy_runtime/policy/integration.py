"""Application Integration: the request object that SetIntegrationRequest makes, and the call that sends it.

The object is a message whose body is that of the REST API's methods `execute` and `schedule`, and whose path is the
resource name of the integration. IntegrationCallout and IntegrationEndpoint send it in the same way. Source: REST
reference of Application Integration, projects.locations.integrations.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.google import GoogleApi

if TYPE_CHECKING:
    from apiproxy_runtime.policy.site import Site

HOST = "https://integrations.googleapis.com"
REQUEST_VARIABLE = "integration.request"
_PATH = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/integrations/[^/]+")


class IntegrationCaller:
    """Sends request objects. With `asynchronous` a run is scheduled, and the answer only names it."""

    def __init__(self, site: Site, *, asynchronous: bool, purpose: str) -> None:
        self.api = GoogleApi(site, purpose)
        self.asynchronous = asynchronous

    def url(self, request: Message) -> str:
        """Where a request object is sent. Raises ValueError when the message is none."""
        if not request.is_request or not _PATH.fullmatch(request.path):
            raise ValueError("the message was not made by SetIntegrationRequest")
        return f"{HOST}{request.path}:{'schedule' if self.asynchronous else 'execute'}"

    async def send(self, ctx: MessageContext, request: Message) -> Message:
        """The answer; its status may be any. Raises ValueError and CallFailed."""
        return await self.api.post(ctx, self.url(request), self._body(request))

    def _body(self, request: Message) -> bytes:
        """The body to send: only `schedule` knows a time, so `execute` goes without it."""
        if self.asynchronous or b'"scheduleTime"' not in request.body:
            return request.body
        content = request.json()
        if not isinstance(content, dict):
            return request.body
        return json.dumps({key: value for key, value in content.items() if key != "scheduleTime"}).encode()
