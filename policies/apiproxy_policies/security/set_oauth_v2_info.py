"""SetOAuthV2Info: changes the custom attributes of an access token."""

from __future__ import annotations

from apiproxy_policies.security.oauth.attributes import Attributes, compile_attributes
from apiproxy_policies.security.oauth.info import Given, given, oauth_fault, token_profile, variable_of
from apiproxy_runtime.policy.api import (
    Answer,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Token,
    Tokens,
    fault_table,
    nested,
    settled,
)


class SetOAuthV2Info(Policy):
    """Add or change custom attributes of an access token.

    Later verifications show them as `accesstoken.{name}`. What the token is (scope, status, lifetime) cannot be
    changed: an attribute of such a name stays beside it. The app and the developer are left as they are.
    """

    tag = "SetOAuthV2Info"
    family = "security"
    prefix = "oauthV2"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/set-oauth-v2-info-policy"
    faults = {
        **fault_table(
            "keymanagement.service",
            ("invalid_access_token", 404, "Invalid Access Token", "the token is unknown"),
            ("access_token_expired", 500, "Access Token expired"),
        ),
        **fault_table(
            "steps.oauth.v2",
            ("FailedToResolveAccessToken", 500, "Failed to resolve access token variable {variable}"),
        ),
    }
    deploy_errors = {
        "AccessTokenRequired": "SetOAuthV2Info {policy}: an AccessToken must be given",
        "AttributesRequired": "SetOAuthV2Info {policy}: at least one Attribute must be given",
    }
    variables = {
        "oauthv2accesstoken.{policy}.access_token": "also client_id, refresh_count, organization_name, expires_in, "
        "refresh_token_expires_in, issued_at, status, api_product_list, token_type, custom attributes",
        "oauthV2.{policy}.failed": "true when the policy failed; also fault.name and fault.cause",
    }
    example = """
<SetOAuthV2Info name="SI-Tier">
  <AccessToken ref="access_token"/>
  <Attributes><Attribute name="tier" ref="response.header.x-tier">bronze</Attribute></Attributes>
</SetOAuthV2Info>"""

    access_token: Given | None = nested("AccessToken", Given, doc="the token to change")
    attributes: Attributes | None = nested("Attributes", Attributes, doc="attributes to set, up to 18")

    def check(self, site: Site) -> None:
        token = self.access_token
        if token is None or not (token.value.ref or token.value.text):
            site.error(self.node, "AccessTokenRequired", 'Write <AccessToken ref="access_token"/>.')
        if self.attributes is None or not self.attributes.items:
            site.error(self.node, "AttributesRequired", 'Write <Attribute name="…">…</Attribute>.')

    def compile(self, site: Site) -> StepFunction:
        value, world = given(site, self.access_token), site.world
        items = self.attributes.items if self.attributes is not None else ()
        compute = compile_attributes(site, items, unresolved=None)
        tokens, services = Tokens(site.store, site.environment.organization), site.services
        prefix = f"oauthv2accesstoken.{self.name}."

        async def change(ctx: MessageContext, name: str) -> None:
            values, hidden = compute(ctx)

            def merge(token: Token) -> bool:
                if token.expired(world.now()):
                    raise oauth_fault(self, "access_token_expired")
                token.attributes |= values
                token.hidden = [item for item in token.hidden if item not in values] + hidden
                return True

            token = await settled(tokens.access.update(name, merge))
            if token is None:
                raise oauth_fault(self, "invalid_access_token")
            pair = await settled(tokens.refresh.get(token.pair)) if token.pair else None
            ctx.variables.update(token_profile(prefix, token, pair, services.catalog, world.now()))

        def step(ctx: MessageContext) -> Answer[None]:
            name = value(ctx)
            if not name:
                raise oauth_fault(self, "FailedToResolveAccessToken", variable=variable_of(self.access_token))
            return site.store.finish(change(ctx, name))

        return step
