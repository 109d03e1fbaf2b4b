"""A gRPC callout server as its author would write it: from the proto file, compiled by protoc."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_tools import protoc

PROTO = Path(__file__).parent / "external_callout.proto"


@lru_cache(1)
def compiled_proto() -> tuple[ModuleType, ModuleType]:
    """The modules `external_callout_pb2` and `external_callout_pb2_grpc`."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
        assert protoc.main([*arguments, PROTO.name]) == 0
        modules = []
        for name in ("external_callout_pb2", "external_callout_pb2_grpc"):
            spec = importlib.util.spec_from_file_location(name, Path(folder) / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            modules.append(module)
    return modules[0], modules[1]


Behave = Callable[[Any, Any], Awaitable[Any]]


async def echo(context: Any, call: Any) -> Any:
    return context


@dataclass
class CalloutServer:
    """Answers with what `behave` makes of the context, and remembers what it got."""

    behave: Behave = echo
    seen: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    server: Any = None

    async def start(self, credentials: Any = None, port: int = 0) -> CalloutServer:
        _, services = compiled_proto()
        handle = self.handle

        class Service(services.ExternalCalloutServiceServicer):
            async def ProcessMessage(self, context: Any, call: Any) -> Any:
                return await handle(context, call)

        self.server = grpc.aio.server()
        services.add_ExternalCalloutServiceServicer_to_server(Service(), self.server)
        address = f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self.server.add_insecure_port(address)
        else:
            self.port = self.server.add_secure_port(address, credentials)
        await self.server.start()
        return self

    async def handle(self, context: Any, call: Any) -> Any:
        seen = type(context)()
        seen.CopyFrom(context)
        self.seen.append(seen)
        self.metadata.append(dict(call.invocation_metadata()))
        return await self.behave(context, call)

    async def stop(self) -> None:
        await self.server.stop(None)


# ---- certificates


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str

    def locked(self, password: str) -> str:
        """The key, encrypted."""
        key = serialization.load_pem_private_key(self.key.encode(), None)
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        ).decode()


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._sign(self.name, self.key.public_key(), authority=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), dns=name)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())

    def _sign(
        self, subject: x509.Name, key: Any, *, authority: bool = False, dns: str = ""
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if dns:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())
