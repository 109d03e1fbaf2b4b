"""gRPC calls to target servers, over channels that are kept and shared.

grpcio is loaded when the first bundle with a gRPC callout is deployed.

TLS follows the target server's sSLInfo: the trust store's certificates are the ones trusted, the key alias is shown
when client authentication is on, and CommonName is the name the certificate must have. As for HTTP targets, a
certificate is checked only against a trust store, or with `enforce`; gRPC knows no unchecked TLS, so without a check
the certificate that the server shows is the one trusted. Ciphers and protocol versions are gRPC's own.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from apiproxy_runtime.bundle.model import SSLInfo
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.gateway.egress import Outgoing, UnaryCall, Way
from apiproxy_runtime.gateway.http.errors import TlsFailed
from apiproxy_runtime.gateway.http.tls import TlsProfile, client_context
from apiproxy_runtime.gateway.sslinfo import compile_tls
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed, Rpc, RpcFailed
from apiproxy_runtime.policy.site import Site

if TYPE_CHECKING:
    import grpc

logger = logging.getLogger("apiproxy")

Q = TypeVar("Q")
A = TypeVar("A")

#: A server that comes back is called again within this time; gRPC's own default is two minutes.
RECONNECT_MS = 2000
_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
)
Key = tuple[Way, TlsProfile | None]


class Channels:
    """The channels of one runtime, by where they lead and how they talk TLS."""

    def __init__(self, egress: Outgoing) -> None:
        self.egress = egress
        self._open: dict[Key, grpc.aio.Channel] = {}

    async def get(self, key: Key) -> grpc.aio.Channel:
        """The channel, opened if need be. Raises RpcFailed."""
        channel = self._open.get(key)
        if channel is None:
            made = await _open_channel(*key)
            channel = self._open.setdefault(key, made)
            if channel is not made:
                await made.close()
        return channel

    def forget(self, key: Key) -> None:
        """Open a new channel next time."""
        self._open.pop(key, None)

    async def close(self) -> None:
        """Close all channels; calls that are under way are cancelled."""
        channels, self._open = list(self._open.values()), {}
        for channel in channels:
            await channel.close()


class ServerMethod(Generic[Q, A]):
    """One method of a target server."""

    def __init__(self, channels: Channels, server: TargetServer, site: Site, method: Rpc[Q, A]) -> None:
        import grpc  # most bundles call no gRPC server

        self.error = grpc.aio.AioRpcError
        self.channels = channels
        self.server = server
        self.method = method
        self.world = site.world
        self._broken = _missing_store(server.ssl_info, site) if server.uses_tls else ""
        self._make_tls = compile_tls(server.ssl_info, site, None) if server.uses_tls else None
        self._key: Key | None = None
        self._invoke: Callable[..., Awaitable[A | None]] | None = None

    async def call(
        self, ctx: MessageContext, request: Q, timeout_ms: int, metadata: tuple[tuple[str, str], ...] = ()
    ) -> A:
        """The answer, within `timeout_ms` and what is left of the transaction's own time. Raises RpcFailed."""
        timeout = timeout_ms / 1000
        if ctx.deadline:
            timeout = min(timeout, max(ctx.deadline - self.world.monotonic(), 0.001))
        invoke = self._invoke
        if invoke is None:
            invoke = await self._connect(ctx, timeout)
        call = self._told(ctx, request) if ctx.observer is not None else None
        try:
            answer = await invoke(request, timeout=timeout, metadata=metadata)
        except self.error as error:
            raise self._failure(error) from None
        if answer is None:
            # the words of grpc-java, in which Apigee calls
            raise RpcFailed("CANCELLED", "Failed to read message.")
        if call is not None:
            response = Message.response(200)
            response.content = str(answer)
            ctx.observer.call_ends(ctx, call, response)
        return answer

    def _told(self, ctx: MessageContext, request: Q) -> Call:
        """The call as observers see it: a POST of the message's text."""
        message = Message.request("POST", self.method.path)
        message.content = str(request)
        call = Call(f"grpc://{self.server.host}:{self.server.port}{self.method.path}", message)
        ctx.observer.call_begins(ctx, call)
        return call

    def _failure(self, error: grpc.aio.AioRpcError) -> RpcFailed:
        status = error.code().name
        profile = self._key[1] if self._key is not None else None
        if status == "UNAVAILABLE" and profile is not None and not profile.verify and self._key is not None:
            # the server may have come back with another certificate than the one that was trusted
            self.channels.forget(self._key)
            self._invoke = None
        return RpcFailed(status, error.details() or "")

    async def _connect(self, ctx: MessageContext, timeout: float) -> Callable[..., Awaitable[A | None]]:
        server = self.server
        if not server.enabled:
            raise RpcFailed("UNAVAILABLE", f"the target server {server.name} is disabled")
        if self._broken:
            raise RpcFailed("TLS", self._broken)
        host = f"[{server.host}]" if ":" in server.host else server.host
        scheme = "https" if server.uses_tls else "http"
        origin = f"{scheme}://{host}:{server.port}"
        unary = self.channels.egress.unary(origin + self.method.path)
        if unary is not None:
            self._invoke = self._by(unary)
            return self._invoke
        try:
            way = self.channels.egress.way_of(origin)
        except CallFailed as failure:
            raise RpcFailed("UNAVAILABLE", failure.text) from None
        profile = None
        if way.secure:
            profile = self._make_tls(ctx, None) if self._make_tls is not None else None
            profile = profile if profile is not None else TlsProfile()
        key = self._key = (way, profile)
        try:
            async with asyncio.timeout(timeout):
                channel = await self.channels.get(key)
        except TimeoutError:
            raise RpcFailed("DEADLINE_EXCEEDED", "no connection in time") from None
        invoke: Callable[..., Awaitable[A | None]] = channel.unary_unary(
            self.method.path,
            request_serializer=self.method.serialize,
            response_deserializer=self._parsed,
        )
        self._invoke = invoke
        return invoke

    def _by(self, unary: UnaryCall) -> Callable[..., Awaitable[A | None]]:
        async def invoke(request: Q, *, timeout: float, metadata: tuple[tuple[str, str], ...]) -> A | None:
            try:
                async with asyncio.timeout(timeout):
                    content = await unary(self.method.serialize(request), metadata)
            except TimeoutError:
                raise RpcFailed("DEADLINE_EXCEEDED", "no answer in time") from None
            return self._parsed(content)

        return invoke

    def _parsed(self, content: bytes) -> A | None:
        """The answer; None for bytes that are none. Each method has its own parser, with errors of its own."""
        try:
            return self.method.parse(content)
        except Exception as error:
            logger.debug("An answer of %s cannot be read: %s", self.method.path, error)
            return None


def _missing_store(info: SSLInfo | None, site: Site) -> str:
    """What of the sSLInfo the environment does not have; empty when all is there."""
    if info is None:
        return ""
    environment = site.environment
    if info.trust_store and environment.keystore(info.trust_store) is None:
        return f"there is no truststore {info.trust_store}"
    if (info.client_auth_enabled or "").lower() == "true":
        store = environment.keystore(info.key_store or "")
        if store is None:
            return f"there is no keystore {info.key_store}"
        if (info.key_alias or "") not in store.aliases:
            return f"the keystore {info.key_store} has no alias {info.key_alias}"
    return ""


async def _open_channel(way: Way, profile: TlsProfile | None) -> grpc.aio.Channel:
    import grpc

    host = f"[{way.address}]" if ":" in way.address else way.address
    address = f"{host}:{way.address_port}"
    options = list(_OPTIONS)
    if (way.address, way.address_port) != (way.host, way.port):
        options.append(("grpc.default_authority", way.host_header))
    if profile is None:
        return grpc.aio.insecure_channel(address, options=options)
    try:
        # not the shared one: HTTP targets negotiate another protocol on it
        context = client_context.__wrapped__(profile)
    except TlsFailed as error:
        raise RpcFailed("TLS", str(error)) from None
    name = profile.common_name or (way.host if way.host != way.address else "")
    roots = "\n".join(profile.authorities).encode() or None
    if not profile.verify:
        shown = await _certificate_of(way, context)
        roots, name = shown.encode(), _name_in(shown) or name
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    key, chain = (_plain_key(profile), profile.certificate.encode()) if profile.certificate else (None, None)
    credentials = grpc.ssl_channel_credentials(roots, key, chain)
    return grpc.aio.secure_channel(address, credentials, options=options)


async def _certificate_of(way: Way, context: ssl.SSLContext) -> str:
    """The certificate that a server shows, as PEM."""
    context.set_alpn_protocols(["h2"])
    try:
        _, writer = await asyncio.open_connection(
            way.address, way.address_port, ssl=context, server_hostname=way.host
        )
    except OSError as error:
        raise RpcFailed("UNAVAILABLE", f"{way.host}:{way.port}: {error}") from None
    session: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = session.getpeercert(binary_form=True)
    writer.close()
    return ssl.DER_cert_to_PEM_cert(shown or b"")


def _name_in(certificate: str) -> str:
    """A name that the certificate is made out to."""
    from cryptography import x509  # only for servers whose certificate is not checked

    read = x509.load_pem_x509_certificate(certificate.encode())
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return str(read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return found[0].replace("*", "any", 1) if found else ""


def _plain_key(profile: TlsProfile) -> bytes:
    """The private key without its password, the only form gRPC takes."""
    if not profile.key_password:
        return profile.key.encode()
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(profile.key.encode(), profile.key_password.encode())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
