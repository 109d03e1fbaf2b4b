"""What all operations that issue tokens have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from apiproxy_policies.profile import PROFILE
from apiproxy_policies.security.oauth.attributes import compile_attributes
from apiproxy_policies.security.oauth.client import external
from apiproxy_policies.security.oauth.issue import (
    ACCESS_LIFETIME,
    LONGEST_REFRESH_LIFETIME,
    REFRESH_LIFETIME,
    Issued,
    compile_lifetime,
    expiry,
    new_value,
    token_response,
    token_variables,
)
from apiproxy_policies.security.oauth.refusal import Refuse
from apiproxy_runtime.policy.api import Consumer, MessageContext, Site, Token, Tokens, settled

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2

#: Makes of an access token what the client gets: itself, or a JWT.
Present = Callable[[MessageContext, Token, Consumer], str]


class Issuing:
    """What all operations that issue tokens have in common, compiled for one policy."""

    def __init__(self, policy: OAuthV2, site: Site, refuse: Refuse, present: Present | None = None) -> None:
        edge = site.setting(PROFILE) == "apigee"
        longest = 0 if edge else LONGEST_REFRESH_LIFETIME
        self.policy = policy
        self.refuse = refuse
        self.world = site.world
        self.tokens = Tokens(site.store, site.environment.organization)
        self.lifetime = compile_lifetime(site, policy.expires_in, ACCESS_LIFETIME)
        self.refresh_lifetime = compile_lifetime(
            site, policy.refresh_token_expires_in, -1 if edge else REFRESH_LIFETIME, longest
        )
        self.attributes = compile_attributes(site, policy.custom_attributes)
        self.end_user = external(site, policy.app_end_user)
        self.external_access = external(site, policy.external_access_token)
        self.external_refresh = external(site, policy.external_refresh_token)
        self.present = present
        #: opaque access tokens are kept; JWTs speak for themselves
        self.kept = present is None and policy.store_token is not False

    def issue(
        self,
        ctx: MessageContext,
        consumer: Consumer,
        scope: str,
        grant_type: str,
        *,
        end_user: str = "",
        inherited: dict[str, str] | None = None,
        inherited_hidden: list[str] | None = None,
        with_refresh: bool = False,
    ) -> Issued:
        """Make an access token and, with `with_refresh`, its refresh token. Nothing is stored yet."""
        own, own_hidden = self.attributes(ctx)
        attributes = {**(inherited or {}), **own}
        hidden = [name for name in (inherited_hidden or []) if name not in own] + own_hidden
        products = [product.name for product in consumer.products]
        end_user = self.end_user(ctx) or end_user
        issued_at, expires_at = expiry(self.world, self.lifetime(ctx))
        access = Token(
            value=self.external_access(ctx) or new_value(self.world),
            client_id=consumer.key,
            app_id=consumer.app_id,
            issued_at=issued_at,
            expires_at=expires_at,
            attributes=attributes,
            hidden=hidden,
            end_user=end_user,
            scope=scope,
            products=products,
            grant_type=grant_type,
        )
        refresh = None
        if with_refresh:
            issued_at, expires_at = expiry(self.world, self.refresh_lifetime(ctx))
            refresh = Token(
                value=self.external_refresh(ctx) or new_value(self.world, 32),
                client_id=consumer.key,
                app_id=consumer.app_id,
                issued_at=issued_at,
                expires_at=expires_at,
                attributes=attributes,
                hidden=hidden,
                end_user=end_user,
                scope=scope,
                products=products,
                grant_type=grant_type,
                pair=access.value,
            )
            access.pair = refresh.value
        return Issued(access, refresh, consumer, self.presented(ctx, access, consumer))

    def presented(self, ctx: MessageContext, access: Token, consumer: Consumer) -> str:
        return access.value if self.present is None else self.present(ctx, access, consumer)

    async def keep(self, issued: Issued) -> None:
        """Store what was issued, as far as it needs to be."""
        if self.policy.store_token is False:
            return
        if self.kept:
            await settled(self.tokens.issue(issued.access, issued.refresh))
        elif issued.refresh is not None:
            await settled(self.tokens.refresh.put(issued.refresh))

    def tell(self, ctx: MessageContext, issued: Issued) -> None:
        """Set the variables and, where asked for, write the response."""
        rfc, now = self.policy.rfc_compliant, self.world.now()
        ctx.variables.update(token_variables(self.policy.name, issued, now, rfc))
        if self.policy.generates_response:
            ctx.response = token_response(issued, now, rfc)
