"""JSON Web Tokens that VerifyJWT and VerifyJWS accept, and such that they must not.

A right one takes the key: a secret that is known (in test data, property sets or the bundle itself), or a public key that
belongs to the stand-in key pair. Where neither is at hand there are only wrong ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.pairs import Pair
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.standins.keypair import ALGORITHMS, STRANGER, Sign, key_pair, key_set, signer
from apiproxy_runtime.rehearsal.virtual import START

_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_AUTHORIZATION = "request.header.authorization"
#: Seconds that a token is good for: ten years, so that a recording can be replayed on a live gateway too.
_LIFETIME = 10 * 365 * 24 * 3600
_WRONG_SECRET = b"the secret of somebody else, long enough for all of the algorithms there are"


class NoKey(Exception):
    """The key to sign with is not known; the text says which one it would be."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What one policy wants: where the token stands, how it is signed, and what it says.

    sign      None when the key is not known: then all that can be made is wrong
    stranger  signs with a key that is not the right one
    header    what else stands in the header, such as `kid`
    caller    the policy whose call is answered with the public key; empty when it is found elsewhere
    """

    policy: str
    origin: Origin
    algorithm: str
    sign: Sign | None = field(repr=False)
    stranger: Sign = field(repr=False)
    claims: dict[str, Any]
    header: dict[str, Any]
    caller: str = ""

    def text(self, *, wrong: bool = False, **claims: Any) -> str:
        """The token; `wrong` has somebody else sign it, `claims` replace what it says."""
        head = {"alg": self.algorithm, "typ": "JWT", **self.header}
        signed = f"{_part(head)}.{_part({**self.claims, **claims})}"
        sign = self.stranger if wrong or self.sign is None else self.sign
        return f"{signed}.{_base64(sign(signed.encode()))}"

    def put(self, scene: Scene, token: str) -> None:
        """Put a token where the policy looks for it."""
        scene.parts(self.origin.kind)[self.origin.name] = self.origin.text(token)
        if self.caller:
            scene.answer(self.caller).document = key_set()


def signed_tokens(bundles: Iterable[Bundle], origins: Origins) -> tuple[list[SignedToken], list[str]]:
    """The tokens that can be made, and why right ones cannot be for some policies."""
    made: list[SignedToken] = []
    missing: dict[str, list[str]] = {}
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element not in ("VerifyJWT", "VerifyJWS"):
                continue
            try:
                token, why = _token(policy, origins, "Source", _claims(policy.node, origins))
                made.append(token)
            except NoKey as reason:
                why = str(reason)
            missing.setdefault(why, []).append(policy.name)
    return made, _told(missing)


def jwt_access_tokens(
    bundles: Iterable[Bundle], origins: Origins, pair: Pair
) -> tuple[list[SignedToken], list[str]]:
    """As `signed_tokens`, for OAuthV2 policies that verify access tokens which are JSON Web Tokens themselves."""
    claims = {
        "jti": "stand-in-jwt",
        "iat": int(START) - 60,
        "exp": int(START) + _LIFETIME,
        "client_id": pair.key,
        "api_product_list": list(pair.products),
        "grant_type": "client_credentials",
        "status": "approved",
        "token_type": "BearerToken",
    }
    made: list[SignedToken] = []
    missing: dict[str, list[str]] = {}
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element == "OAuthV2" and policy.node.child_text("Operation") == "VerifyJWTAccessToken":
                scope = " ".join(policy.node.child_text("Scope", "").replace(",", " ").split())
                try:
                    token, why = _token(policy, origins, "AccessToken", {**claims, "scope": scope})
                    made.append(token)
                except NoKey as reason:
                    why = str(reason)
                missing.setdefault(why, []).append(policy.name)
    return made, _told(missing)


def _told(missing: dict[str, list[str]]) -> list[str]:
    """The policies for which no right token can be made, by why; the empty reason is none."""
    return [
        f"tokens for {', '.join(dict.fromkeys(names))} cannot be signed: {why}. Nothing behind is reached"
        for why, names in missing.items()
        if why
    ]


def token_troubles(scene: Scene, tokens: Iterable[SignedToken]) -> Iterator[tuple[str, Scene]]:
    """Each token: missing, no token at all, expired, signed by somebody else, of another audience."""
    for token in tokens:
        without = scene.copy()
        without.parts(token.origin.kind).pop(token.origin.name, None)
        yield f"no token for {token.policy}", without
        wrong = [("a token that is none", "no.token.here")]
        if token.sign is not None:
            wrong.append(("an expired token", token.text(exp=int(START) - 1)))
        wrong.append(("a token signed by somebody else", token.text(wrong=True)))
        if token.sign is not None and "aud" in token.claims:
            wrong.append(("a token of another audience", token.text(aud="somebody-else")))
        if token.sign is not None and "iss" in token.claims:
            wrong.append(("a token of another issuer", token.text(iss="somebody-else")))
        for what, text in wrong:
            changed = scene.copy()
            token.put(changed, text)
            yield f"{what} for {token.policy}", changed


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


def _token(
    policy: PolicySource, origins: Origins, source: str, claims: dict[str, Any]
) -> tuple[SignedToken, str]:
    """The token with these claims, and why it can only be wrong (empty when it is right). Raises NoKey when not even that can be made."""
    node = policy.node
    variable = node.child_text(source, "") or _AUTHORIZATION
    origin = _place(variable, origins)
    if origin is None:
        raise NoKey(f"no request decides {variable}")
    if node.child("DetachedContent") is not None:
        raise NoKey("its content is detached")
    names = [name for part in node.child_text("Algorithm", "").split(",") if (name := part.strip())]
    algorithm = next((name for name in names if name in _HASHES or name in ALGORITHMS), "")
    if not algorithm:
        raise NoKey("it takes encrypted tokens")
    why, sign, header, caller = "", None, dict[str, Any](), ""
    try:
        if algorithm in _HASHES:
            sign, header = _by_secret(node, algorithm, origins)
        else:
            header, caller = _key_id(node, origins), _caller(node, origins)
            sign = _by_pair(policy, algorithm, origins, header, caller)
    except NoKey as reason:
        why = str(reason)
    stranger = _hmac(algorithm, _WRONG_SECRET) if algorithm in _HASHES else signer(algorithm, STRANGER)
    header |= _claimed(node.child("AdditionalHeaders"), origins)
    return SignedToken(policy.name, origin, algorithm, sign, stranger, claims, header, caller), why


def _by_secret(node: Node, algorithm: str, origins: Origins) -> tuple[Sign, dict[str, Any]]:
    key = node.child("SecretKey")
    held = key.child("Value") if key is not None else None
    secret = _known(held, origins)
    if key is None or held is None or not secret:
        raise NoKey("no secret of an HS algorithm in test data, property sets or the bundle")
    encoding = key.attributes.get("encoding") or held.attributes.get("encoding") or ""
    try:
        raw = _bytes(secret, encoding.strip().lower())
    except ValueError:
        raise NoKey(f"its secret is not written in {encoding}") from None
    key_id = _known(key.child("Id"), origins)
    return _hmac(algorithm, raw), {"kid": key_id} if key_id else {}


def _caller(node: Node, origins: Origins) -> str:
    """The policy whose call is answered with the JWKS, where another policy than the verifying one fetches it."""
    key = node.child("PublicKey")
    keys = key.child("JWKS") if key is not None else None
    ref = keys.attributes.get("ref", "").strip() if keys is not None else ""
    found = (origin.message for origin in origins.of(ref) if origin.kind == "body")
    return next((message for message in found if message not in ("request", "target")), "") if ref else ""


def _by_pair(
    policy: PolicySource, algorithm: str, origins: Origins, header: dict[str, Any], caller: str
) -> Sign:
    """What signs with the stand-in pair, where the policy's public key belongs to it; sets the header's `kid`."""
    key = policy.node.child("PublicKey")
    if key is None:
        raise NoKey("it names no public key")
    pair = key_pair(algorithm)
    keys = key.child("JWKS")
    if keys is not None:
        held = _known(keys, origins)
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
        text = _known(key.child("Value"), origins) or _known(key.child("Certificate"), origins) or ""
        if _squeezed(text) not in (_squeezed(pair.public_pem), _squeezed(pair.certificate)):
            raise NoKey("nobody but its owner has the private key; only wrong tokens are tried")
    return signer(algorithm)


def _set_of(text: str) -> list[dict[str, Any]]:
    """The keys of a JWKS."""
    try:
        data = json.loads(text)
    except ValueError:
        return []
    keys = data.get("keys") if isinstance(data, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _key_id(node: Node, origins: Origins) -> dict[str, Any]:
    key = node.child("PublicKey")
    key_id = _known(key.child("Id"), origins) if key is not None else None
    return {"kid": key_id} if key_id else {}


def _claims(node: Node, origins: Origins) -> dict[str, Any]:
    claims: dict[str, Any] = {"iat": int(START) - 60, "exp": int(START) + _LIFETIME}
    for tag, name, otherwise in (
        ("Issuer", "iss", ""),
        ("Subject", "sub", "jane"),
        ("Audience", "aud", ""),
        ("Id", "jti", ""),
    ):
        value = _known(node.child(tag), origins) or otherwise
        if value:
            claims[name] = value.split(",")[0].strip() if name == "aud" else value
    return claims | _claimed(node.child("AdditionalClaims"), origins)


def _claimed(more: Node | None, origins: Origins) -> dict[str, Any]:
    """The claims that an element lists, as far as their values are known."""
    claims: dict[str, Any] = {}
    for claim in more.all("Claim") if more is not None else ():
        said = _known(claim, origins)
        if claim.name and said is not None:
            claims[claim.name] = _typed(said, claim)
    return claims


def _place(source: str, origins: Origins) -> Origin | None:
    """Where the token of a source stands; from the Authorization header `Bearer ` is cut off."""
    if source.lower() == _AUTHORIZATION:
        return Origin("header", name="Authorization", pattern="Bearer {}")
    return next((origin for origin in origins.of(source) if origin.placeable), None)


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


def _hmac(algorithm: str, secret: bytes) -> Sign:
    return lambda data: hmac.new(secret, data, _HASHES[algorithm]).digest()


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


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
