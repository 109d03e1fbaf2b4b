"""GenerateAccessToken: the client_credentials, password and authorization_code grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiproxy_policies.security.oauth.authorize import compile_exchange
from apiproxy_policies.security.oauth.client import compile_client, external, granted_scope, parameter
from apiproxy_policies.security.oauth.issuing import Issuing, Present
from apiproxy_policies.security.oauth.refusal import Refuse
from apiproxy_runtime.policy.api import Answer, MessageContext, Site, StepFunction

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2


def compile_generate(
    policy: OAuthV2, site: Site, refuse: Refuse, present: Present | None = None
) -> StepFunction:
    """The step of GenerateAccessToken and GenerateJWTAccessToken."""
    issuing = Issuing(policy, site, refuse, present)
    authenticate = compile_client(policy, site, refuse)
    grant_of = parameter(site, policy.grant_type, "grant_type")
    supported = policy.supported_grant_types
    scope_of = external(site, policy.scope)
    username = parameter(site, policy.user_name, "username")
    password = parameter(site, policy.password, "password")
    exchange = compile_exchange(policy, site, refuse, issuing.tokens)
    finish = site.store.finish

    async def generate(ctx: MessageContext, grant: str) -> None:
        if grant == "password":
            for name, read in (("username", username), ("password", password)):
                if not read(ctx):
                    raise refuse("parameter", name=name)
        consumer = authenticate(ctx)
        if grant == "authorization_code":
            code = await exchange(ctx, consumer)
            wanted = scope_of(ctx)
            scope = granted_scope(consumer, wanted, refuse) if wanted else code.scope
            issued = issuing.issue(
                ctx,
                consumer,
                scope,
                grant,
                end_user=code.end_user,
                inherited=code.attributes,
                inherited_hidden=code.hidden,
                with_refresh=True,
            )
        else:
            scope = granted_scope(consumer, scope_of(ctx), refuse)
            issued = issuing.issue(ctx, consumer, scope, grant, with_refresh=grant == "password")
        await issuing.keep(issued)
        issuing.tell(ctx, issued)

    def step(ctx: MessageContext) -> Answer[None]:
        grant = grant_of(ctx)
        if not grant:
            raise refuse("parameter", name="grant_type")
        if grant not in supported or grant == "implicit":
            raise refuse("grant_type", type=grant)
        return finish(generate(ctx, grant))

    return step
