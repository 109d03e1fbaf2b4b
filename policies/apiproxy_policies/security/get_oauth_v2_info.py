"""GetOAuthV2Info: loads what is known of a token, a code or a client into variables."""

from __future__ import annotations

from apiproxy_policies.security.oauth.authorize import code_variables
from apiproxy_policies.security.oauth.info import Given, given, oauth_fault, token_profile
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Answer,
    Code,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Token,
    Tokens,
    child,
    fault_table,
    nested,
    settled,
    then,
)

_DEFAULT = "request.formparam.access_token"


class GetOAuthV2Info(Policy):
    """Load the profile of an access token, refresh token, authorization code or client id into variables.

    One of the four is looked up; without any, the access token of the form. Refresh tokens and codes are found
    whatever their status; `IgnoreAccessTokenStatus` finds expired and revoked access tokens too, and passes over the
    expiry of the others. A code that is not known is 404, as public integration tests against live systems have it.
    """

    tag = "GetOAuthV2Info"
    family = "security"
    prefix = "oauthV2"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/get-oauth-v2-info-policy"
    faults = {
        **fault_table(
            "steps.oauth.v2",
            ("access_token_expired", 500, "Access Token expired"),
            ("access_token_not_approved", 500, "Access Token not approved", "the token was revoked"),
            ("invalid_access_token", 500, "Invalid Access Token", "the token is unknown"),
            ("invalid_refresh_token", 500, "Invalid Refresh Token", "the refresh token is unknown"),
            ("refresh_token_expired", 500, "Refresh Token expired"),
            ("authorization_code_expired", 500, "Authorization Code expired"),
            (
                "InvalidAPICallAsNoApiProductMatchFound",
                401,
                "Invalid API call as no apiproduct match found",
                "no product of the access token covers this call",
            ),
        ),
        **fault_table(
            "keymanagement.service",
            ("invalid_client-invalid_client_id", 500, "ClientId is Invalid", "the client id is unknown"),
            (
                "invalid_request-authorization_code_invalid",
                404,
                "Invalid Authorization Code",
                "the code is unknown",
            ),
        ),
    }
    variables = {
        "oauthv2client.{policy}.client_id": "also client_secret, redirection_uris, developer.email, developer.app.name, "
        "developer.id, custom attributes of the app",
        "oauthv2accesstoken.{policy}.access_token": "also scope, expires_in, status, client_id, api_product_list, "
        "organization_name, developer.id, developer.email, developer.app.name, developer.app.id, refresh_token, "
        "refresh_token_status, refresh_token_expires_in, refresh_token_issued_at, refresh_count, revoke_reason, "
        "accesstoken.{attribute}",
        "oauthv2authcode.{policy}.code": "also scope, redirect_uri, client_id, organization_id, issued_at, expires_in, "
        "status, state, custom attributes",
        "oauthv2refreshtoken.{policy}.refresh_token": "the same as of an access token",
        "oauthV2.{policy}.failed": "true when the policy failed; also fault.name and fault.cause",
    }
    example = """
<GetOAuthV2Info name="GI-Code">
  <AuthorizationCode ref="request.formparam.code"/>
</GetOAuthV2Info>"""

    access_token: Given | None = nested("AccessToken", Given, doc="access token to look up")
    authorization_code: Given | None = nested("AuthorizationCode", Given, doc="authorization code to look up")
    client_id: Given | None = nested("ClientId", Given, doc="client id to look up")
    refresh_token: Given | None = nested("RefreshToken", Given, doc="refresh token to look up")
    ignore_status: bool = child(
        "IgnoreAccessTokenStatus",
        BOOLEAN,
        default=False,
        doc="true: expired and revoked tokens are found too",
    )

    def compile(self, site: Site) -> StepFunction:
        if self.client_id is not None:
            return self._client(site)
        if self.authorization_code is not None:
            return self._code(site)
        if self.refresh_token is not None:
            return self._refresh(site)
        return self._access(site)

    def _client(self, site: Site) -> StepFunction:
        value, services = given(site, self.client_id, _DEFAULT), site.services
        prefix = f"oauthv2client.{self.name}."

        def step(ctx: MessageContext) -> None:
            consumer = services.catalog.consumers.get(value(ctx))
            if consumer is None:
                raise oauth_fault(self, "invalid_client-invalid_client_id")
            found = {
                **consumer.app.attributes,
                "client_id": consumer.key,
                "client_secret": consumer.credential.consumer_secret,
                "redirection_uris": consumer.app.callback_url,
                "developer.email": consumer.developer.email,
                "developer.app.name": consumer.app.name,
                "developer.app.id": consumer.app_id,
                "developer.id": f"{consumer.catalog.organization}@@@{consumer.developer_id}",
            }
            ctx.variables.update({f"{prefix}{name}": text for name, text in found.items()})

        return step

    def _code(self, site: Site) -> StepFunction:
        value, world = given(site, self.authorization_code, _DEFAULT), site.world
        tokens = Tokens(site.store, site.environment.organization)
        prefix = f"oauthv2authcode.{self.name}."

        def step(ctx: MessageContext) -> Answer[None]:
            def tell(code: Code | None) -> None:
                if code is None:
                    raise oauth_fault(self, "invalid_request-authorization_code_invalid")
                if code.expired(world.now()) and not self.ignore_status:
                    raise oauth_fault(self, "authorization_code_expired")
                more = {
                    "organization_id": "0",
                    "issued_at": str(code.issued_at),
                    "expires_in": str(code.expires_in(world.now())),
                    "status": code.status,
                    "state": code.state,
                    "id": code.value,
                }
                ctx.variables.update({f"{prefix}{name}": text for name, text in more.items()})
                ctx.variables.update(code_variables(prefix, code))

            return then(tokens.codes.get(value(ctx)), tell)

        return step

    def _access(self, site: Site) -> StepFunction:
        value, world = given(site, self.access_token, _DEFAULT), site.world
        tokens, services = Tokens(site.store, site.environment.organization), site.services
        prefix = f"oauthv2accesstoken.{self.name}."

        async def load(ctx: MessageContext, name: str) -> None:
            token = await settled(tokens.access.get(name))
            if token is None:
                raise oauth_fault(self, "invalid_access_token")
            self._check_access(ctx, token, site)
            pair = await settled(tokens.refresh.get(token.pair)) if token.pair else None
            ctx.variables.update(token_profile(prefix, token, pair, services.catalog, world.now()))

        return lambda ctx: site.store.finish(load(ctx, value(ctx)))

    def _check_access(self, ctx: MessageContext, token: Token, site: Site) -> None:
        if not self.ignore_status:
            if token.status != "approved":
                raise oauth_fault(self, "access_token_not_approved")
            if token.expired(site.world.now()):
                raise oauth_fault(self, "access_token_expired")
        consumer = site.services.catalog.consumers.get(token.client_id)
        if consumer is None or consumer.grant(ctx, tuple(token.products)) is None:
            raise oauth_fault(self, "InvalidAPICallAsNoApiProductMatchFound")

    def _refresh(self, site: Site) -> StepFunction:
        value, world = given(site, self.refresh_token, _DEFAULT), site.world
        tokens, services = Tokens(site.store, site.environment.organization), site.services
        prefix = f"oauthv2refreshtoken.{self.name}."

        def step(ctx: MessageContext) -> Answer[None]:
            def tell(token: Token | None) -> None:
                if token is None:
                    raise oauth_fault(self, "invalid_refresh_token")
                if token.expired(world.now()) and not self.ignore_status:
                    raise oauth_fault(self, "refresh_token_expired")
                ctx.variables.update(token_profile(prefix, None, token, services.catalog, world.now()))

            return then(tokens.refresh.get(value(ctx)), tell)

        return step
