"""The keys that sign generated tokens: a secret that is known, or the stand-in pair where a public key belongs to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.origins import Origins
from apiproxy_runtime.rehearsal.standins.keypair import Sign, key_pair, signer

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class NoKey(Exception):
    """The key to sign with is not known; the text says which one it would be."""


def secret_signer(node: Node, algorithm: str, origins: Origins) -> tuple[Sign, dict[str, Any]]:
    """What signs with a policy's secret, and the header that names it. Raises NoKey."""
    key = node.child("SecretKey")
    held = key.child("Value") if key is not None else None
    secret = known(held, origins)
    if key is None or held is None or not secret:
        raise NoKey("no secret of an HS algorithm in test data, property sets or the bundle")
    encoding = key.attributes.get("encoding") or held.attributes.get("encoding") or ""
    try:
        raw = _bytes(secret, encoding.strip().lower())
    except ValueError:
        raise NoKey(f"its secret is not written in {encoding}") from None
    named = known(key.child("Id"), origins)
    return hmac_signer(algorithm, raw), {"kid": named} if named else {}


def pair_signer(
    policy: PolicySource, algorithm: str, origins: Origins, header: dict[str, Any], caller: str
) -> Sign:
    """What signs with the stand-in pair, where the policy's public key belongs to it; sets the header's `kid`. Raises NoKey."""
    key = policy.node.child("PublicKey")
    if key is None:
        raise NoKey("it names no public key")
    pair = key_pair(algorithm)
    keys = key.child("JWKS")
    if keys is not None:
        held = known(keys, origins)
        fetched = bool(keys.attributes.get("uri") or keys.attributes.get("uriRef"))
        if not fetched and not caller and (held is None or pair.jwk not in _set_of(held)):
            first = next((each for each in _set_of(held or "") if "kid" in each), {})
            header |= {"kid": first["kid"]} if first else {}
            raise NoKey(
                "nobody but their owner has the private keys of its JWKS; only wrong tokens are tried"
            )
        if fetched and key_set_address(policy, origins) not in origins.key_sets:
            header["kid"] = pair.key_id
            raise NoKey(
                "nobody but their owner has the private keys of its JWKS; only wrong tokens are tried"
            )
        header["kid"] = pair.key_id
    else:
        text = known(key.child("Value"), origins) or known(key.child("Certificate"), origins) or ""
        if _squeezed(text) not in (_squeezed(pair.public_pem), _squeezed(pair.certificate)):
            raise NoKey("nobody but its owner has the private key; only wrong tokens are tried")
    return signer(algorithm)


def key_set_address(policy: PolicySource, origins: Origins) -> str:
    """The address that a policy fetches public keys from; empty when it fetches none, or nobody knows it yet."""
    key = policy.node.child("PublicKey")
    keys = key.child("JWKS") if key is not None else None
    if keys is None:
        return ""
    ref = keys.attributes.get("uriRef", "").strip()
    if ref:
        return next((origin.name for origin in origins.of(ref) if origin.kind == "constant"), "").strip()
    return keys.attributes.get("uri", "").strip()


def fetcher(node: Node, origins: Origins) -> str:
    """The policy whose call is answered with the JWKS, where another policy than the verifying one fetches it."""
    key = node.child("PublicKey")
    keys = key.child("JWKS") if key is not None else None
    ref = keys.attributes.get("ref", "").strip() if keys is not None else ""
    found = (origin.message for origin in origins.of(ref) if origin.kind == "body")
    return next((message for message in found if message not in ("request", "target")), "") if ref else ""


def key_id(node: Node, origins: Origins) -> dict[str, Any]:
    """The header with the id that a policy gives its public key."""
    key = node.child("PublicKey")
    named = known(key.child("Id"), origins) if key is not None else None
    return {"kid": named} if named else {}


def known(node: Node | None, origins: Origins) -> str | None:
    """What an element says: the variable it refers to, where its value is known, else its text."""
    if node is None:
        return None
    ref = node.attributes.get("ref", "").strip()
    if ref:
        for origin in origins.of(ref):
            if origin.kind == "constant":
                return origin.name
    return node.text.strip() or None


def hmac_signer(algorithm: str, secret: bytes) -> Sign:
    """What signs with an HS algorithm."""
    return lambda data: hmac.new(secret, data, HASHES[algorithm]).digest()


def _set_of(text: str) -> list[dict[str, Any]]:
    """The keys of a JWKS."""
    try:
        data = json.loads(text)
    except ValueError:
        return []
    keys = data.get("keys") if isinstance(data, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _bytes(secret: str, encoding: str) -> bytes:
    """Raises ValueError for a secret that is not written in its encoding."""
    if encoding in ("hex", "base16"):
        return bytes.fromhex(secret)
    if encoding in ("base64", "base64url"):
        padded = secret + "=" * (-len(secret) % 4)
        return base64.b64decode(padded, altchars=b"-_" if encoding == "base64url" else None, validate=True)
    return secret.encode()


def _squeezed(pem: str) -> str:
    return re.sub(r"\s+", "", pem)
