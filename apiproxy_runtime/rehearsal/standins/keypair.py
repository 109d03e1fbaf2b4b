"""Key pairs for stand-in test data, and signatures with them.

No private key is stored anywhere: each is computed from a text that stands here for all to read, so every machine has the
same ones and a recording made twice is the same byte for byte. For the same reason they are worth nothing as secrets:
whoever has this file has the keys. Signatures are deterministic too (RFC 6979 for ECDSA, a fixed salt for RSA-PSS).
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: Whose key it is; the other one signs what must be refused.
OWN, STRANGER = "stand-in", "stranger"
_SEED = "apiproxy-runtime: a key for rehearsals, which is no secret"
_BITS = 2048
_EXPONENT = 65537
_SMALL = [n for n in range(3, 2000) if all(n % d for d in range(2, math.isqrt(n) + 1))]
_ROUNDS = 16
#: algorithm → coordinate bytes
_CURVES = {"ES256": 32, "ES384": 48, "ES512": 66}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", *_CURVES)

Sign = Callable[[bytes], bytes]


class KeyPair(Struct, frozen=True):
    """A key pair that fits an algorithm. `jwk` is the public key as a JSON Web Key, with its id."""

    public_pem: str
    private_pem: str
    certificate: str
    jwk: dict[str, str]

    @property
    def key_id(self) -> str:
        return self.jwk["kid"]


@lru_cache(16)
def key_pair(algorithm: str, owner: str = OWN) -> KeyPair:
    """The pair for a signature algorithm, `RS256` for encryption with RSA too."""
    # loads cryptography, which takes a tenth of a second
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = _ec(algorithm, owner) if algorithm in _CURVES else _rsa(owner)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kind = algorithm if algorithm in _CURVES else "RSA"
    return KeyPair(
        public.decode(), secret.decode(), _certificate(private), {"kid": f"{owner}-{kind}", **_jwk(algorithm, owner)}
    )  # fmt: skip


def key_set() -> dict[str, Any]:
    """All own public keys, as a JWKS endpoint answers."""
    return {"keys": [key_pair(algorithm).jwk for algorithm in ("RS256", *_CURVES)]}


def signer(algorithm: str, owner: str = OWN) -> Sign:
    """What signs with the pair of an algorithm."""
    if algorithm.startswith("PS"):
        return lambda data: _sign_pss(data, algorithm, owner)
    return lambda data: _sign(data, algorithm, owner)


def _sign(data: bytes, algorithm: str, owner: str) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    hash_ = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if algorithm in _CURVES:
        signature = _ec(algorithm, owner).sign(data, ec.ECDSA(hash_, deterministic_signing=True))
        size = _CURVES[algorithm]
        return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))
    return _rsa(owner).sign(data, padding.PKCS1v15(), hash_)


def _sign_pss(data: bytes, algorithm: str, owner: str) -> bytes:
    """RSASSA-PSS with a salt of zeros as long as the digest (RFC 8017, sections 8.1.1 and 9.1.1; RFC 7518, 3.5)."""
    name = f"sha{algorithm[2:]}"
    digest = hashlib.new(name, data).digest()
    size, length = len(digest), _BITS // 8
    salt = bytes(size)
    hashed = hashlib.new(name, bytes(8) + digest + salt).digest()
    block = bytes(length - 2 * size - 2) + b"\x01" + salt
    mask = b"".join(
        hashlib.new(name, hashed + counter.to_bytes(4, "big")).digest()
        for counter in range(-(-len(block) // size))
    )
    masked = bytes(left ^ right for left, right in zip(block, mask, strict=False))
    # the modulus has all its bits, so the encoded message is one bit shorter
    encoded = bytes([masked[0] & 0x7F]) + masked[1:] + hashed + b"\xbc"
    numbers = _rsa(owner).private_numbers()
    return pow(int.from_bytes(encoded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(length, "big")


@lru_cache(2)
def _rsa(owner: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    p, q = sorted((_prime(f"{owner} p"), _prime(f"{owner} q")), reverse=True)
    d = pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key()


@lru_cache(6)
def _ec(algorithm: str, owner: str) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}[algorithm]
    # a bit less than the order of the curve has
    return ec.derive_private_key(_number(f"{owner} {algorithm}", curve.key_size - 8), curve)


def _prime(name: str) -> int:
    """The first prime, of half the bits of a modulus, from where the name leads; one that goes with the exponent."""
    bits = _BITS // 2
    candidate = _number(name, bits) | 3 << bits - 2 | 1
    while not _is_prime(candidate) or candidate % _EXPONENT == 1:
        candidate += 2
    return candidate


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test; with these few numbers, always the same ones, its chance of error is none."""
    if any(number % small == 0 for small in _SMALL):
        return False
    odd, twos = number - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    for witness in _SMALL[:_ROUNDS]:
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def _number(name: str, bits: int) -> int:
    data = hashlib.shake_256(f"{_SEED}: {name}".encode()).digest(bits // 8)
    return int.from_bytes(data, "big")


def _jwk(algorithm: str, owner: str) -> dict[str, str]:
    if algorithm in _CURVES:
        point, size = _ec(algorithm, owner).public_key().public_numbers(), _CURVES[algorithm]
        curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
        return {"kty": "EC", "crv": curve, "x": _text(point.x, size), "y": _text(point.y, size)}
    numbers = _rsa(owner).public_key().public_numbers()
    return {"kty": "RSA", "n": _text(numbers.n, _BITS // 8), "e": _text(numbers.e, 3)}


def _text(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")


def _certificate(private: RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    """A certificate of the key, which itself has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
    )
    if isinstance(private, rsa.RSAPrivateKey):
        return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return (
        builder.sign(private, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM).decode()
    )
