"""What OAuthV2 can raise: refusals of the token endpoint, and what verification finds wrong with a token."""

from __future__ import annotations

from apiproxy_policies.security.oauth.refusal import REFUSALS
from apiproxy_runtime.policy.api import FaultKind, fault_table

FAULTS: dict[str, FaultKind] = {
    **{
        refusal.code.rpartition(".")[2]: FaultKind(refusal.code, refusal.status, refusal.text)
        for refusal in REFUSALS.values()
    },
    **fault_table(
        "oauth.v2",
        ("InvalidAccessToken", 401, "Invalid access token", "no token, or not behind the prefix"),
        ("InvalidClientIdentifier", 500, "Invalid client identifier", "client id or secret is wrong"),
    ),
    **fault_table(
        "keymanagement.service",
        ("invalid_access_token", 401, "Invalid Access Token", "the token is unknown"),
        ("access_token_expired", 401, "Access Token expired"),
        ("access_token_not_approved", 401, "Access Token not approved", "the token was revoked"),
        (
            "apiresource_doesnot_exist",
            401,
            "APIResource {path} does not exist",
            "no product of the token lists the path",
        ),
        ("apiproduct_doesnot_exist", 401, "API product does not exist", "the token's products are gone"),
        (
            "InvalidAPICallAsNoApiProductMatchFound",
            401,
            "Invalid API call as no apiproduct match found",
            "no product of the token covers environment, proxy and operation",
        ),
        ("invalid_refresh_token", 401, "Invalid Refresh Token", "InvalidateToken: the token is unknown"),
    ),
    **fault_table(
        "steps.oauth.v2",
        (
            "InsufficientScope",
            403,
            "Required scope(s): [{scopes}]",
            "the token has none of the listed scopes",
        ),
        ("FailedToResolveClientId", 500, "Failed to resolve client id variable {variable}"),
        ("FailedToResolveAuthorizationCode", 500, "Failed to resolve authorization code variable {variable}"),
        ("FailedToResolveToken", 500, "Failed to resolve token variable {variable}"),
        ("FailedToResolveRefreshToken", 500, "Failed to resolve refresh token variable {variable}"),
        ("JWTSignatureMismatch", 401, "JWT signature mismatch", "the signature is wrong"),
        ("JWTDecodingFailed", 401, "JWT decoding failed", "the token is no JWT"),
        ("JWTAlgorithmMismatch", 401, "JWT algorithm mismatch", "alg differs from Algorithm"),
        ("FailedToResolveKey", 500, "Failed to resolve key variable {variable}"),
        ("KeyParsingFailed", 500, "Key in variable {variable} cannot be read"),
    ),
}
