"""JSON Web Tokens that VerifyJWT and VerifyJWS accept, and such that they must not.

A right one takes the key: a secret that is known (in test data, property sets or the bundle itself), or a public key that
belongs to the stand-in key pair. Where neither is at hand there are only wrong ones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.pairs import Pair
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.generate.signing import (
    HASHES,
    NoKey,
    fetcher,
    hmac_signer,
    key_id,
    known,
    pair_signer,
    secret_signer,
)
from apiproxy_runtime.rehearsal.standins.keypair import ALGORITHMS, STRANGER, Sign, key_set, signer
from apiproxy_runtime.rehearsal.virtual import START

_AUTHORIZATION = "request.header.authorization"
#: Seconds that a token is good for: ten years, so that a recording can be replayed on a live gateway too.
_LIFETIME = 10 * 365 * 24 * 3600
_WRONG_SECRET = b"the secret of somebody else, long enough for all of the algorithms there are"


class SignedToken(Struct, frozen=True):
    """What one policy wants: where the token stands, how it is signed, and what it says.

    sign      None when the key is not known: then all that can be made is wrong
    stranger  signs with a key that is not the right one
    header    what else stands in the header, such as `kid`
    caller    the policy whose call is answered with the public key; empty when it is found elsewhere
    """

    policy: str
    origin: Origin
    algorithm: str
    sign: Sign | None
    stranger: Sign
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
        f"tokens for {', '.join(dict.fromkeys(names))} cannot be signed: {why}. Nothing behind them is reached"
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
    algorithm = next((name for name in names if name in HASHES or name in ALGORITHMS), "")
    if not algorithm:
        raise NoKey("it takes encrypted tokens")
    why, sign, header, caller = "", None, dict[str, Any](), ""
    try:
        if algorithm in HASHES:
            sign, header = secret_signer(node, algorithm, origins)
        else:
            header, caller = key_id(node, origins), fetcher(node, origins)
            sign = pair_signer(policy, algorithm, origins, header, caller)
    except NoKey as reason:
        why = str(reason)
    stranger = hmac_signer(algorithm, _WRONG_SECRET) if algorithm in HASHES else signer(algorithm, STRANGER)
    header |= _claimed(node.child("AdditionalHeaders"), origins)
    return SignedToken(policy.name, origin, algorithm, sign, stranger, claims, header, caller), why


def _claims(node: Node, origins: Origins) -> dict[str, Any]:
    claims: dict[str, Any] = {"iat": int(START) - 60, "exp": int(START) + _LIFETIME}
    for tag, name, otherwise in (
        ("Issuer", "iss", ""),
        ("Subject", "sub", "jane"),
        ("Audience", "aud", ""),
        ("Id", "jti", ""),
    ):
        value = known(node.child(tag), origins) or otherwise
        if value:
            claims[name] = value.split(",")[0].strip() if name == "aud" else value
    return claims | _claimed(node.child("AdditionalClaims"), origins)


def _claimed(more: Node | None, origins: Origins) -> dict[str, Any]:
    """The claims that an element lists, as far as their values are known."""
    claims: dict[str, Any] = {}
    for claim in more.all("Claim") if more is not None else ():
        said = known(claim, origins)
        if claim.name and said is not None:
            claims[claim.name] = _typed(said, claim)
    return claims


def _place(source: str, origins: Origins) -> Origin | None:
    """Where the token of a source stands; from the Authorization header `Bearer ` is cut off."""
    if source.lower() == _AUTHORIZATION:
        return Origin("header", name="Authorization", pattern="Bearer {}")
    return next((origin for origin in origins.of(source) if origin.placeable), None)


def _typed(value: str, claim: Node) -> Any:
    kind = claim.attributes.get("type", "string")
    many = claim.attributes.get("array", "false").lower() == "true"
    parts = [part.strip() for part in value.split(",")] if many else [value]
    typed = [_value(part, kind) for part in parts]
    return typed if many else typed[0]


def _value(text: str, kind: str) -> Any:
    """A claim's value in its type; the text itself where it has none of that type, which the policy then refuses."""
    if kind == "boolean":
        return text.lower() == "true"
    if kind not in ("number", "map"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
