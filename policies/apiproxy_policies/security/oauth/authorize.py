"""Authorization codes and the implicit grant: GenerateAuthorizationCode, GenerateAccessTokenImplicitGrant, exchange.

A code made for a request with `code_challenge` is only exchanged for the right `code_verifier` (RFC 7636); Apigee
leaves that to the bundle, and a bundle that checks it itself gets the same answer twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.oauth.attributes import compile_attributes
from apiproxy_policies.security.oauth.client import (
    external,
    granted_scope,
    parameter,
    reader,
    usable,
)
from apiproxy_policies.security.oauth.issue import (
    CODE_LIFETIME,
    compile_lifetime,
    expiry,
    new_value,
    redirect,
)
from apiproxy_policies.security.oauth.issuing import Issuing, Present
from apiproxy_policies.security.oauth.refusal import Refuse
from apiproxy_runtime.policy.api import (
    Answer,
    Code,
    Consumer,
    MessageContext,
    Site,
    StepFunction,
    Tokens,
    settled,
    then,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2

#: The client and the redirect URI of an authorization request, and whether the request named the URI itself.
Request = Callable[[MessageContext], tuple[Consumer, str, bool]]


def compile_request(policy: OAuthV2, site: Site, refuse: Refuse, wanted: str) -> Request:
    """What checks an authorization request: client, response type (`wanted`) and redirect URI."""
    client_id = parameter(site, policy.client_id, "client_id", query=True)
    response_type = parameter(site, policy.response_type, "response_type", query=True)
    redirect_uri = parameter(site, policy.redirect_uri, "redirect_uri", query=True)
    status = reader(site, "oauth_external_authorization_status")
    services = site.services

    def check(ctx: MessageContext) -> tuple[Consumer, str, bool]:
        key = client_id(ctx)
        if not key:
            raise refuse("missing", name="client_id")
        consumer = usable(services, key, refuse, "client_id")
        if policy.external_authorization and status(ctx).lower() != "true":
            raise refuse("client")
        kind = response_type(ctx)
        if not kind:
            raise refuse("missing", name="response_type")
        if kind != wanted:
            raise refuse("response_type", type=wanted)
        given, registered = redirect_uri(ctx), consumer.app.callback_url
        if given and registered and given != registered:
            raise refuse("redirection", uri=given)
        if not given and not registered:
            raise refuse("no_redirection")
        return consumer, given or registered, bool(given)

    return check


def compile_authorization_code(policy: OAuthV2, site: Site, refuse: Refuse) -> StepFunction:
    """The step of GenerateAuthorizationCode."""
    check = compile_request(policy, site, refuse, "code")
    scope_of, state_of = external(site, policy.scope), parameter(site, policy.state, "state", query=True)
    challenge = parameter(site, None, "code_challenge", query=True)
    challenge_method = parameter(site, None, "code_challenge_method", query=True)
    lifetime = compile_lifetime(site, policy.expires_in, CODE_LIFETIME)
    attributes, end_user = (
        compile_attributes(site, policy.custom_attributes),
        external(site, policy.app_end_user),
    )
    given_code = external(site, policy.external_authorization_code)
    tokens = Tokens(site.store, site.environment.organization)
    world = site.world

    def step(ctx: MessageContext) -> Answer[None]:
        consumer, uri, bound = check(ctx)
        values, hidden = attributes(ctx)
        issued_at, expires_at = expiry(world, lifetime(ctx))
        code = Code(
            value=given_code(ctx) or new_value(world, 32),
            client_id=consumer.key,
            app_id=consumer.app_id,
            issued_at=issued_at,
            expires_at=expires_at,
            attributes=values,
            hidden=hidden,
            end_user=end_user(ctx),
            redirect_uri=uri,
            bound=bound,
            scope=granted_scope(consumer, scope_of(ctx), refuse),
            state=state_of(ctx),
            challenge=challenge(ctx),
            challenge_method=challenge_method(ctx),
        )

        def tell(stored: None) -> None:
            ctx.variables.update(code_variables(f"oauthv2authcode.{policy.name}.", code))
            if policy.generates_response:
                ctx.response = redirect(uri, {"code": code.value, "scope": code.scope, "state": code.state})

        return then(tokens.codes.put(code), tell)

    return step


def code_variables(prefix: str, code: Code) -> dict[str, Any]:
    """Variables of a code. A custom attribute shows under a name that the code itself leaves empty."""
    own = {
        "code": code.value,
        "client_id": code.client_id,
        "redirect_uri": code.redirect_uri,
        "scope": code.scope,
    }
    return {f"{prefix}{name}": value for name, value in code.attributes.items()} | {
        f"{prefix}{name}": value for name, value in own.items() if value or name not in code.attributes
    }


def compile_implicit(
    policy: OAuthV2, site: Site, refuse: Refuse, present: Present | None = None
) -> StepFunction:
    """The step of GenerateAccessTokenImplicitGrant: the token travels in the fragment, without a refresh token."""
    check = compile_request(policy, site, refuse, "token")
    issuing = Issuing(policy, site, refuse, present)
    scope_of, state_of = external(site, policy.scope), parameter(site, policy.state, "state", query=True)

    def step(ctx: MessageContext) -> Answer[None]:
        if "implicit" not in policy.supported_grant_types:
            raise refuse("grant_type", type="implicit")
        consumer, uri, _ = check(ctx)
        scope = granted_scope(consumer, scope_of(ctx), refuse)
        issued = issuing.issue(ctx, consumer, scope, "implicit")

        def tell(stored: None) -> None:
            issuing.tell(ctx, issued)
            if policy.generates_response:
                parameters = {
                    "access_token": issued.access_value,
                    "expires_in": str(issued.access.expires_in(site.world.now())),
                    "token_type": "Bearer" if policy.rfc_compliant else "BearerToken",
                    "scope": scope,
                    "state": state_of(ctx),
                }
                ctx.response = redirect(uri, parameters, fragment=True)

        return then(site.store.finish(issuing.keep(issued)), tell)

    return step


def compile_exchange(
    policy: OAuthV2, site: Site, refuse: Refuse, tokens: Tokens
) -> Callable[[MessageContext, Consumer], Awaitable[Code]]:
    """What takes an authorization code for a token. A code serves once; it is spent even when what follows fails."""
    code_of = parameter(site, policy.code, "code")
    redirect_of = parameter(site, policy.redirect_uri, "redirect_uri")
    verifier_of = parameter(site, None, "code_verifier")
    world = site.world

    async def exchange(ctx: MessageContext, consumer: Consumer) -> Code:
        value = code_of(ctx)
        if not value:
            if policy.code and not policy.writes_errors:
                raise policy.fault("FailedToResolveAuthorizationCode", variable=policy.code)
            raise refuse("parameter", name="code")
        code = await settled(tokens.codes.get(value))
        if code is None or code.client_id != consumer.key or code.expired(world.now()):
            raise refuse("code")
        check_redirect(code, redirect_of(ctx), refuse)
        if code.challenge and not verifies(code, verifier_of(ctx)):
            raise refuse("verifier")
        if code.status != "approved" or await settled(tokens.codes.update(value, _spend)) is None:
            raise refuse("code")
        return code

    return exchange


def check_redirect(code: Code, given: str, refuse: Refuse) -> None:
    """The redirect URI must be the one of the authorization request (RFC 6749 section 4.1.3)."""
    if code.bound and not given:
        raise refuse("parameter", name="redirect_uri")
    if given and given != code.redirect_uri:
        raise refuse("redirect", uri=given)


def verifies(code: Code, verifier: str) -> bool:
    """Whether a verifier fits the code's challenge."""
    made = verifier
    if code.challenge_method.upper() == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return bool(verifier) and hmac.compare_digest(made.encode(), code.challenge.encode())


def _spend(code: Code) -> bool:
    if code.status != "approved":
        return False
    code.status = "used"
    return True
