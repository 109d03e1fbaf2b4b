"""Certificates and keys in PEM, from PKCS#12 and jar files, or made anew."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from apiproxy_runtime.bundle.archive import SourceError, ZipSource
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.management.call import number_of

_SUBJECT = {
    "commonName": NameOID.COMMON_NAME,
    "countryCode": NameOID.COUNTRY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "org": NameOID.ORGANIZATION_NAME,
    "orgUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "email": NameOID.EMAIL_ADDRESS,
}
_PRIVATE = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


def from_pkcs12(content: bytes, password: bytes) -> tuple[str, str]:
    """Certificates (the key's own first) and key, which is empty if there is none. Raises Refused."""
    try:
        key, own, others = pkcs12.load_key_and_certificates(content, password or None)
    except ValueError as error:
        raise Refused(400, "InvalidKeystore", f"the PKCS#12 file cannot be read: {error}") from None
    certificates = [*([own] if own is not None else []), *others]
    text = "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in certificates)
    return text, key.private_bytes(*_PRIVATE).decode() if key is not None else ""


def from_jar(content: bytes) -> tuple[str, str]:
    """Certificates and key of a jar; META-INF/descriptor.properties names its files. Raises Refused."""
    try:
        jar = ZipSource(content, "the jar")
        certificates = [
            jar.read(path) for path in jar.files() if path.lower().endswith((".pem", ".crt", ".cer", ".cert"))
        ]
        keys = [jar.read(path) for path in jar.files() if path.lower().endswith(".key")]
        named = _descriptor(jar)
    except SourceError as error:
        raise Refused(400, "InvalidKeystore", str(error)) from None
    certificate = named.get("certFile") or b"".join(certificates)
    key = named.get("keyFile") or b"".join(keys) or (certificate if b"PRIVATE KEY" in certificate else b"")
    return certificate.decode("utf-8", "replace"), key.decode("utf-8", "replace")


def _descriptor(jar: ZipSource) -> dict[str, bytes]:
    """The files that the descriptor names, by `certFile` and `keyFile`."""
    path = "META-INF/descriptor.properties"
    if path not in jar.files():
        return {}
    lines = jar.read(path).decode("utf-8", "replace").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#")]
    return {key.strip(): jar.read(value.strip()) for key, _, value in pairs if value.strip() in jar.files()}


def self_signed(asked: dict[str, Any], now: float) -> tuple[str, str]:
    """Certificate and key as `format=selfsignedcert` asks: subject, keySize, certValidityInDays, subjectAlternativeDnsNames.

    Edge writes key_size and cert_validity_in_days. Raises Refused.
    """
    subject = asked.get("subject")
    if not isinstance(subject, dict) or not isinstance(subject.get("commonName"), str):
        raise Refused(400, "MissingField", 'a self-signed certificate needs {"subject": {"commonName": …}}')
    size = number_of(asked.get("keySize", asked.get("key_size")), 2048)
    days = number_of(asked.get("certValidityInDays", asked.get("cert_validity_in_days")), 365)
    if size not in (2048, 3072, 4096) or not 0 < days <= 36500:
        raise Refused(
            400,
            "InvalidValue",
            "a key has 2048, 3072 or 4096 bits, a certificate is valid for 1 to 36500 days",
        )
    alternatives = asked.get("subjectAlternativeDnsNames")
    if isinstance(alternatives, dict):
        alternatives = alternatives.get("subjectAlternativeName")
    names = [item for item in alternatives if isinstance(item, str)] if isinstance(alternatives, list) else []
    key = rsa.generate_private_key(public_exponent=65537, key_size=size)
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
    try:
        name = x509.Name(
            [x509.NameAttribute(oid, subject[field]) for field, oid in _SUBJECT.items() if subject.get(field)]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(days=days))
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(item) for item in names])
            builder = builder.add_extension(alternative, critical=False)
    except (ValueError, TypeError) as error:
        raise Refused(400, "InvalidValue", f"no certificate can be made: {error}") from None
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(
        *_PRIVATE
    ).decode()
