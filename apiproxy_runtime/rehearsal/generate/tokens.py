"""JSON Web Tokens that VerifyJWT accepts, where the secret is known: in test data, property sets or the bundle itself.

Only the HS algorithms: to sign for the others takes a private key, which the side that verifies does not have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.virtual import START

_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_AUTHORIZATION = "request.header.authorization"
#: Seconds that a token is good for: ten years, so that a recording can be replayed on a live gateway too.
_LIFETIME = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What one VerifyJWT wants: where the token stands, how it is signed, and what it says."""

    policy: str
    origin: Origin
    algorithm: str
    secret: bytes = field(repr=False)
    claims: dict[str, Any]
    key_id: str = ""

    def text(self, *, secret: bytes | None = None, **claims: Any) -> str:
        """The token; `secret` and `claims` make it a wrong one."""
        head = {"alg": self.algorithm, "typ": "JWT", **({"kid": self.key_id} if self.key_id else {})}
        signed = f"{_part(head)}.{_part({**self.claims, **claims})}"
        digest = hmac.new(secret or self.secret, signed.encode(), _HASHES[self.algorithm]).digest()
        return f"{signed}.{_base64(digest)}"

    def put(self, scene: Scene, token: str) -> None:
        """Put a token where the policy looks for it."""
        held = {"header": scene.headers, "query": scene.query, "form": scene.form}[self.origin.kind]
        held[self.origin.name] = self.origin.text(token)


def signed_tokens(bundles: Iterable[Bundle], origins: Origins) -> tuple[list[SignedToken], list[str]]:
    """The tokens that can be made, and the policies for which none can."""
    made: list[SignedToken] = []
    missing: list[str] = []
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element not in ("VerifyJWT", "VerifyJWS"):
                continue
            token = _token(policy, origins) if policy.element == "VerifyJWT" else None
            if token is None:
                missing.append(policy.name)
            else:
                made.append(token)
    return made, missing


def token_troubles(scene: Scene, tokens: Iterable[SignedToken]) -> Iterator[tuple[str, Scene]]:
    """Each token: missing, no token at all, expired, signed by somebody else, of another audience."""
    for token in tokens:
        without = scene.copy()
        {"header": without.headers, "query": without.query, "form": without.form}[token.origin.kind].pop(
            token.origin.name, None
        )
        yield f"no token for {token.policy}", without
        wrong = [
            ("a token that is none", "no.token.here"),
            ("an expired token", token.text(exp=int(START) - 1)),
            (
                "a token signed by somebody else",
                token.text(secret=b"the secret of somebody else, long enough"),
            ),
        ]
        if "aud" in token.claims:
            wrong.append(("a token of another audience", token.text(aud="somebody-else")))
        if "iss" in token.claims:
            wrong.append(("a token of another issuer", token.text(iss="somebody-else")))
        for what, text in wrong:
            changed = scene.copy()
            token.put(changed, text)
            yield f"{what} for {token.policy}", changed


def _token(policy: PolicySource, origins: Origins) -> SignedToken | None:
    node = policy.node
    algorithm = next(
        (name for part in node.child_text("Algorithm", "").split(",") if (name := part.strip()) in _HASHES),
        "",
    )
    key = node.child("SecretKey")
    held = key.child("Value") if key is not None else None
    secret = _known(held, origins)
    origin = _place(node.child_text("Source", "").strip() or _AUTHORIZATION, origins)
    if not algorithm or not secret or origin is None or key is None:
        return None
    try:
        raw = _bytes(secret, key.attributes.get("encoding", "").lower())
    except ValueError:
        return None
    claims: dict[str, Any] = {"iat": int(START) - 60, "exp": int(START) + _LIFETIME}
    for tag, name, otherwise in (("Issuer", "iss", ""), ("Subject", "sub", "jane"), ("Audience", "aud", "")):
        value = _known(node.child(tag), origins) or otherwise
        if value:
            claims[name] = value.split(",")[0].strip() if name == "aud" else value
    more = node.child("AdditionalClaims")
    for claim in more.all("Claim") if more is not None else ():
        said = _known(claim, origins)
        if claim.name and said is not None:
            claims[claim.name] = _typed(said, claim)
    return SignedToken(policy.name, origin, algorithm, raw, claims, _known(key.child("Id"), origins) or "")


def _place(source: str, origins: Origins) -> Origin | None:
    """Where the token of a source stands; from the Authorization header `Bearer ` is cut off."""
    if source.lower() == _AUTHORIZATION:
        return Origin("header", name="Authorization", pattern="Bearer {}")
    return next((origin for origin in origins.of(source) if origin.kind in ("header", "query", "form")), None)


def _known(node: Node | None, origins: Origins) -> str | None:
    """What an element says: the variable it refers to, where its value is known, else its text."""
    if node is None:
        return None
    ref = node.attributes.get("ref", "").strip()
    if ref:
        for origin in origins.of(ref):
            if origin.kind == "constant":
                return origin.name
    return node.text.strip() or None


def _typed(value: str, claim: Node) -> Any:
    kind = claim.attributes.get("type", "string")
    many = claim.attributes.get("array", "false").lower() == "true"
    parts = [part.strip() for part in value.split(",")] if many else [value]
    typed: list[Any] = [
        part.lower() == "true"
        if kind == "boolean"
        else json.loads(part)
        if kind in ("number", "map")
        else part
        for part in parts
    ]
    return typed if many else typed[0]


def _bytes(secret: str, encoding: str) -> bytes:
    """Raises ValueError for a secret that is not written in its encoding."""
    if encoding in ("hex", "base16"):
        return bytes.fromhex(secret)
    if encoding in ("base64", "base64url"):
        padded = secret + "=" * (-len(secret) % 4)
        return base64.b64decode(padded, altchars=b"-_" if encoding == "base64url" else None, validate=True)
    return secret.encode()


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
