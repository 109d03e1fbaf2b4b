"""VerifyAccessToken: lets a call pass when its token is good for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.consumer_variables import general, identity
from apiproxy_policies.security.oauth.client import Read, reader
from apiproxy_policies.security.quoted import unquoted
from apiproxy_runtime.policy.api import (
    Answer,
    Consumer,
    Fault,
    Grant,
    MessageContext,
    Services,
    Site,
    StepFunction,
    Token,
    Tokens,
    default_error,
    then,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2

#: Makes the fault of a failed verification, with the challenge for the client.
Deny = Callable[..., Fault]


def compile_deny(policy: OAuthV2) -> Deny:
    """Faults with a WWW-Authenticate header, as live systems send it, and the policy's fault variables.

    `oauthV2.<policy>.fault.name` is the whole code here (OAuthV2 reference, fault variables).
    """

    def deny(ctx: MessageContext, name: str, /, **values: object) -> Fault:
        fault = policy.fault(name, **values)
        fault.variables = {
            f"oauthV2.{policy.name}.fault.name": fault.code,
            f"oauthV2.{policy.name}.fault.cause": fault.text,
        }
        fault.message = default_error(fault, ctx.request)
        error = "insufficient_scope" if fault.status == 403 else "invalid_token"
        fault.message.headers.set(
            "WWW-Authenticate",
            f'Bearer realm="null",error="{error}",error_description="{fault.code}: {fault.text}"',
        )
        return fault

    return deny


def compile_presented(policy: OAuthV2, site: Site) -> Read:
    """What finds the token: in the variable of AccessToken, else behind the prefix in the Authorization header."""
    prefix = policy.access_token_prefix
    ignore_case = policy.rfc_compliant
    start = f"{prefix.lower() if ignore_case else prefix} "

    def without_prefix(value: str) -> str | None:
        head = value[: len(start)]
        if (head.lower() if ignore_case else head) != start:
            return None
        return value[len(start) :].strip()

    if policy.access_token:
        read = reader(site, policy.access_token)

        def named(ctx: MessageContext) -> str:
            value = read(ctx)
            return without_prefix(value) or value

        return named
    header = reader(site, "request.header.Authorization")
    return lambda ctx: without_prefix(unquoted(header(ctx))) or ""


def compile_verify(policy: OAuthV2, site: Site) -> StepFunction:
    """The step of VerifyAccessToken. Revocation counts at once: nothing is cached."""
    presented, deny = compile_presented(policy, site), compile_deny(policy)
    admit = compile_admission(policy, site, deny)
    records = Tokens(site.store, site.environment.organization).access
    world = site.world

    def step(ctx: MessageContext) -> Answer[None]:
        value = presented(ctx)
        if not value:
            raise deny(ctx, "InvalidAccessToken")

        def check(token: Token | None) -> None:
            if token is None:
                raise deny(ctx, "invalid_access_token")
            if token.status != "approved":
                raise deny(ctx, "access_token_not_approved")
            if token.expired(world.now()):
                raise deny(ctx, "access_token_expired")
            admit(ctx, token, value)

        return then(records.get(value), check)

    return step


def compile_admission(
    policy: OAuthV2, site: Site, deny: Deny
) -> Callable[[MessageContext, Token, str], None]:
    """What checks a good token's client, products and scopes, and sets the variables."""
    services = site.services
    required = frozenset((policy.scope or "").replace(",", " ").split())
    listed = ", ".join((policy.scope or "").replace(",", " ").split())
    world, name = site.world, policy.name

    def admit(ctx: MessageContext, token: Token, value: str) -> None:
        consumer, grant = granted(ctx, services, token, deny)
        if required and required.isdisjoint(token.scope.split()):
            raise deny(ctx, "InsufficientScope", scopes=listed)
        prepared = consumer.prepared.get(("token", grant))
        if prepared is None:
            prepared = general(consumer, grant) | identity(consumer, grant)
            consumer.prepared["token", grant] = prepared
        ctx.variables.update(prepared)
        ctx.variables.update(verified_variables(name, token, value, consumer, world.now()))

    return admit


def granted(ctx: MessageContext, services: Services, token: Token, deny: Deny) -> tuple[Consumer, Grant]:
    """The client of a token and the product that lets the call through."""
    consumer = services.catalog.consumers.get(token.client_id)
    if consumer is None:
        raise deny(ctx, "invalid_access_token")
    if consumer.problem == "developer":
        raise deny(ctx, "DeveloperStatusNotActive")
    if consumer.problem:
        raise deny(ctx, "invalid_client-app_not_approved")
    grant = consumer.grant(ctx)
    if grant is None or grant.product.name not in token.products:
        grant = consumer.grant(ctx, tuple(token.products))
    if grant is None:
        raise deny(ctx, missing_product(ctx, consumer, token), path=ctx.path_suffix or "/")
    return consumer, grant


def missing_product(ctx: MessageContext, consumer: Consumer, token: Token) -> str:
    """Which fault it is: the products are gone, a path that none of them lists, or none for the call at all.

    Products with operations never give the second one, as live systems don't.
    """
    if token.products and not any(name in consumer.catalog.products for name in token.products):
        return "apiproduct_doesnot_exist"
    for rule in consumer.rules(ctx.deployment.proxy):
        if rule.grant.product.name in token.products and not rule.grant.name:
            return "apiresource_doesnot_exist"
    return "InvalidAPICallAsNoApiProductMatchFound"


def verified_variables(
    policy: str, token: Token, value: str, consumer: Consumer, now: float
) -> dict[str, Any]:
    """Variables of the token itself (OAuthV2 reference, VerifyAccessToken)."""
    values: dict[str, Any] = {f"accesstoken.{name}": text for name, text in token.attributes.items()}
    if token.end_user:
        values["app_enduser"] = token.end_user
    return values | {
        "organization_name": consumer.catalog.organization,
        "client_id": token.client_id,
        "grant_type": token.grant_type,
        "token_type": "BearerToken",
        "access_token": value,
        "issued_at": str(token.issued_at),
        "expires_in": str(token.expires_in(now)),
        "status": token.status,
        "scope": token.scope,
        "apigee.access_token": value,
        f"oauthv2accesstoken.{policy}.access_token": value,
        f"oauthv2accesstoken.{policy}.client_id": token.client_id,
        f"oauthv2accesstoken.{policy}.scope": token.scope,
        f"oauthv2accesstoken.{policy}.expires_in": str(token.expires_in(now)),
    }
