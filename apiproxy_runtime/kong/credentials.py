"""The credentials of consumers: their fields, and which of them is unique.

Source: reference pages of the authentication plugins, "Create a credential".
"""

from __future__ import annotations

from apiproxy_runtime.kong.schema import Config, Field, anything, array, boolean, integer, string

CREDENTIAL_FIELDS: dict[str, dict[str, Field]] = {
    "keyauth_credentials": {"key": string().needs(), "ttl": integer("seconds")},
    "basicauth_credentials": {"username": string().needs(), "password": string().needs()},
    "hmacauth_credentials": {"username": string().needs(), "secret": string().needs()},
    "jwt_secrets": {
        "key": string().needs(),
        "secret": string(),
        "rsa_public_key": string(),
        "algorithm": string(
            "",
            "HS256",
            one_of=(
                *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"),
                *("PS256", "PS384", "PS512", "EdDSA"),
            ),
        ),
    },
    "oauth2_credentials": {
        "name": string().needs(),
        "client_id": string(),
        "client_secret": string(),
        "hash_secret": boolean("", False),
        "redirect_uris": array(string()),
        "client_type": string("", "confidential", one_of=("confidential", "public")),
    },
    "mtls_auth_credentials": {"subject_name": string().needs(), "ca_certificate": anything()},
    "acls": {"group": string().needs()},
}
CREDENTIAL_KEYS = {
    "keyauth_credentials": "key",
    "basicauth_credentials": "username",
    "hmacauth_credentials": "username",
    "jwt_secrets": "key",
    "oauth2_credentials": "client_id",
}


def check_jwt_secret(config: Config) -> list[tuple[str, str]]:
    if config["algorithm"][:2] in ("RS", "PS", "ES", "Ed") and not config["rsa_public_key"]:
        return [("rsa_public_key", f"required field missing: the algorithm is {config['algorithm']}")]
    return []
