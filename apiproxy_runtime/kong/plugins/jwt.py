"""jwt: a signed token (RFC 7519) whose claim names the credential that verifies it.

Audience and issuer are not checked but for finding the credential. Refusals are compact JSON without request id.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from apiproxy_runtime.kong.answer import Exit, exit_json
from apiproxy_runtime.kong.authentication import ANONYMOUS, Refusal, authenticates, by_field, challenge
from apiproxy_runtime.kong.balancer import cookies
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Credential
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, number, set_of, string
from apiproxy_runtime.kong.site import KongSite

ALGORITHMS = frozenset(
    f"{family}{size}" for family in ("HS", "RS", "ES", "PS") for size in (256, 384, 512)
) | {"EdDSA"}
_BEARER = re.compile(r"\s*[Bb]earer\s+(.+)")
_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RS": RSAKey,
    "PS": RSAKey,
    "ES": ECKey,
    "Ed": OKPKey,
}


def compile_jwt(config: Config, site: KongSite) -> Phases:
    known = by_field(site, "jwt_secrets", "key")
    keys = {name: key_of(credential, config["secret_is_base64"]) for name, credential in known.items()}
    claim: str = config["key_claim_name"]
    verified = frozenset(config["claims_to_verify"] or ())
    longest: float = config["maximum_expiration"]
    plain = challenge("Bearer", config["realm"])
    invalid = f'{plain}, error="invalid_token"' if config["realm"] else 'Bearer error="invalid_token"'
    world = site.world

    def prove(ctx: KongContext) -> Credential | Refusal:
        tokens = tokens_of(ctx, config)
        if not tokens:
            return Refusal("Unauthorized", plain)
        if len(tokens) > 1:
            return Refusal("Multiple tokens provided", invalid)
        token = tokens[0]
        try:
            header, claims = decoded(token)
        except ValueError as error:
            return Refusal(f"Bad token; {error}", invalid)
        name = claims.get(claim)
        if name in (None, False):
            name = header.get(claim)
        if name in (None, False):
            return Refusal(f"No mandatory '{claim}' in claims", invalid)
        if name == "":
            return Refusal(f"Invalid '{claim}' in claims", invalid)
        credential = known.get(str(name))
        if credential is None:
            return Refusal(f"No credentials found for given '{claim}'", invalid)
        algorithm = str(credential.values["algorithm"])
        if header.get("alg") != algorithm:
            return Refusal("Invalid algorithm", invalid)
        key = keys[str(name)]
        if key is None:
            return Refusal("Invalid key/secret", invalid)
        if not is_signed(token, key, algorithm):
            return Refusal("Invalid signature", invalid)
        wrong = wrong_claims(claims, verified, longest, world.now())
        if wrong:
            return Refusal(", ".join(wrong.values()), invalid, wrong)
        ctx.variables["authenticated_jwt_token"] = token
        return credential

    def answer(ctx: KongContext, refusal: Refusal) -> Exit:
        body = refusal.body if refusal.body is not None else {"message": refusal.text}
        given = exit_json(401, body, {"WWW-Authenticate": refusal.challenge})
        given.text = refusal.text
        return given

    return Phases(access=authenticates(config, site, prove, answer, preflight=config["run_on_preflight"]))


def tokens_of(ctx: KongContext, config: Config) -> list[str]:
    """The different tokens of a request: in the query, in cookies, in headers."""
    request = ctx.request
    found: list[str] = []
    for name in config["uri_param_names"]:
        found += request.query.values(name)
    if config["cookie_names"]:
        given = cookies(request)
        found += [given[name] for name in config["cookie_names"] if given.get(name)]
    for name in config["header_names"]:
        field = request.headers.fields.get(name.lower())
        match = _BEARER.match(field[1]) if field is not None else None
        if match is not None:
            found.append(match.group(1))
    return list(dict.fromkeys(token for token in found if token))


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, not verified. Raises ValueError in Kong's words."""
    parts = token.split(".", 2)
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
        base64.urlsafe_b64decode(parts[2] + "==")
    except (ValueError, IndexError, binascii.Error):
        raise ValueError("invalid JSON") from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise ValueError("invalid alg")
    if not isinstance(claims, dict):
        raise ValueError("invalid claims")
    return header, claims


def key_of(credential: Credential, is_base64: bool) -> Key | None:
    """The key of a credential; None when it has none that is usable."""
    values = credential.values
    kind = _KINDS.get(str(values["algorithm"])[:2])
    try:
        if kind is not None:
            return kind.import_key(values["rsa_public_key"] or "")
        secret = str(values["secret"] or "").encode()
        if not secret:
            return None
        return OctKey.import_key(base64.urlsafe_b64decode(secret + b"==") if is_base64 else secret)
    except (JoseError, ValueError, TypeError):
        return None


def is_signed(token: str, key: Key, algorithm: str) -> bool:
    try:
        jws.deserialize_compact(token.encode(), key, algorithms=[algorithm])
    except (JoseError, ValueError):
        return False
    return True


def wrong_claims(
    claims: dict[str, Any], verified: frozenset[str], longest: float, now: float
) -> dict[str, str]:
    """What is wrong with the registered claims, by name. `longest` is seconds from now, 0 for any."""
    wrong: dict[str, str] = {}
    for name in sorted(verified):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            wrong[name] = "must be a number"
        elif name == "exp" and value <= now:
            wrong[name] = "token expired"
        elif name == "nbf" and value > now:
            wrong[name] = "token not valid yet"
    if not wrong and longest > 0:
        expires = claims.get("exp")
        if not isinstance(expires, (int, float)) or expires > now + longest:
            wrong["exp"] = "exceeds maximum allowed expiration"
    return wrong


def check(config: Config) -> list[tuple[str, str]]:
    if config["maximum_expiration"] > 0 and "exp" not in (config["claims_to_verify"] or ()):
        return [("claims_to_verify", "expected to contain: exp, since maximum_expiration is set")]
    return []


PLUGIN = Plugin(
    "jwt",
    1450,
    {
        "header_names": set_of(string(), "headers that may hold the token", ["authorization"]),
        "uri_param_names": set_of(string(), "query parameters that may", ["jwt"]),
        "cookie_names": set_of(string(), "cookies that may", []),
        "key_claim_name": string("claim, or header field, that names the credential", "iss"),
        "secret_is_base64": boolean("secrets are base64 in the configuration", False),
        "claims_to_verify": set_of(string(one_of=("exp", "nbf")), "times to check"),
        "maximum_expiration": number("seconds that exp may lie ahead; 0 for any", 0, between=(0, 31536000)),
        "run_on_preflight": boolean("False lets OPTIONS requests through", True),
        "anonymous": ANONYMOUS,
        "realm": string("realm that WWW-Authenticate tells"),
    },
    compile_jwt,
    "Verifies a signed token.",
    check=check,
    no_scope=frozenset(("consumer", "consumer_group")),
)
