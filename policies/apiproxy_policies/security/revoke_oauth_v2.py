"""RevokeOAuthV2: revokes the tokens of an app, of an end user, or of an end user in an app."""

from __future__ import annotations

from apiproxy_policies.security.oauth.info import Given, given, oauth_fault
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Answer,
    MessageContext,
    Policy,
    Records,
    Site,
    StepFunction,
    Token,
    Tokens,
    child,
    fault_table,
    nested,
    settled,
)


class RevokeOAuthV2(Policy):
    """Revoke all OAuth 2.0 tokens of an app and/or of an end user.

    With both, the tokens of that user in that app. Only tokens issued before `RevokeBeforeTimestamp` (milliseconds,
    default now) are revoked; with Cascade, which is the default, refresh tokens too. Apigee works through them in the
    background; here they are revoked when the policy is done.
    """

    tag = "RevokeOAuthV2"
    family = "security"
    prefix = "oauthV2"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/revoke-oauth-v2-policy"
    faults = {
        **fault_table(
            "steps.oauth.v2",
            ("EmptyAppAndEndUserId", 500, "App id and end user id are empty", "neither of both resolves"),
            (
                "InvalidTimestamp",
                500,
                "Invalid timestamp {value}",
                "RevokeBeforeTimestamp is no number of milliseconds",
            ),
        ),
        **fault_table(
            "keymanagement.service", ("app_id_not_found", 500, "App id {app} not found", "no app has this id")
        ),
    }
    variables = {"oauthV2.{policy}.failed": "true when the policy failed; also fault.name and fault.cause"}
    example = """
<RevokeOAuthV2 name="RO-User">
  <EndUserId ref="request.queryparam.enduser"/>
  <Cascade>true</Cascade>
</RevokeOAuthV2>"""

    app_id: Given | None = nested("AppId", Given, doc="id of the app (not a client id)")
    end_user_id: Given | None = nested(
        "EndUserId", Given, doc="end user whose tokens were made with AppEndUser"
    )
    before: Given | None = nested(
        "RevokeBeforeTimestamp", Given, doc="milliseconds since the epoch; younger tokens stay"
    )
    cascade: bool = child("Cascade", BOOLEAN, default=True, doc="true: refresh tokens too")

    def compile(self, site: Site) -> StepFunction:
        app_of, user_of, before_of = (
            given(site, element) for element in (self.app_id, self.end_user_id, self.before)
        )
        tokens, services, world = Tokens(site.store, site.environment.organization), site.services, site.world
        kinds = (tokens.access, tokens.refresh) if self.cascade else (tokens.access,)

        def step(ctx: MessageContext) -> Answer[None]:
            app, user, before = app_of(ctx), user_of(ctx), before_of(ctx)
            if not app and not user:
                raise oauth_fault(self, "EmptyAppAndEndUserId")
            if app and app not in services.catalog.apps:
                raise oauth_fault(self, "app_id_not_found", app=app)
            try:
                limit = int(before) if before else int(world.now() * 1000) + 1
            except ValueError:
                raise oauth_fault(self, "InvalidTimestamp", value=before) from None

            async def work() -> None:
                for records in kinds:
                    await revoke(records, app, user, limit)

            return site.store.finish(work())

        return step


async def revoke(records: Records[Token], app: str, user: str, before: int) -> None:
    """Revoke what was issued before a moment to an app and an end user; an empty name stands for any."""
    if app and user:
        reason = "REVOKED_BY_APP_ENDUSER"
    else:
        reason = "REVOKED_BY_APP" if app else "REVOKED_BY_ENDUSER"

    def change(token: Token) -> bool:
        if (app and token.app_id != app) or (user and token.end_user != user) or token.issued_at >= before:
            return False
        token.status, token.revoke_reason = "revoked", reason
        return True

    values = await settled(records.of_user(user) if user else records.of_app(app))
    for value in values:
        await settled(records.update(value, change))
