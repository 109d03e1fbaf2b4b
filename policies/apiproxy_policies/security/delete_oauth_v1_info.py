"""DeleteOAuthV1Info: forgets an OAuth 1.0a token or verifier (Apigee Edge)."""

from __future__ import annotations

from apiproxy_policies.security.oauth.info import Given, given
from apiproxy_runtime.policy.api import (
    Answer,
    MessageContext,
    Policy,
    RequestToken,
    Site,
    StepFunction,
    Tokens,
    fault_table,
    nested,
    settled,
)


class DeleteOAuthV1Info(Policy):
    """Delete an OAuth 1.0a access token, request token or verifier. Apigee Edge only.

    What is deleted is as if it had never been. The reference lists no faults; a value that is not known is one here, as
    with DeleteOAuthV2Info.
    """

    tag = "DeleteOAuthV1Info"
    family = "security"
    prefix = "oauthV1"
    profiles = ("apigee",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/delete-oauth-v1-info-policy"
    faults = fault_table(
        "oauth.v1", ("token_rejected", 401, "Invalid token", "the token or verifier is unknown")
    )
    deploy_errors = {
        "InvalidParameter": "DeleteOAuthV1Info {policy}: give one of AccessToken, RequestToken, Verifier",
    }
    variables = {"oauthV1.{policy}.failed": "true when the policy failed"}
    example = """
<DeleteOAuthV1Info name="D1-Token">
  <AccessToken ref="request.queryparam.access_token"/>
</DeleteOAuthV1Info>"""

    access_token: Given | None = nested("AccessToken", Given, doc="access token to delete")
    request_token: Given | None = nested("RequestToken", Given, doc="request token to delete")
    verifier: Given | None = nested("Verifier", Given, aliases=("VerifierCode",), doc="verifier to delete")

    def check(self, site: Site) -> None:
        if sum(each is not None for each in (self.access_token, self.request_token, self.verifier)) != 1:
            site.error(self.node, "InvalidParameter", "Keep exactly one of them.")

    def compile(self, site: Site) -> StepFunction:
        tokens = Tokens(site.store, site.environment.organization)
        wants_access = self.access_token is not None
        element = self.access_token or self.request_token or self.verifier or Given()
        records = tokens.verifiers if self.verifier is not None else tokens.version_one
        is_verifier, value = self.verifier is not None, given(site, element)

        def of_the_kind(token: RequestToken | None) -> bool:
            return token is not None and (is_verifier or token.access == wants_access)

        async def delete(name: str) -> None:
            if not of_the_kind(await settled(records.get(name))) or not await settled(records.delete(name)):
                raise self.fault("token_rejected")

        def step(ctx: MessageContext) -> Answer[None]:
            return site.store.finish(delete(value(ctx)))

        return step
