"""VerifyJWT → jwt, and the OAuth policies, which have no home without a database."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Converter, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import header_of

_CLOSED = (
    "the token must be verified by a plugin: until somebody configures it, a jwt plugin without credentials refuses "
    "every call"
)


def verify_jwt(site: Attachment) -> Outcome:
    """jwt finds its key by a consumer; it checks signature, exp and nbf, and nothing else."""
    root = site.policy.node
    source = root.child_text("Source", "")
    config: Config = {"claims_to_verify": ["exp"], "key_claim_name": "iss", "run_on_preflight": True}
    lost = [
        "add a consumer with jwt_secrets: key is the issuer, algorithm and secret (or rsa_public_key) those of the "
        "policy"
    ]
    header = header_of(source)
    if header is not None:
        config["header_names"] = [header]
    elif source.startswith("request.queryparam.") and source.count(".") == 2 and source[-1] != ".":
        config["uri_param_names"] = [source.rpartition(".")[2]]
    elif source:
        lost.append(f"the token in {source}: jwt looks into headers, the query and cookies")
    for tag in ("Audience", "Subject", "AdditionalClaims", "AdditionalHeaders", "RequiredClaims", "Id"):
        if root.child(tag) is not None:
            lost.append(f"<{tag}> is not checked by jwt: without it MORE tokens are let in")
    public = root.child("PublicKey")
    if public is not None and public.child("JWKS") is not None:
        lost.append("keys from a JWKS: jwt of the open-source Kong has no such thing (openid-connect has)")
    if root.child_text("TimeAllowance"):
        lost.append("<TimeAllowance>: jwt allows no clock skew")
    return Outcome(
        "partial",
        "jwt verifies signature and expiry",
        (Plugin("jwt", config),),
        tuple(lost),
        ("401 bodies differ", "the claims are not there as flow variables"),
        ("no token", "an expired token", "a token of another audience", "a good token"),
        fails_closed=True,
    )


def oauth_v2(site: Attachment) -> Outcome:
    """Opaque tokens live in Apigee's store: they cannot move, and Kong's oauth2 needs a database."""
    operation = site.policy.node.child_text("Operation", "")
    if operation in ("VerifyAccessToken", "VerifyJWTAccessToken"):
        return Outcome(
            "manual",
            f"{operation}: tokens of Apigee are not known to Kong, whose oauth2 plugin needs a database",
            (Plugin("jwt", {"claims_to_verify": ["exp"]}),),
            (_CLOSED, "let an identity provider issue the tokens (openid-connect or oauth2-introspection)"),
            cases=("no token", "an expired token", "a token without the scope", "a good token"),
            fails_closed=True,
        )
    return Outcome(
        "manual",
        f"{operation or 'OAuthV2'}: tokens are issued by oauth2 with a database, or by an identity provider",
        lost=(f"{operation}: issue and keep tokens elsewhere; the fields of the answer differ",),
        cases=("a token for each grant type",),
    )


def _closed(reason: str) -> Converter:
    """A policy that lets callers in, and has no counterpart: nobody is let in until somebody decides."""

    def convert(site: Attachment) -> Outcome:
        return Outcome(
            "manual",
            reason,
            (
                Plugin(
                    "request-termination",
                    {"status_code": 503, "message": f"{site.policy.name} is not converted"},
                ),
            ),
            (f"verify callers ({reason}); until then every call is refused with 503",),
            cases=("a caller that is let in", "a caller that is refused"),
            fails_closed=True,
        )

    return convert


def hmac(site: Attachment) -> Outcome:
    """Only a policy that compares with a value verifies anybody."""
    if site.policy.node.child("VerificationValue") is None:
        return Outcome("manual", "Kong computes no HMAC", lost=("compute the HMAC in a plugin of your own",))
    return _closed("hmac-auth verifies signatures of another scheme")(site)


CONVERTERS: dict[str, Converter] = {
    "VerifyJWT": verify_jwt,
    "OAuthV2": oauth_v2,
    "HMAC": hmac,
    "VerifyJWS": _closed("Kong verifies no JWS that is not a JWT"),
    "ValidateSAMLAssertion": _closed(
        "Kong's saml plugin is a login, and validates no assertion of a message"
    ),
    "OAuthV1": _closed("Kong knows no OAuth 1.0a"),
    "VerifyIAM": _closed("Kong knows nothing of Google's IAM"),
}
