"""Keys and tokens for tests, made without the policies: a test that believes a policy's token checks it by these."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

NOW = 1_700_000_000
SECRET = "a secret of sixty-four bytes, which is what HS512 wants to have. "[:64]
CURVES: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


def b64(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def rsa_key(name: str = "one", bits: int = 2048) -> Any:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: str = "P-256") -> Any:
    return ec.generate_private_key(CURVES[curve]())


def private_pem(key: Any, password: str | None = None, format: str = "PKCS8") -> str:
    encryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    form = getattr(serialization.PrivateFormat, format)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def public_pem(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def jwk(key: Any, kid: str, **more: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        n = b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"))
        return {"kty": "RSA", "kid": kid, "n": n, "e": "AQAB", **more}
    size = (key.curve.key_size + 7) // 8
    curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.curve.name]
    x, y = (b64(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "kid": kid, "crv": curve, "x": x, "y": y, **more}


def jwks(*keys: dict[str, str]) -> str:
    return json.dumps({"keys": keys})


def _hash(alg: str) -> Any:
    return {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()


def signature(alg: str, key: Any, data: bytes) -> bytes:
    if alg.startswith("HS"):
        secret = key.encode() if isinstance(key, str) else key
        return hmac.new(secret, data, getattr(hashlib, f"sha{alg[2:]}")).digest()
    if alg.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), _hash(alg))
    if alg.startswith("PS"):
        digest = _hash(alg)
        return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_hash(alg))))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def genuine(alg: str, key: Any, data: bytes, signed: bytes) -> bool:
    """Whether a signature is the key's."""
    if alg.startswith("HS"):
        return signature(alg, key, data) == signed
    public = key.public_key()
    if alg.startswith("RS"):
        public.verify(signed, data, padding.PKCS1v15(), _hash(alg))
    elif alg.startswith("PS"):
        digest = _hash(alg)
        public.verify(signed, data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        half = len(signed) // 2
        numbers = (int.from_bytes(part, "big") for part in (signed[:half], signed[half:]))
        public.verify(encode_dss_signature(*numbers), data, ec.ECDSA(_hash(alg)))
    return True


def token(
    claims: dict[str, Any] | str,
    header: dict[str, Any] | str | None = None,
    *,
    alg: str = "HS256",
    key: Any = SECRET,
) -> str:
    """A signed token; header and payload may be given as text. `header` is added to `alg` and `typ`."""
    if not isinstance(header, str):
        header = json.dumps({"alg": alg, "typ": "JWT", **(header or {})})
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    data = f"{b64(header)}.{b64(payload)}"
    return f"{data}.{b64(signature(alg, key, data.encode()))}"


def parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a signed token."""
    header, payload, _ = text.split(".")
    return json.loads(unb64(header)), json.loads(unb64(payload))


def raw(header: str | bytes, payload: str | bytes = "{}", signed: str = "AAAA") -> str:
    """A token of any bytes; the signature is given as it stands there."""
    return f"{b64(header)}.{b64(payload)}.{signed}"
