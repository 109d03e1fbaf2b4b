"""DeleteOAuthV2Info: forgets an access token or an authorization code."""

from __future__ import annotations

from apiproxy_policies.security.oauth.info import Given, given, oauth_fault, variable_of
from apiproxy_runtime.policy.api import (
    Answer,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Tokens,
    fault_table,
    nested,
    then,
)


class DeleteOAuthV2Info(Policy):
    """Delete an access token or an authorization code.

    It is as if it had never been: verifying it is `invalid_access_token`. A refresh token that belongs to a deleted
    access token goes on working.
    """

    tag = "DeleteOAuthV2Info"
    aliases = ("DeleteAuthV2Info",)
    family = "security"
    prefix = "oauthV2"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/delete-oauth-v2-info-policy"
    faults = {
        **fault_table(
            "keymanagement.service",
            ("invalid_access_token", 404, "Invalid Access Token", "the token is unknown"),
            (
                "invalid_request-authorization_code_invalid",
                404,
                "Invalid Authorization Code",
                "the code is unknown",
            ),
        ),
        **fault_table(
            "steps.oauth.v2",
            ("FailedToResolveAccessToken", 500, "Failed to resolve access token variable {variable}"),
            (
                "FailedToResolveAuthorizationCode",
                500,
                "Failed to resolve authorization code variable {variable}",
            ),
        ),
    }
    deploy_errors = {
        "InvalidParameter": "DeleteOAuthV2Info {policy}: give either an AccessToken or an AuthorizationCode",
    }
    variables = {"oauthV2.{policy}.failed": "true when the policy failed; also fault.name and fault.cause"}
    example = """
<DeleteOAuthV2Info name="DI-Token">
  <AccessToken ref="request.formparam.token"/>
</DeleteOAuthV2Info>"""

    access_token: Given | None = nested("AccessToken", Given, doc="the token to delete")
    authorization_code: Given | None = nested("AuthorizationCode", Given, doc="the code to delete")

    def check(self, site: Site) -> None:
        if (self.access_token is None) == (self.authorization_code is None):
            site.error(self.node, "InvalidParameter", "Keep one of AccessToken and AuthorizationCode.")

    def compile(self, site: Site) -> StepFunction:
        tokens = Tokens(site.store, site.environment.organization)
        if self.authorization_code is not None:
            element, remove = self.authorization_code, tokens.codes.delete
            unresolved, unknown = (
                "FailedToResolveAuthorizationCode",
                "invalid_request-authorization_code_invalid",
            )
        else:
            element, remove = self.access_token or Given(), tokens.access.delete
            unresolved, unknown = "FailedToResolveAccessToken", "invalid_access_token"
        value = given(site, element)

        def step(ctx: MessageContext) -> Answer[None]:
            name = value(ctx)
            if not name:
                raise oauth_fault(self, unresolved, variable=variable_of(element))

            def check(there: bool) -> None:
                if not there:
                    raise oauth_fault(self, unknown)

            return then(remove(name), check)

        return step
