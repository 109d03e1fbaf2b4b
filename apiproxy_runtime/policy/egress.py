"""The seam for outgoing calls: targets, callouts, scripts and key fetches all call through one `Egress`.

`--connect-to`, mocks, rehearsals, deadlines, TLS and tracing hold for every call because there is no other way out.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message

CONNECT_TIMEOUT_MS = 3000
IO_TIMEOUT_MS = 55000

Q = TypeVar("Q", contravariant=True)
A = TypeVar("A", covariant=True)


class CallFailed(Exception):
    """An outgoing call got no usable answer.

    kind  `unreachable`, `connect_timeout`, `read_timeout`, `deadline`, `eof`, `tls`, `tunnel`, `too_big`,
          `too_big_headers`, `decompression`, `unsupported_encoding`, `duplicate_header`, `no_allow_header`,
          `bad_response`, `bad_url`, `empty_path`, `no_active_targets`
    text  what happened, for people, or the part of the answer that was wrong
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class Call(Struct):
    """One outgoing request.

    url       absolute, with query; the request's own path and query are not used
    request   verb, headers and body
    timeouts  milliseconds; `deadline` is a monotonic moment after which the call is given up
    stream    True leaves the response body unread in `Message.stream`; None does so for server-sent events only
    tls       how to talk TLS (what the gateway compiled from SSLInfo), None for the defaults
    purpose   `target`, `callout`, `script`, `keys`, `logging`, `health`: for traces and rehearsals
    """

    url: str
    request: Message
    purpose: str = "callout"
    connect_timeout_ms: int = CONNECT_TIMEOUT_MS
    io_timeout_ms: int = IO_TIMEOUT_MS
    deadline: float = inf
    host_header: str | None = None
    stream: bool | None = False
    limit: int = 10 * 1024 * 1024
    tls: object = None
    use_proxy: bool = True
    #: protocol to switch to; `tunnel` is the byte stream when the other side agreed (status 101)
    upgrade: str = ""
    tunnel: object = None


class Egress(Protocol):
    """Sends calls. Raises CallFailed."""

    async def send(self, call: Call) -> Message:
        """The response; its status may be any."""
        ...

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        """Where a connection for host and port really goes (for gRPC): address, port, and whether it is led there."""
        ...

    def answers_for(self, host: str, port: int) -> bool:
        """Whether the user has something that answers for a host of the cloud; else a policy's stand-in does."""
        ...

    def log(self, host: str, port: int, line: str) -> bool:
        """Whether somebody before the network (stubs, a recorder) keeps this line for a log server; else send it."""
        ...


async def send_observed(egress: Egress, ctx: MessageContext, call: Call) -> Message:
    """Make a call that belongs to a transaction; whoever watches it is told. Raises CallFailed."""
    observer = ctx.observer
    if observer is None:
        return await egress.send(call)
    observer.call_begins(ctx, call)
    response = await egress.send(call)
    observer.call_ends(ctx, call, response)
    return response


class HTTPTarget(Protocol):
    """A compiled HTTPTargetConnection: URL template or load balancer, TLS, authentication, properties, timeouts."""

    def succeeds(self, status: int) -> bool:
        """Whether a status is a success: below 400, unless `success.codes` says otherwise."""
        ...

    def url_of(self, ctx: MessageContext) -> str | None:
        """The configured URL with its template expanded; None with a load balancer."""
        ...

    async def call_target(self, ctx: MessageContext) -> Message:
        """Send `ctx.request` to the target: suffix, query, `target.*` variables and retain rules are honoured.

        Raises CallFailed, or a Fault when the URL cannot be made.
        """
        ...

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
        """Send `request` with its own query to the connection's URL, as callouts do. Raises like `call_target`.

        timeout_ms   for the whole call, from connecting to the last byte
        url          takes the place of the configured one
        suffix       path to append to the URL
        expected_cn  name that the server's certificate must have

        `request` is left as it is. The response's `url` is the one that was called, None for a local proxy.
        """
        ...


class LocalTarget(HTTPTarget, Protocol):
    """A compiled LocalTargetConnection: another proxy of this runtime, called without a network hop."""


class RpcFailed(Exception):
    """A gRPC call got no answer.

    status  name of the gRPC status, `UNAVAILABLE`; or `TLS` when keys or certificates could not be used
    text    what happened, for people
    """

    def __init__(self, status: str, text: str) -> None:
        super().__init__(f"{status}: {text}" if text else status)
        self.status = status
        self.text = text


class Rpc(Struct, Generic[Q, A], frozen=True):
    """A unary gRPC method: its path, `/package.Service/Method`, and how its messages become bytes and back."""

    path: str
    serialize: Callable[[Q], bytes]
    parse: Callable[[bytes], A]


class RpcTarget(Protocol[Q, A]):
    """One method of a target server of protocol GRPC, ready to be called."""

    async def call(
        self, ctx: MessageContext, request: Q, timeout_ms: int, metadata: tuple[tuple[str, str], ...] = ()
    ) -> A:
        """The answer. `metadata` keys are lower case. Raises RpcFailed."""
        ...
