"""How OAuthV2 says no: a fault, or the error body that OAuth clients expect.

With GenerateResponse or GenerateErrorResponse the pending error carries a body of its own, `{"ErrorCode" : …, "Error"
:…}`, or `{"error":…,"error_description":…}` with RFCCompliantRequestResponse; fault rules run either way. Sources:
OAuthV2 policy reference (error reference), bodies of token endpoints in public client code.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Struct

from apiproxy_runtime.policy.api import Fault, Message


class Refusal(Struct, frozen=True):
    """One way to be refused.

    code         whole error code of the fault
    status       of the fault when it has the default body
    text         faultstring, `Error` and `error_description`, with {placeholders}
    error        `ErrorCode` of the body
    body_status  status of the body
    rfc          `error` of an RFC 6749 body, `error` where empty
    """

    code: str
    status: int
    text: str
    error: str = "invalid_request"
    body_status: int = 400
    rfc: str = ""


_SERVICE = "keymanagement.service"

REFUSALS: dict[str, Refusal] = {
    "client": Refusal(
        "oauth.v2.InvalidClientIdentifier",
        500,
        "Invalid client identifier",
        "invalid_client",
        401,
    ),
    "app": Refusal(
        f"{_SERVICE}.invalid_client-app_not_approved",
        401,
        "invalid client app - not approved",
        "invalid_client",
        401,
    ),
    "developer": Refusal(
        f"{_SERVICE}.DeveloperStatusNotActive",
        401,
        "Developer Status is not Active",
        "invalid_client",
        401,
    ),
    "parameter": Refusal("steps.oauth.v2.invalid_request", 500, "Required param : {name}"),
    "grant_type": Refusal(
        "steps.oauth.v2.UnSupportedGrantType",
        500,
        "Unsupported grant type : {type}",
        rfc="unsupported_grant_type",
    ),
    "scope": Refusal("steps.oauth.v2.invalid_scope", 400, "Invalid Scope", "invalid_scope"),
    "code": Refusal(
        f"{_SERVICE}.invalid_request-authorization_code_invalid",
        400,
        "Invalid Authorization Code",
        rfc="invalid_grant",
    ),
    "verifier": Refusal(
        "steps.oauth.v2.invalid_request", 400, "Invalid code_verifier", "invalid_grant", rfc="invalid_grant"
    ),
    "redirect": Refusal(
        "steps.oauth.v2.invalid_request", 400, "Invalid redirect_uri : {uri}", rfc="invalid_grant"
    ),
    "refresh": Refusal(
        f"{_SERVICE}.invalid_refresh_token", 400, "Invalid Refresh Token", rfc="invalid_grant"
    ),
    "refresh_expired": Refusal(
        f"{_SERVICE}.refresh_token_expired", 400, "Refresh Token expired", rfc="invalid_grant"
    ),
    "redirection": Refusal("steps.oauth.v2.invalid_request", 400, "Invalid redirection uri {uri}"),
    "no_redirection": Refusal("steps.oauth.v2.invalid_request", 400, "Redirection URI is required"),
    "client_id": Refusal(
        "steps.oauth.v2.InvalidClientIdentifier",
        500,
        "Invalid client id : {id}. ClientId is Invalid",
        body_status=401,
        rfc="invalid_client",
    ),
    "missing": Refusal(
        "steps.oauth.v2.invalid_request", 500, "The request is missing a required parameter : {name}"
    ),
    "response_type": Refusal(
        "steps.oauth.v2.invalid_request",
        500,
        "Response type must be {type}",
        rfc="unsupported_response_type",
    ),
}

#: Makes the fault of a refusal: its name in the table, and the values for its text.
Refuse = Callable[..., Fault]


def compile_refusals(policy: str, with_body: bool, rfc: bool, realm: str | None) -> Refuse:
    """What makes the faults of one policy. Each sets `oauthV2.<policy>.fault.name` and `.cause`."""

    def refuse(kind: str, /, **values: str) -> Fault:
        refusal = REFUSALS[kind]
        text = refusal.text
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        # the body of a bad client has a text of its own (OAuthV2 policy reference, error response)
        told = "ClientId is Invalid" if kind == "client" and with_body else text
        fault = Fault(
            refusal.code,
            told,
            refusal.body_status if with_body else refusal.status,
            variables={
                f"oauthV2.{policy}.fault.name": refusal.code.rpartition(".")[2],
                f"oauthV2.{policy}.fault.cause": told,
            },
        )
        if with_body:
            fault.message = error_body(refusal, told, rfc, realm)
        return fault

    return refuse


def error_body(refusal: Refusal, text: str, rfc: bool, realm: str | None) -> Message:
    message = Message.response(refusal.body_status)
    message.headers.set("Content-Type", "application/json")
    if rfc:
        message.headers.set("Cache-Control", "no-store")
        message.headers.set("Pragma", "no-cache")
        body = {"error": refusal.rfc or refusal.error, "error_description": text}
        message.body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    else:
        error, told = json.dumps(refusal.error), json.dumps(text, ensure_ascii=False)
        message.body = f'{{"ErrorCode" : {error}, "Error" :{told}}}'.encode()
    if realm is not None:
        message.headers.set("WWW-Authenticate", f'Bearer realm="{realm}",error="{refusal.error}"')
    return message
