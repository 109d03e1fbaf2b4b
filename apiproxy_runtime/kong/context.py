"""One request on its way through Kong: what `kong.ctx`, `kong.client` and `kong.service` are to a plugin in Lua."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apiproxy_runtime.kong.model import Consumer, Credential, Route, Service
from apiproxy_runtime.message.context import Client, Deployment, MessageContext
from apiproxy_runtime.message.message import Message

if TYPE_CHECKING:
    from apiproxy_runtime.kong.chain import Collected


class KongContext(MessageContext):
    """The context of one request.

    `variables` is `kong.ctx.shared`. Plugins change `request` in place: what they leave there goes upstream, and
    later plugins see it. `path_matched` is the part of the path that the route matched.
    """

    route: Route | None = None
    service: Service | None = None
    consumer: Consumer | None = None
    credential: Credential | None = None
    #: groups that an authentication plugin told, for acl
    authenticated_groups: tuple[str, ...] | None = None
    #: numbered (`0` the whole) and named groups of the route's regular expression
    captures: Mapping[str, str] = {}
    request_id = ""
    #: the name that the client asked for in its TLS handshake
    server_name = ""
    #: the plugins whose later phases run, once they are known
    collected: Collected | None = None
    #: names of the plugins whose conditions held, or that have none, as far as access has come
    matched_plugins: tuple[str, ...] = ()
    #: where the request goes: scheme, host and port of the service, the path to ask it for, and the Host to say
    upstream_scheme = ""
    upstream_host = ""
    upstream_port = 0
    upstream_path = ""
    upstream_authority: str | None = None
    path_matched = "/"
    #: who answered: `upstream`, `cache` (counts as proxied), `exit` (a plugin), `error` (Kong itself)
    source = "upstream"
    #: whether a server was asked, even if it gave no answer
    proxied = False
    #: monotonic seconds: begin of the request, of the call to the upstream, and of its answer
    started = 0.0
    proxied_at = 0.0
    answered_at = 0.0
    #: what was tried: (host, port, what became of it)
    tries: tuple[tuple[str, int, str], ...] = ()

    def __init__(
        self,
        request: Message,
        deployment: Deployment,
        client: Client,
        variables: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(request, deployment, client, variables)
        #: `kong.ctx.plugin` of each instance that wants one
        self.plugin: dict[str, Any] = {}
        #: headers that plugins set before there is a response (lower-case name → name, value)
        self.early: dict[str, tuple[str, str]] = {}

    @property
    def shared(self) -> dict[str, Any]:
        """`kong.ctx.shared`."""
        return self.variables

    def set_response_header(self, name: str, value: str) -> None:
        """`kong.response.set_header` in access: the header stands on whatever is answered."""
        self.early[name.lower()] = (name, value)

    def authenticate(self, consumer: Consumer | None, credential: Credential | None) -> None:
        """Say who calls, to later plugins and to the upstream.

        The headers are those of Kong's bundled authentication plugins; without a credential the caller is anonymous.
        """
        self.consumer, self.credential = consumer, credential
        fields = self.request.headers.fields
        for name, value in (
            ("X-Consumer-ID", consumer.id if consumer else None),
            ("X-Consumer-Custom-ID", consumer.custom_id if consumer else None),
            ("X-Consumer-Username", consumer.username if consumer else None),
            ("X-Credential-Identifier", credential.identifier if credential else None),
            ("X-Anonymous-Consumer", None if credential else "true"),
        ):
            if value:
                fields[name.lower()] = [name, value]
            else:
                fields.pop(name.lower(), None)
