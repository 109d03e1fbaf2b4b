"""Which client asks the token endpoint, and whether it may."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING

from apiproxy_policies.security.oauth.refusal import Refuse
from apiproxy_runtime.policy.api import Consumer, MessageContext, Services, Site, text_of

if TYPE_CHECKING:
    from apiproxy_policies.security.oauth_v2 import OAuthV2

Read = Callable[[MessageContext], str]


def reader(site: Site, *names: str | None) -> Read:
    """The text of the first of these variables that holds one, else the empty text."""
    getters = [site.getter(name) for name in names if name]
    if len(getters) == 1:
        only = getters[0]
        return lambda ctx: text_of(only(ctx))

    def read(ctx: MessageContext) -> str:
        for get in getters:
            found = text_of(get(ctx))
            if found:
                return found
        return ""

    return read


def parameter(site: Site, variable: str | None, name: str, *, query: bool = False) -> Read:
    """A request parameter: from the variable the policy names, else from the form (for `query`, from the query too)."""
    if variable:
        return reader(site, variable)
    form = f"request.formparam.{name}"
    return reader(site, f"request.queryparam.{name}", form) if query else reader(site, form)


def external(site: Site, variable: str | None) -> Read:
    """The text of an optional variable; the empty text where there is none."""
    return reader(site, variable) if variable else lambda ctx: ""


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User and password of a Basic Authorization header; None when it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def compile_client(policy: OAuthV2, site: Site, refuse: Refuse) -> Callable[[MessageContext], Consumer]:
    """What authenticates a client by id and secret.

    The id comes from the variable of ClientId, else from a Basic Authorization header, else from the form; the secret
    from the header when it names the same client, else from the form. With ExternalAuthorization the id alone
    counts, and `oauth_external_authorization_status` must be true.
    """
    variable, by_id_alone = policy.client_id, policy.external_authorization
    named = reader(site, variable) if variable else None
    authorization = reader(site, "request.header.Authorization")
    form_id, form_secret = (
        reader(site, "request.formparam.client_id"),
        reader(site, "request.formparam.client_secret"),
    )
    authorized = reader(site, "oauth_external_authorization_status")
    services = site.services

    def client(ctx: MessageContext) -> Consumer:
        basic = basic_credentials(authorization(ctx))
        if named is not None:
            key = named(ctx)
            if not key and not policy.writes_errors:
                raise policy.fault("FailedToResolveClientId", variable=variable)
        else:
            key = basic[0] if basic is not None else form_id(ctx)
        consumer = usable(services, key, refuse)
        if by_id_alone:
            if authorized(ctx).lower() != "true":
                raise refuse("client")
            return consumer
        secret = basic[1] if basic is not None and basic[0] == key else form_secret(ctx)
        if not secret or not hmac.compare_digest(
            secret.encode(), consumer.credential.consumer_secret.encode()
        ):
            raise refuse("client")
        return consumer

    return client


def usable(services: Services, key: str, refuse: Refuse, kind: str = "client") -> Consumer:
    """The consumer of a key that may ask for tokens; `kind` names the refusal of one that is not known."""
    consumer = services.catalog.consumers.get(key)
    if consumer is None or consumer.problem == "key":
        raise refuse(kind, id=key)
    if consumer.problem:
        raise refuse(consumer.problem)
    if consumer.expires and consumer.expires <= services.world.now():
        raise refuse(kind, id=key)
    return consumer


def scopes_of(consumer: Consumer) -> list[str]:
    """The scopes of the client's products, in their order."""
    return list(dict.fromkeys(scope for product in consumer.products for scope in product.scopes))


def granted_scope(consumer: Consumer, requested: str, refuse: Refuse) -> str:
    """What of the requested scopes the products allow; all of theirs when nothing is requested.

    Source: "Working with OAuth 2.0 scopes". Raises `invalid_scope` when something is requested and nothing allowed.
    """
    allowed = scopes_of(consumer)
    wanted = requested.replace(",", " ").split()
    if not wanted:
        return " ".join(allowed)
    granted = [scope for scope in dict.fromkeys(wanted) if scope in allowed]
    if not granted:
        raise refuse("scope")
    return " ".join(granted)
