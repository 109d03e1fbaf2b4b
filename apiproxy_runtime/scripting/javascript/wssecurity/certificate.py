"""Keys, certificates, and the names by which a signature refers to them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from apiproxy_runtime.scripting.javascript.wssecurity.envelope import SecurityError

#: the keywords with which Java prints names, where they differ from those of RFC 4514
_JAVA = {x509.NameOID.EMAIL_ADDRESS: "EMAILADDRESS", x509.NameOID.SERIAL_NUMBER: "SERIALNUMBER"}
_RDN = re.compile(r'((?:\\.|"(?:\\.|[^"])*"|[^,\\"])+)(?:,|$)')
#: the types of names that are written as dotted numbers
_NUMERIC = re.compile(r"(?:OID\.)?\d")


@lru_cache(64)
def private_key(pem: str, password: str | None) -> RSAPrivateKey:
    """An RSA key in PEM form. Raises SecurityError."""
    try:
        key = load_pem_private_key(_unindented(pem), password.encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SecurityError(f"private_key cannot be read: {error}") from None
    if not isinstance(key, RSAPrivateKey):
        raise SecurityError("private_key is no RSA key")
    return key


@lru_cache(64)
def certificate(pem: str) -> x509.Certificate:
    """A certificate in PEM form. Raises SecurityError."""
    try:
        return x509.load_pem_x509_certificate(_unindented(pem))
    except ValueError as error:
        raise SecurityError(f"certificate cannot be read: {error}") from None


def _unindented(pem: str) -> bytes:
    """PEM as it often stands in XML: each line indented."""
    return "\n".join(line.strip() for line in pem.strip().splitlines()).encode()


def public_key(holder: x509.Certificate) -> RSAPublicKey:
    """The RSA key of a certificate. Raises SecurityError."""
    key = holder.public_key()
    if not isinstance(key, RSAPublicKey):
        raise SecurityError("the certificate holds no RSA key")
    return key


def thumbprint(holder: x509.Certificate, algorithm: str) -> bytes:
    """The hash of a certificate; `sha1` or `sha256`."""
    return hashlib.new(algorithm, holder.public_bytes(Encoding.DER), usedforsecurity=False).digest()


def in_time(holder: x509.Certificate, now: float) -> bool:
    """Whether a certificate is valid at a moment."""
    return holder.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= holder.not_valid_after_utc


def common_name(name: x509.Name) -> str:
    """The CN of a name, empty without one."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def distinguished_name(name: x509.Name) -> str:
    """A name as Java prints it, from the most specific part on: `CN=Test, O=Test, C=US`."""
    return ", ".join(_parts(name))


def _parts(name: x509.Name) -> list[str]:
    return [
        "+".join(
            f"{_JAVA.get(each.oid) or each.rfc4514_attribute_name}={_quoted(str(each.value))}" for each in rdn
        )
        for rdn in reversed(name.rdns)
    ]


def _quoted(value: str) -> str:
    if not re.search(r'[,+=<>#;"\\]|^\s|\s$', value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def same_issuer(
    written: str, name: x509.Name, style: str | None, comparison: str, exclude_numeric_oids: bool
) -> bool:
    """Whether an X509IssuerName means a certificate's issuer.

    style       CN: the common name alone is written; DN: the whole name; None: what is written tells
    comparison  of whole names: string, or of their parts normal, reverse, unordered
    """
    written = written.strip()
    parts = _split(written)
    if style == "CN" or (style is None and len(parts) == 1 and len(name.rdns) > 1 and parts[0][0] == "CN"):
        return written in (f"CN={common_name(name)}", common_name(name))
    if comparison == "string":
        return written in (distinguished_name(name), name.rfc4514_string())
    if comparison == "reverse":
        parts.reverse()
    expected = _split(distinguished_name(name))
    kept = [part for part in parts if not _NUMERIC.match(part[0])] if exclude_numeric_oids else parts
    if len(parts) != len(expected):
        return False
    if comparison == "unordered":
        return not Counter(kept) - Counter(expected)
    # in order; what is written with numbers may be any of the others
    rest = iter(expected)
    return all(part in rest for part in kept)


def _split(name: str) -> list[tuple[str, str]]:
    """The parts of a name: (type in capitals, value)."""
    found = []
    for match in _RDN.finditer(name):
        kind, _, value = match[1].strip().partition("=")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        kind = kind.strip().upper()
        found.append(("EMAILADDRESS" if kind == "E" else kind, re.sub(r"\\(.)", r"\1", value)))
    return found
