"""One transaction: its messages, its flow variables, and where in the flow it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.world import World

#: The segments, named as debug sessions and `context.flow` name them.
PROXY_REQUEST = "PROXY_REQ_FLOW"
TARGET_REQUEST = "TARGET_REQ_FLOW"
TARGET_RESPONSE = "TARGET_RESP_FLOW"
PROXY_RESPONSE = "PROXY_RESP_FLOW"
POST_CLIENT = "PROXY_POST_RESP_SENT"


@dataclass(slots=True)
class Deployment:
    """What is the same for every transaction of one deployed proxy revision."""

    organization: str = "hybrid"
    environment: str = "test"
    proxy: str = ""
    revision: str = "1"
    base_path: str = "/"
    world: World = field(default_factory=World)
    #: property sets: set name → key → value (proxy, then environment, then organization)
    property_sets: dict[str, dict[str, str]] = field(default_factory=dict)


class Client:
    """Whoever sent the request, and the server end of that connection.

    Times are seconds since the epoch, 0.0 while the moment has not come.
    """

    __slots__ = (
        "certificate",
        "forwarded_ip",
        "host",
        "ip",
        "local_ip",
        "local_port",
        "port",
        "received_end",
        "received_start",
        "request_uri",
        "scheme",
        "sent_end",
        "sent_start",
        "tunnel",
        "upgrade",
    )

    def __init__(self, ip: str = "127.0.0.1", port: int = 0, scheme: str = "http") -> None:
        self.ip = ip
        self.port = port
        self.scheme = scheme
        self.host = ip
        self.local_ip = "127.0.0.1"
        self.local_port = 0
        self.forwarded_ip: str | None = None
        #: path and query as received
        self.request_uri = ""
        #: the protocol the client asks to switch to (`websocket`), and the target's end of it once it agreed
        self.upgrade = ""
        self.tunnel: Any = None
        #: subject of the client's TLS certificate: cn, country, email.address, locality, organization, …
        self.certificate: dict[str, str] = {}
        self.received_start = self.received_end = self.sent_start = self.sent_end = 0.0


class TargetCall:
    """The call to the target that is being prepared or has been made; exists from the target request flow on.

    url            what `target.url` was set to; None while the configured one holds
    configured_url computes the configured URL (its template is expanded when asked)
    """

    __slots__ = (
        "base_path",
        "certificate",
        "configured_url",
        "copy_pathsuffix",
        "copy_queryparams",
        "expected_cn",
        "failed_servers",
        "header_host",
        "host",
        "ip",
        "is_fallback",
        "name",
        "port",
        "received_end",
        "received_start",
        "scheme",
        "sent_end",
        "sent_start",
        "server",
        "url",
    )

    def __init__(self, name: str, configured_url: Callable[[MessageContext], str | None]) -> None:
        self.name = name
        self.configured_url = configured_url
        self.url: str | None = None
        self.base_path: str | None = None
        self.copy_pathsuffix = True
        self.copy_queryparams = True
        self.header_host: str | None = None
        self.expected_cn: str | None = None
        self.scheme: str | None = None
        self.host: str | None = None
        self.ip: str | None = None
        self.port: int | None = None
        self.server: str | None = None
        self.failed_servers: list[str] = []
        self.is_fallback = False
        self.certificate: dict[str, str] = {}
        self.sent_start = self.sent_end = self.received_start = self.received_end = 0.0


class MessageContext:
    """The state of one transaction, handed to every step.

    `variables` holds what policies set: plain values under their full dotted name, and whole messages (a
    ServiceCallout's response, an AssignMessage's custom message) as `Message` objects. Built-in variables live
    in the attributes; read and write either kind through the accessors that `message.variables` compiles for a
    name, or its `read`, `write` and `remove` where the name is known only at run time.
    """

    __slots__ = (
        "background",
        "base_path",
        "client",
        "deadline",
        "deployment",
        "depth",
        "endpoint_name",
        "error",
        "fault",
        "flow_description",
        "flow_name",
        "in_response",
        "message_id",
        "observer",
        "path_suffix",
        "phase",
        "proxy_flow_name",
        "request",
        "response",
        "route_name",
        "route_target",
        "session",
        "target",
        "target_flow_name",
        "variables",
    )

    def __init__(
        self,
        request: Message,
        deployment: Deployment | None = None,
        client: Client | None = None,
        variables: dict[str, Any] | None = None,
    ) -> None:
        self.request = request
        self.response: Message | None = None
        self.error: Message | None = None
        self.fault: Fault | None = None
        self.variables: dict[str, Any] = {} if variables is None else variables
        self.deployment = deployment if deployment is not None else Deployment()
        self.client = client if client is not None else Client()
        self.target: TargetCall | None = None
        self.phase = PROXY_REQUEST
        self.in_response = False
        self.endpoint_name = ""
        self.base_path = ""
        self.path_suffix = ""
        self.flow_name: str | None = None
        self.flow_description: str | None = None
        self.proxy_flow_name: str | None = None
        self.target_flow_name: str | None = None
        self.route_name: str | None = None
        self.route_target: str | None = None
        #: monotonic seconds at which `api.timeout` is used up; 0.0 for none
        self.deadline = 0.0
        #: how many local proxies and shared flows deep this transaction is
        self.depth = 0
        self.message_id: str | None = None
        #: objects that scripts of one transaction share (`context.session`)
        self.session: dict[str, Any] | None = None
        #: work that outlives its step (calls nobody waits for); the gateway lets it finish
        self.background: list[Awaitable[Any]] | None = None
        self.observer: Any = None

    @property
    def message(self) -> Message:
        """The message of the moment: the request, then the response, in the error flow the pending error."""
        if self.fault is not None and self.error is not None:
            return self.error
        if self.in_response and self.response is not None:
            return self.response
        return self.request

    @message.setter
    def message(self, message: Message) -> None:
        if self.fault is not None:
            self.error = message
        elif self.in_response:
            self.response = message
        else:
            self.request = message

    @property
    def world(self) -> World:
        return self.deployment.world
