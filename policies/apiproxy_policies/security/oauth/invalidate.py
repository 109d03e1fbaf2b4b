"""InvalidateToken and ValidateToken: revoke tokens one by one, and take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiproxy_policies.security.oauth.client import reader
from apiproxy_runtime.policy.api import (
    Answer,
    Fault,
    MessageContext,
    Site,
    StepFunction,
    Token,
    Tokens,
    settled,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2


def compile_status(policy: OAuthV2, site: Site, status: str) -> StepFunction:
    """The step that gives every listed token a status, `approved` or `revoked`, and its pair with cascade."""
    tokens = Tokens(site.store, site.environment.organization)
    listed = [
        (item.type, item.cascade, item.variable, reader(site, item.variable)) for item in policy.listed_tokens
    ]

    def change(token: Token) -> bool:
        token.status = status
        token.revoke_reason = "TOKEN_REVOKED" if status == "revoked" else ""
        return True

    async def apply(values: list[tuple[str, bool, str]]) -> None:
        for kind, cascade, value in values:
            own, other = (
                (tokens.refresh, tokens.access) if kind == "refreshtoken" else (tokens.access, tokens.refresh)
            )
            token = await settled(own.update(value, change))
            if token is None:
                raise _unknown(policy, kind)
            if cascade and token.pair:
                await settled(other.update(token.pair, change))

    def step(ctx: MessageContext) -> Answer[None]:
        values = []
        for kind, cascade, variable, read in listed:
            value = read(ctx)
            if not value:
                raise policy.fault("FailedToResolveToken", variable=variable)
            values.append((kind, cascade, value))
        return site.store.finish(apply(values))

    return step


def _unknown(policy: OAuthV2, kind: str) -> Fault:
    fault = policy.fault("invalid_refresh_token" if kind == "refreshtoken" else "invalid_access_token")
    fault.variables = {
        f"oauthV2.{policy.name}.fault.name": fault.code,
        f"oauthV2.{policy.name}.fault.cause": fault.text,
    }
    return fault
