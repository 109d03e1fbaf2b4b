"""Keys, signatures and encryption, by joserfc; what is not to Apigee's measure is refused here.

Keys are parsed once for each distinct text and then remembered, up to a bound. This module is imported when the
first policy that needs it is compiled: joserfc and cryptography take a tenth of a second to load.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from apiproxy_policies.security.jose.algorithms import CONTENT_ENCRYPTION, WRAPPING_BYTES, Signing
from apiproxy_policies.security.jose.refused import INVALID, Refused

#: least size of RSA keys (RFC 7518, sections 3.3 and 4.2)
RSA_BITS = 2048
#: most rounds of PBKDF2 that a token may ask for: each costs time before anything is known of its sender
MOST_ITERATIONS = 100_000


class Key(Struct, frozen=True, eq=False):
    """A parsed key. `type` is its `kty`, `size` in bits for RSA and in bytes for secrets, `curve` that of an EC key."""

    type: str
    native: OctKey | RSAKey | ECKey
    size: int = 0
    curve: str = ""


def _asymmetric(native: object) -> Key:
    if isinstance(native, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return Key("RSA", RSAKey(native, native), native.key_size)
    if isinstance(native, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        key = ECKey(native, native)
        return Key("EC", key, curve=_curve(key))
    raise ValueError("neither an RSA nor an EC key")


def _curve(key: ECKey) -> str:
    try:
        return key.curve_name
    except KeyError:
        return "another"


def _pem(text: str) -> bytes:
    """PEM as parsers like it: without the indentation it gets in XML, and with line breaks if it lost them."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) == 1 and lines[0].startswith("-----BEGIN "):
        begin, _, rest = lines[0].removeprefix("-----").partition("-----")
        body, _, end = rest.partition("-----")
        lines = [f"-----{begin}-----", *textwrap.wrap("".join(body.split()), 64), f"-----{end}"]
    return "\n".join(lines).encode() + b"\n"


@lru_cache(256)
def secret_key(secret: bytes) -> Key:
    """A key for HS algorithms, AES and passwords."""
    return Key("oct", OctKey(secret, secret), len(secret))


@lru_cache(256)
def public_key(text: str) -> Key:
    """A public key in PEM; a certificate is taken too. Raises Refused: KeyParsingFailed."""
    try:
        if "BEGIN CERTIFICATE" in text:
            return _asymmetric(load_pem_x509_certificate(_pem(text)).public_key())
        return _asymmetric(load_pem_public_key(_pem(text)))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("KeyParsingFailed") from None


@lru_cache(256)
def private_key(text: str, password: str | None) -> Key:
    """A private key in PEM (PKCS 8, PKCS 1 or SEC 1). Raises Refused: InvalidPrivateKey."""
    try:
        return _asymmetric(load_pem_private_key(_pem(text), password.encode() if password else None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("InvalidPrivateKey") from None


def jwk_key(data: dict[str, Any]) -> Key:
    """A key of a JWKS. Raises Refused: KeyParsingFailed."""
    try:
        if data.get("kty") == "RSA":
            public = RSAKey.import_key({"kty": "RSA", "n": data["n"], "e": data["e"]})
            return _asymmetric(public.public_key)
        if data.get("kty") == "EC":
            known = {name: data[name] for name in ("crv", "x", "y")}
            return _asymmetric(ECKey.import_key({"kty": "EC", **known}).public_key)
    except (ValueError, TypeError, KeyError, JoseError):
        pass
    raise Refused("KeyParsingFailed")


def fit_for_signing(algorithm: Signing, key: Key, *, too_short: str = "InsufficientKeyLength") -> None:
    """Check that a key is of the algorithm's kind and long enough.

    Raises Refused: WrongKeyType, InvalidCurve, InsufficientKeyLength, or `too_short` for secrets of HS384 and HS512.
    """
    if key.type != algorithm.key_type:
        raise Refused("WrongKeyType")
    if algorithm.family == "HS" and key.size < algorithm.key_bytes:
        raise Refused("InsufficientKeyLength" if algorithm.name == "HS256" else too_short)
    if key.type == "RSA" and key.size < RSA_BITS:
        raise Refused("InsufficientKeyLength")
    if algorithm.curve and key.curve != algorithm.curve:
        raise Refused("InvalidCurve")


def signer(algorithm: Signing) -> Callable[[bytes, Key], bytes]:
    """What signs data. The function raises Refused: SigningFailed and what `fit_for_signing` raises."""
    model = JWSRegistry.algorithms[algorithm.name]

    def sign(data: bytes, key: Key) -> bytes:
        fit_for_signing(algorithm, key, too_short="SigningFailed")
        try:
            return model.sign(data, key.native)
        except (ValueError, JoseError, AssertionError):
            raise Refused("SigningFailed") from None

    return sign


def verifier(algorithm: Signing) -> Callable[[bytes, bytes, Key], bool]:
    """What says whether a signature belongs to data. The function raises Refused as `fit_for_signing` does."""
    model = JWSRegistry.algorithms[algorithm.name]

    def verify(data: bytes, signature: bytes, key: Key) -> bool:
        fit_for_signing(algorithm, key)
        return model.verify(data, signature, key.native)

    return verify


class _Registry(jwe.JWERegistry):
    """joserfc without its limits, which lie below what gateways let through in a header or a body.

    Critical headers are judged by the policies: a token may be made that names one it does not have.
    """

    max_protected_header_length = 64 * 1024
    max_encrypted_key_length = 8 * 1024
    max_ciphertext_length = 1024 * 1024

    def check_header(self, header: dict[str, Any], check_more: bool = False) -> None:
        super().check_header({name: value for name, value in header.items() if name != "crit"}, check_more)


def _registry(header: dict[str, Any]) -> _Registry:
    return _Registry(algorithms=[header["alg"], header["enc"], "DEF"], strict_check_header=False)


def fit_for_encryption(algorithm: str, content: str, key: Key, invalid_rsa: str) -> None:
    """Check that a key is of the kind and length an encryption takes.

    Raises Refused: WrongKeyType, InvalidCurve, InvalidSecretKey, InvalidPasswordKey, or `invalid_rsa` for a short one.
    """
    kind = "RSA" if algorithm.startswith("RSA") else "EC" if algorithm.startswith("ECDH") else "oct"
    if key.type != kind:
        raise Refused("WrongKeyType")
    if kind == "RSA" and key.size < RSA_BITS:
        raise Refused(invalid_rsa)
    if kind == "EC" and key.curve not in ("P-256", "P-384", "P-521"):
        raise Refused("InvalidCurve")
    needed = CONTENT_ENCRYPTION[content] if algorithm == "dir" else WRAPPING_BYTES.get(algorithm)
    if needed is not None and key.size != needed:
        raise Refused("InvalidSecretKey")
    if algorithm.startswith("PBES2") and not key.size:
        raise Refused("InvalidPasswordKey")


def encrypt(header: dict[str, Any], plaintext: bytes, key: Key) -> str:
    """A compact JWE. Raises Refused: EncryptionFailed and what `fit_for_encryption` raises."""
    fit_for_encryption(header["alg"], header["enc"], key, "InvalidPublicKey")
    try:
        return jwe.encrypt_compact(header, plaintext, key.native, registry=_registry(header))
    except (ValueError, JoseError, AssertionError):
        raise Refused("EncryptionFailed") from None


def decrypt(text: str, header: dict[str, Any], key: Key) -> bytes:
    """The plaintext of a compact JWE whose header is known to be acceptable.

    Raises Refused: INVALID when key and token do not belong together, and what `fit_for_encryption` raises.
    """
    fit_for_encryption(header["alg"], header["enc"], key, "InvalidPrivateKey")
    iterations = header.get("p2c")
    if isinstance(iterations, int) and iterations > MOST_ITERATIONS:
        raise Refused(INVALID)
    try:
        plaintext = jwe.decrypt_compact(text, key.native, registry=_registry(header)).plaintext
    except (ValueError, TypeError, KeyError, JoseError, AssertionError, InvalidTag):
        raise Refused(INVALID) from None
    return plaintext or b""
