"""One transaction: its messages, its flow variables, and where in the flow it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.world import World

#: The segments, named as debug sessions and `context.flow` name them.
PROXY_REQUEST = "PROXY_REQ_FLOW"
TARGET_REQUEST = "TARGET_REQ_FLOW"
TARGET_RESPONSE = "TARGET_RESP_FLOW"
PROXY_RESPONSE = "PROXY_RESP_FLOW"
POST_CLIENT = "PROXY_POST_RESP_SENT"


class Deployment(Struct):
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

    Times are seconds since the epoch, 0.0 while the moment has not come. (The defaults are the class's own: most
    transactions set few of these, and every one makes a client.)
    """

    host = "127.0.0.1"
    local_ip = "127.0.0.1"
    local_port = 0
    #: the last address of X-Forwarded-For
    forwarded_ip: str | None = None
    #: path and query as received
    request_uri = ""
    #: whether a POST or PUT came without a body and without saying so
    lacks_length = False
    #: the protocol the client asks to switch to (`websocket`), and the target's end of it once it agreed
    upgrade = ""
    tunnel: Any = None
    #: subject of the client's TLS certificate: cn, country, email.address, locality, organization, …
    certificate: Mapping[str, str] = MappingProxyType({})
    received_start = received_end = sent_start = sent_end = 0.0

    def __init__(self, ip: str = "127.0.0.1", port: int = 0, scheme: str = "http") -> None:
        self.ip = ip
        self.port = port
        self.scheme = scheme


class TargetCall:
    """The call to the target that is being prepared or has been made; exists from the target request flow on.

    url            what `target.url` was set to; None while the configured one holds
    configured_url computes the configured URL (its template is expanded when asked)
    """

    url: str | None = None
    base_path: str | None = None
    copy_pathsuffix = True
    copy_queryparams = True
    header_host: str | None = None
    expected_cn: str | None = None
    scheme: str | None = None
    host: str | None = None
    ip: str | None = None
    port: int | None = None
    server: str | None = None
    failed_servers: tuple[str, ...] = ()
    is_fallback = False
    certificate: Mapping[str, str] = MappingProxyType({})
    sent_start = sent_end = received_start = received_end = 0.0

    def __init__(self, name: str, configured_url: Callable[[MessageContext], str | None]) -> None:
        self.name = name
        self.configured_url = configured_url


class MessageContext:
    """The state of one transaction, handed to every step.

    `variables` holds what policies set: plain values under their full dotted name, and whole messages (a
    ServiceCallout's response, an AssignMessage's custom message) as `Message` objects. Built-in variables live
    in the attributes; read and write either kind through the accessors that `message.variables` compiles for a
    name, or its `read`, `write` and `remove` where the name is known only at run time.
    """

    response: Message | None = None
    error: Message | None = None
    fault: Fault | None = None
    target: TargetCall | None = None
    phase = PROXY_REQUEST
    in_response = False
    endpoint_name = ""
    base_path = ""
    path_suffix = ""
    flow_name: str | None = None
    flow_description: str | None = None
    proxy_flow_name: str | None = None
    target_flow_name: str | None = None
    route_name: str | None = None
    route_target: str | None = None
    #: monotonic seconds at which `api.timeout` is used up; 0.0 for none
    deadline = 0.0
    #: how many local proxies and shared flows deep this transaction is
    depth = 0
    message_id: str | None = None
    #: objects that scripts of one transaction share (`context.session`)
    session: dict[str, Any] | None = None
    #: what policies collect for analytics and traces (DataCapture, StatisticsCollector, TraceCapture)
    analytics: Mapping[str, Any] = MappingProxyType({})
    #: what is done to the response, or error response, just before it leaves (CORS headers)
    late_edits: tuple[Callable[[Message], None], ...] = ()
    #: whoever watches this transaction
    observer: Any = None

    def __init__(
        self,
        request: Message,
        deployment: Deployment | None = None,
        client: Client | None = None,
        variables: dict[str, Any] | None = None,
    ) -> None:
        self.request = request
        self.variables: dict[str, Any] = {} if variables is None else variables
        self.deployment = deployment if deployment is not None else Deployment()
        self.client = client if client is not None else Client()

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
