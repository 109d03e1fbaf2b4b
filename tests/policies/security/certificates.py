"""Certificates and keystores for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.keystore import KeyAlias, Keystore
from tests.policies.security.tokens import NOW, private_pem, rsa_key

_PLACE = Place("keystores.json")


@cache
def certificate(
    name: str, key: str, issuer: str = "", issuer_key: str = "", authority: bool = False, days: int = 9
) -> Any:
    """A certificate for the RSA key of a name, around NOW; signed by itself unless an issuer is named."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    begin = datetime.fromtimestamp(NOW, UTC) - timedelta(days=10)
    return (
        x509.CertificateBuilder(
            by,
            subject,
            rsa_key(key).public_key(),
            1 + len(name + key),
            begin,
            begin + timedelta(days=10 + days),
        )
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(rsa_key(issuer_key or key), hashes.SHA256())
    )


def pem(found: Any) -> str:
    return found.public_bytes(serialization.Encoding.PEM).decode()


def keystore(name: str, **aliases: tuple[str, str | None]) -> Keystore:
    """A keystore of (certificates, private key or None) by alias, in PEM."""
    return Keystore(
        name,
        {
            alias: KeyAlias(alias, certificates, key, None, _PLACE)
            for alias, (certificates, key) in aliases.items()
        },
        _PLACE,
    )


def environment(*stores: Keystore, **parts: Any) -> Environment:
    return Environment(keystores={store.name: store for store in stores}, **parts)


def signer(name: str = "one") -> Keystore:
    """The keystore `signers` with the alias `signing`: an RSA key and its own certificate."""
    return keystore("signers", signing=(pem(certificate("signer", name)), private_pem(rsa_key(name))))


def trusting(*certificates: Any) -> Keystore:
    """The truststore `trusted`."""
    return keystore(
        "trusted", **{f"c{number}": (pem(each), None) for number, each in enumerate(certificates)}
    )
