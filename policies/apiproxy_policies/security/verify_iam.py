"""VerifyIAM: lets a call pass when Google IAM permits its caller to use the proxy."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from apiproxy_runtime.policy.api import (
    CallFailed,
    GoogleApi,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    text_of,
)

DEFAULT = "request.header.authorization"
#: What a caller of a proxy needs (IAM-based API authentication overview), and who tells whether he has it.
PERMISSION = "apigee.deployments.invoke"
ADDRESS = "https://apigee.googleapis.com"
_REFUSALS = {401: "Unauthorized", 403: "Forbidden"}
#: verdict in standins.json → fault, None to pass
_VERDICTS = {
    "allow": None,
    "forbidden": "Forbidden",
    "unauthorized": "Unauthorized",
    "error": "MiddlewareInvalidIamResponse",
}


class VerifyIAM(Policy):
    """Verify by IAM that the caller may use the proxy.

    The credential is a Google access token: a bearer token of the Authorization header, or what CredentialSource holds,
    with or without `Bearer `. It stays where it is. With `--connect-to apigee.googleapis.com=URL` that server is asked, in
    the credential's name, for the permission `apigee.deployments.invoke` on the deployment, through the Apigee API's method
    `testIamPermissions`. Otherwise a stand-in gives the verdicts that the environment's standins.json tells:

        {"iam": {"default": "allow", "tokens": {"ya29.ada": "allow", "ya29.eve": "forbidden",
                                                "ya29.old": "unauthorized", "ya29.odd": "error"}}}

    Without it every token is allowed; a missing one never is. Names of the faults are documented, their texts are this
    runtime's.
    """

    tag = "VerifyIAM"
    family = "security"
    prefix = "verifyiam"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/verify-iam-policy"
    profiles = ("apigeex",)
    faults = fault_table(
        "steps.verifyiam",
        (
            "CredentialSourceParsingFailed",
            401,
            "VerifyIAM[{policy}]: no credential in {variable}",
            "the variable is not set, or holds no bearer token",
        ),
        (
            "Unauthorized",
            401,
            "VerifyIAM[{policy}]: the credential is not valid",
            "IAM does not know the token (401)",
        ),
        ("Forbidden", 403, "VerifyIAM[{policy}]: permission denied", "the caller may not use the proxy"),
        (
            "MiddlewareInvalidIamResponse",
            500,
            "VerifyIAM[{policy}]: unexpected answer of IAM",
            "IAM cannot be reached, or answers something else",
        ),
    )
    deploy_errors = {
        "InvalidStandIn": "VerifyIAM {policy}: iam in standins.json says {value}, which is no verdict",
    }
    variables = {"verifyiam.{policy}.failed": "whether the policy failed"}
    example = """
<VerifyIAM name="IAM-Caller">
  <CredentialSource>request.header.x-google-token</CredentialSource>
</VerifyIAM>"""

    credential_source: str | None = child(
        "CredentialSource", doc="variable with the access token; the bearer token by default"
    )

    def compile(self, site: Site) -> StepFunction:
        name = self.credential_source or DEFAULT
        get, verdict, api = site.getter(name), self._verdicts(site), GoogleApi(site)
        required = name.lower() == DEFAULT
        start = f"{ADDRESS}/v1/organizations/{site.deployment.organization}/environments/{site.deployment.environment}"

        def verify_iam(ctx: MessageContext) -> Coroutine[Any, Any, None] | None:
            scheme, _, token = text_of(get(ctx)).strip().partition(" ")
            if scheme.lower() != "bearer":
                token = "" if required else scheme
            if not token:
                raise self.fault("CredentialSourceParsingFailed", variable=name)
            if api.answers(ADDRESS):
                return ask(ctx, token)
            fault = verdict(token)
            if fault is not None:
                raise self.fault(fault)
            return None

        async def ask(ctx: MessageContext, token: str) -> None:
            url = f"{start}/deployments/{ctx.deployment.proxy}:testIamPermissions"
            try:
                response = await api.post(ctx, url, {"permissions": [PERMISSION]}, token)
                if response.status in _REFUSALS:
                    raise self.fault(_REFUSALS[response.status])
                if response.status >= 400:
                    raise self.fault("MiddlewareInvalidIamResponse")
                granted = PERMISSION in response.json().get("permissions", ())
            except CallFailed as failed:
                raise self.fault("MiddlewareInvalidIamResponse") from failed
            except (ValueError, TypeError, AttributeError):
                raise self.fault("MiddlewareInvalidIamResponse") from None
            if not granted:
                raise self.fault("Forbidden")

        return verify_iam

    def _verdicts(self, site: Site) -> Callable[[str], str | None]:
        """The name of the fault for a token; None where it may pass."""
        settings = site.environment.stand_ins.get("iam")
        settings = settings if isinstance(settings, dict) else {}
        tokens = settings.get("tokens")
        words: dict[str, Any] = tokens if isinstance(tokens, dict) else {}
        default: Any = settings.get("default", "allow")
        for word in (default, *words.values()):
            if not isinstance(word, str) or word not in _VERDICTS:
                cure = f"Write one of {', '.join(_VERDICTS)}."
                site.error(self.node, "InvalidStandIn", cure, value=repr(word))
        return lambda token: _VERDICTS.get(words.get(token, default))
