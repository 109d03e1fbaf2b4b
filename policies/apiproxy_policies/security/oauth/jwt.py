"""JWT access tokens: they are signed, not stored, so any gateway with the key can check them, and none can revoke them.

The claims are those a stored token has, with the custom attributes beside them; `jti` is the token's id and the
`access_token` claim repeats it. Source: "Using JWT OAuth tokens".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.oauth.issuing import Present
from apiproxy_policies.security.oauth.verify import compile_admission, compile_deny, compile_presented
from apiproxy_runtime.policy.api import (
    Consumer,
    MessageContext,
    Site,
    StepFunction,
    Token,
    text_of,
)

if TYPE_CHECKING:
    from joserfc.jwk import OctKey, RSAKey

    from apiproxy_policies.security.oauth_v2 import OAuthV2

ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512")
_CLAIMS = frozenset(
    (
        "access_token",
        "api_product_list",
        "application_name",
        "client_id",
        "developer.email",
        "exp",
        "grant_type",
        "iat",
        "iss",
        "jti",
        "organization_name",
        "scope",
        "status",
        "token_type",
        "end_user",
        "hidden",
    )
)


@lru_cache(256)
def key_of(text: str, symmetric: bool) -> OctKey | RSAKey:
    """The key of a secret or of PEM text, made once. Raises ValueError when it cannot be read."""
    # only bundles with JWT operations pay for the cryptography behind this
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey, RSAKey

    try:
        return OctKey.import_key(text.encode()) if symmetric else RSAKey.import_key(text.strip().encode())
    except (JoseError, TypeError) as error:
        raise ValueError(str(error)) from error


def compile_key(policy: OAuthV2, site: Site, *, signing: bool) -> Callable[[MessageContext], Any]:
    """What finds the key of the policy's algorithm: SecretKey, or PrivateKey to sign and PublicKey to verify."""
    symmetric = (policy.algorithm or "").startswith("HS")
    element = policy.secret_key if symmetric else policy.private_key if signing else policy.public_key
    value = element.value if element is not None else None
    variable = value.ref if value is not None and value.ref else ""
    literal = value.text if value is not None and value.text else ""
    get = site.getter(variable) if variable else None

    def key(ctx: MessageContext) -> Any:
        text = text_of(get(ctx)) if get is not None else literal
        if not text:
            raise policy.fault("FailedToResolveKey", variable=variable)
        try:
            return key_of(text, symmetric)
        except ValueError as error:
            raise policy.fault("KeyParsingFailed", variable=variable) from error

    return key


def compile_signing(policy: OAuthV2, site: Site) -> Present:
    """What makes a JWT of an access token."""
    from joserfc import jws

    algorithm = policy.algorithm or "HS256"
    key = compile_key(policy, site, signing=True)
    header = {"alg": algorithm, "typ": "JWT"}

    def sign(ctx: MessageContext, access: Token, consumer: Consumer) -> str:
        claims = json.dumps(claims_of(access, consumer), separators=(",", ":"), ensure_ascii=False)
        return jws.serialize_compact(header, claims.encode(), key(ctx), algorithms=[algorithm])

    return sign


def claims_of(access: Token, consumer: Consumer) -> dict[str, Any]:
    claims: dict[str, Any] = {name: value for name, value in access.attributes.items() if name not in _CLAIMS}
    claims |= {
        "jti": access.value,
        "access_token": access.value,
        "iat": access.issued_at // 1000,
        "client_id": access.client_id,
        "application_name": access.app_id,
        "api_product_list": access.products,
        "developer.email": consumer.developer.email,
        "organization_name": consumer.catalog.organization,
        "grant_type": access.grant_type,
        "scope": access.scope,
        "status": access.status,
        "token_type": "BearerToken",
    }
    if access.expires_at >= 0:
        claims["exp"] = access.expires_at // 1000
    if access.end_user:
        claims["end_user"] = access.end_user
    return claims


def compile_verify_jwt(policy: OAuthV2, site: Site) -> StepFunction:
    """The step of VerifyJWTAccessToken: signature, expiry, client, product and scopes."""
    from joserfc import jws
    from joserfc.errors import BadSignatureError, JoseError

    presented, deny = compile_presented(policy, site), compile_deny(policy)
    admit = compile_admission(policy, site, deny)
    algorithm = policy.algorithm or "HS256"
    key = compile_key(policy, site, signing=False)
    world = site.world

    def step(ctx: MessageContext) -> None:
        value = presented(ctx)
        if not value:
            raise deny(ctx, "InvalidAccessToken")
        try:
            parts = jws.extract_compact(value.encode())
            claims = json.loads(parts.payload)
            if not isinstance(claims, dict):
                raise ValueError("the payload is no object")
        except (JoseError, ValueError) as error:
            raise deny(ctx, "JWTDecodingFailed") from error
        if parts.headers().get("alg") != algorithm:
            raise deny(ctx, "JWTAlgorithmMismatch")
        try:
            jws.deserialize_compact(value.encode(), key(ctx), algorithms=[algorithm])
        except BadSignatureError as error:
            raise deny(ctx, "JWTSignatureMismatch") from error
        except (JoseError, ValueError) as error:
            raise deny(ctx, "JWTDecodingFailed") from error
        token = token_of(claims)
        if token.expired(world.now()):
            raise deny(ctx, "access_token_expired")
        admit(ctx, token, value)

    return step


def token_of(claims: dict[str, Any]) -> Token:
    """The token that claims tell of. What is missing, or not of its kind, is as if it were empty."""
    products = claims.get("api_product_list")
    names = [name for name in products if isinstance(name, str)] if isinstance(products, list) else []
    return Token(
        value=text_of(claims.get("jti")),
        client_id=text_of(claims.get("client_id")),
        app_id=text_of(claims.get("application_name")),
        issued_at=_milliseconds(claims.get("iat"), 0),
        expires_at=_milliseconds(claims.get("exp"), -1),
        attributes={
            name: value for name, value in claims.items() if name not in _CLAIMS and isinstance(value, str)
        },
        end_user=text_of(claims.get("end_user")),
        scope=text_of(claims.get("scope")),
        products=names,
        grant_type=text_of(claims.get("grant_type")),
    )


def _milliseconds(value: object, missing: int) -> int:
    """A NumericDate in milliseconds; `missing` when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return missing
    return int(value * 1000)
