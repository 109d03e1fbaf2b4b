"""The one way out: sends calls over pooled connections, wherever `--connect-to` leads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from apiproxy_runtime.gateway.compression import decode_body, wire_body
from apiproxy_runtime.gateway.http.client import HttpClient, Response
from apiproxy_runtime.gateway.http.content_encoding import BadEncoding, UnsupportedEncoding
from apiproxy_runtime.gateway.http.errors import (
    BadResponse,
    BodyTooBig,
    ConnectFailed,
    ConnectTimeout,
    DeadlineExceeded,
    HeaderInjection,
    HeadTooBig,
    ReadTimeout,
    TlsFailed,
    TunnelRefused,
    UnexpectedEof,
    WriteTimeout,
)
from apiproxy_runtime.gateway.http.pool import Origin
from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed, Egress

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_NO_BODY = frozenset(("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"))


class Way(Struct, frozen=True):
    """Where the calls for one `scheme://host:port` really go, and what their Host header says."""

    scheme: str
    host: str
    port: int
    host_header: str
    address: str
    address_port: int
    secure: bool


def read_connect_to(settings: list[str]) -> dict[str, str]:
    """`HOST[:PORT]=URL` settings as a mapping. Raises ValueError with a sentence for the command line."""
    found = {}
    for setting in settings:
        host, separator, url = setting.partition("=")
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if not separator or not host.strip() or not parts.hostname:
            raise ValueError(f"--connect-to must be HOST[:PORT]=URL, not {setting!r}")
        found[host.strip().lower()] = f"{parts.scheme}://{parts.netloc}"
    return found


class Ways:
    """Finds the way of an origin; `connect_to` maps `host` or `host:port` to another origin."""

    def __init__(self, connect_to: Mapping[str, str] | None = None) -> None:
        self.connect_to = dict(connect_to or {})
        self._known: dict[str, Way] = {}

    def find(self, origin: str) -> Way:
        """The way of `scheme://host[:port]`. Raises CallFailed `bad_url`."""
        way = self._known.get(origin)
        if way is None:
            way = self._make(origin)
            if len(self._known) > 4096:
                self._known.clear()
            self._known[origin] = way
        return way

    def lead(self, host: str, port: int) -> str | None:
        """The origin that takes the place of a host."""
        return self.connect_to.get(f"{host}:{port}") or self.connect_to.get(host)

    def _make(self, origin: str) -> Way:
        try:
            parts = urlsplit(origin)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError as error:
            raise CallFailed("bad_url", f"{origin}: {error}") from None
        if scheme not in _PORTS or not host or " " in origin:
            raise CallFailed("bad_url", f"{origin} is no http or https URL")
        scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
        default = _PORTS[scheme]
        port = port or default
        bracketed = f"[{host}]" if ":" in host else host
        header = bracketed if port == default else f"{bracketed}:{port}"
        lead = self.lead(host, port)
        if lead is None:
            return Way(scheme, host, port, header, host, port, scheme == "https")
        there = urlsplit(lead)
        there_port = there.port or _PORTS.get(there.scheme, 80)
        return Way(scheme, host, port, header, there.hostname or "", there_port, there.scheme == "https")


class Outgoing(Egress, Protocol):
    """The egress as the gateway itself uses it: what a wrapper round it (stubs, a recorder) has to offer."""

    def way_of(self, url: str) -> Way:
        """Where calls for a URL go. Raises CallFailed."""
        ...

    def unary(self, url: str) -> UnaryCall | None:
        """What answers gRPC calls of `scheme://host:port/package.Service/Method` in place of the network; None for none."""
        ...


#: The bytes of a gRPC request and its metadata in, those of the response out. Raises RpcFailed.
UnaryCall = Callable[[bytes, tuple[tuple[str, str], ...]], Awaitable[bytes]]
#: Puts itself before the real egress.
Wrapper = Callable[[Outgoing], Outgoing]


class HttpEgress:
    """Sends calls through an `HttpClient`. Raises CallFailed, and nothing else that a network can cause."""

    def __init__(self, client: HttpClient, connect_to: Mapping[str, str] | None = None) -> None:
        self.client = client
        self.ways = Ways(connect_to)
        self._origins: dict[tuple[str, object], Origin] = {}

    def way_of(self, url: str) -> Way:
        """Where calls for a URL go. Raises CallFailed."""
        slash = url.find("/", 8)
        return self.ways.find(url if slash < 0 else url[:slash])

    def unary(self, url: str) -> UnaryCall | None:
        """gRPC calls go over channels."""
        return None

    def log(self, host: str, port: int, line: str) -> bool:
        """Lines go to their server."""
        return False

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        """Where a connection for host and port really goes (for gRPC): address, port, and whether it was led there."""
        way = self.ways.find(f"http://{host}:{port}")
        return way.address, way.address_port, (way.address, way.address_port) != (host, port)

    def answers_for(self, host: str, port: int) -> bool:
        """Whether `--connect-to` leads there."""
        return self.ways.lead(host.lower(), port) is not None

    async def send(self, call: Call) -> Message:
        """The response; its status may be any. With `call.stream` its body is in `Message.stream`."""
        url = call.url
        slash = url.find("/", 8)
        if slash < 0:
            mark = url.find("?", 8)
            origin_text, target = (url, "/") if mark < 0 else (url[:mark], f"/{url[mark:]}")
        else:
            origin_text, target = url[:slash], url[slash:]
        way = self.ways.find(origin_text)
        tls = call.tls if isinstance(call.tls, TlsProfile) else None
        origin = self._origins.get((origin_text, tls))
        if origin is None:
            origin = self._origin(origin_text, way, tls)
        request = call.request
        body: AsyncIterator[bytes] | bytes | list[bytes] | None = request.stream
        if body is None:
            body = wire_body(request)
        if not body and request.verb in _NO_BODY:
            body = None
        if " " in target or "#" in target:
            target = target.partition("#")[0].replace(" ", "%20")
        try:
            response = await self.client.send(
                origin,
                request.verb,
                target,
                request.headers,
                body,
                host_header=call.host_header or way.host_header,
                connect_timeout=call.connect_timeout_ms / 1000,
                io_timeout=call.io_timeout_ms / 1000,
                deadline=call.deadline,
                stream=call.stream,
                limit=call.limit,
                upgrade=call.upgrade,
            )
        except DeadlineExceeded as error:
            raise CallFailed("deadline", str(error)) from error
        except ConnectTimeout as error:
            raise CallFailed("connect_timeout", str(error)) from error
        except TunnelRefused as error:
            raise CallFailed("tunnel", str(error.status)) from error
        except ConnectFailed as error:
            raise CallFailed("unreachable", str(error)) from error
        except TlsFailed as error:
            raise CallFailed("tls", str(error)) from error
        except (ReadTimeout, WriteTimeout) as error:
            raise CallFailed("read_timeout", str(error)) from error
        except UnexpectedEof as error:
            raise CallFailed("eof", str(error)) from error
        except BodyTooBig as error:
            raise CallFailed("too_big", str(error)) from error
        except HeadTooBig as error:
            raise CallFailed("too_big_headers", f"{error.limit:,}") from error
        except BadResponse as error:
            raise CallFailed("bad_response", str(error)) from error
        except HeaderInjection as error:
            raise CallFailed("bad_url", str(error)) from error
        call.tunnel = response.tunnel
        return as_message(response, call)

    def _origin(self, text: str, way: Way, tls: TlsProfile | None) -> Origin:
        profile = (tls or TlsProfile(server_name=way.host)) if way.secure else None
        origin = Origin("https" if way.secure else "http", way.address, way.address_port, profile)
        if len(self._origins) > 4096:
            self._origins.clear()
        self._origins[text, tls] = origin
        return origin


def as_message(response: Response, call: Call) -> Message:
    """The response as a message. Raises CallFailed for a body that is not what its Content-Encoding says."""
    headers: Headers = response.headers
    message = Message(False, headers, response.parts)
    message.status = response.status
    message.reason = response.reason
    if response.streamed:
        message.stream = response.chunks()
    elif "content-encoding" in headers.fields:
        try:
            decode_body(message, call.limit)
        except BadEncoding as error:
            raise CallFailed("decompression", str(error)) from error
        except UnsupportedEncoding as error:
            raise CallFailed("unsupported_encoding", error.value) from error
        except BodyTooBig as error:
            raise CallFailed("too_big", str(error)) from error
    return message
