"""RefreshAccessToken: a new access token for a refresh token, which serves once unless it is to be reused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiproxy_policies.security.oauth.client import compile_client, external, granted_scope, parameter
from apiproxy_policies.security.oauth.issue import Issued
from apiproxy_policies.security.oauth.issuing import Issuing, Present
from apiproxy_policies.security.oauth.refusal import Refuse
from apiproxy_runtime.policy.api import Answer, MessageContext, Site, StepFunction, Token, settled

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2


def compile_refresh(
    policy: OAuthV2, site: Site, refuse: Refuse, present: Present | None = None
) -> StepFunction:
    """The step of RefreshAccessToken and RefreshJWTAccessToken.

    The access token that the refresh token belongs to is gone afterwards. Attributes are carried over; those of the
    policy come on top. Scopes can be narrowed, never widened (RFC 6749 section 6).
    """
    issuing = Issuing(policy, site, refuse, present)
    tokens, world = issuing.tokens, site.world
    authenticate = compile_client(policy, site, refuse)
    grant_of = parameter(site, policy.grant_type, "grant_type")
    refresh_of = parameter(site, policy.refresh_token, "refresh_token")
    scope_of = external(site, policy.scope)

    async def refresh(ctx: MessageContext, value: str) -> None:
        consumer = authenticate(ctx)
        old = await settled(tokens.refresh.get(value))
        if old is None or old.client_id != consumer.key or old.status != "approved":
            raise refuse("refresh")
        if old.expired(world.now()):
            raise refuse("refresh_expired")
        wanted = scope_of(ctx)
        scope = _narrowed(old.scope, granted_scope(consumer, wanted, refuse), refuse) if wanted else old.scope
        issued = issuing.issue(
            ctx,
            consumer,
            scope,
            old.grant_type,
            end_user=old.end_user,
            inherited=old.attributes,
            inherited_hidden=old.hidden,
            with_refresh=not policy.reuse_refresh_token,
        )
        issued.access.refresh_count = old.refresh_count + 1
        if issued.refresh is not None:
            issued.refresh.refresh_count = issued.access.refresh_count
            # of two callers with one refresh token only the one that deletes it goes on
            if not await settled(tokens.refresh.delete(old.value)):
                raise refuse("refresh")
        else:
            issued = await _reused(issued, old)
        if issuing.kept:
            await settled(tokens.access.delete(old.pair))
        await issuing.keep(issued)
        issuing.tell(ctx, issued)

    async def _reused(issued: Issued, old: Token) -> Issued:
        access = issued.access
        access.pair = old.value

        def follow(token: Token) -> bool:
            token.pair, token.refresh_count = access.value, access.refresh_count
            return token.status == "approved"

        kept = await settled(tokens.refresh.update(old.value, follow))
        if kept is None:
            raise refuse("refresh")
        return Issued(access, kept, issued.consumer, issued.access_value)

    def step(ctx: MessageContext) -> Answer[None]:
        grant = grant_of(ctx)
        if not grant:
            raise refuse("parameter", name="grant_type")
        if grant != "refresh_token":
            raise refuse("grant_type", type=grant)
        value = refresh_of(ctx)
        if not value:
            if policy.refresh_token and not policy.writes_errors:
                raise policy.fault("FailedToResolveRefreshToken", variable=policy.refresh_token)
            raise refuse("parameter", name="refresh_token")
        return site.store.finish(refresh(ctx, value))

    return step


def _narrowed(before: str, wanted: str, refuse: Refuse) -> str:
    kept = [scope for scope in wanted.split() if scope in before.split()]
    if not kept:
        raise refuse("scope")
    return " ".join(kept)
