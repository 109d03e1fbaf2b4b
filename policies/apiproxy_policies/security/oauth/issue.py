"""Making tokens: lifetimes, attributes, variables and the response that tells the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    Consumer,
    Message,
    MessageContext,
    Site,
    Token,
    Value,
    World,
    draw,
    text_of,
)

#: Milliseconds. Source: OAuthV2 policy reference (defaults of the platform).
ACCESS_LIFETIME = 1_800_000
CODE_LIFETIME = 60_000
#: Apigee X; on Edge a refresh token lives for ever
REFRESH_LIFETIME = 30 * 24 * 3_600_000
LONGEST_REFRESH_LIFETIME = 2 * 365 * 24 * 3_600_000

Lifetime = Callable[[MessageContext], int]


def compile_lifetime(site: Site, setting: Value[int] | None, default: int, longest: int = 0) -> Lifetime:
    """Milliseconds; -1 is for ever. A variable that holds no positive number (nor -1) counts as not set."""
    literal = setting.literal if setting is not None and setting.literal is not None else default
    if longest and not 0 < literal <= longest:
        literal = longest
    if setting is None or setting.ref is None:
        return lambda ctx: literal
    get = site.getter(setting.ref)

    def lifetime(ctx: MessageContext) -> int:
        try:
            found = int(text_of(get(ctx)))
        except ValueError:
            return literal
        if found != -1 and found < 1:
            return literal
        return longest if longest and not 0 < found <= longest else found

    return lifetime


def expiry(world: World, lifetime: int) -> tuple[int, int]:
    """Now and the end of a lifetime, in milliseconds since the epoch; -1 is never."""
    now = int(world.now() * 1000)
    return now, now + lifetime if lifetime >= 0 else -1


class Issued(Struct, frozen=True):
    """An access token and what belongs to it; `access_value` is what the client gets (a JWT, or the value itself)."""

    access: Token
    refresh: Token | None
    consumer: Consumer
    access_value: str


def new_value(world: World, length: int = 28) -> str:
    """A token of letters and digits."""
    return draw(world, length)


def token_variables(policy: str, issued: Issued, now: float, rfc: bool) -> dict[str, Any]:
    """`oauthv2accesstoken.<policy>.*` after a token was issued (OAuthV2 reference, flow variables)."""
    prefix = f"oauthv2accesstoken.{policy}."
    access, refresh = issued.access, issued.refresh
    consumer = issued.consumer
    values: dict[str, Any] = {f"{prefix}{name}": value for name, value in access.attributes.items()}
    values |= {f"{prefix}accesstoken.{name}": value for name, value in access.attributes.items()}
    own: dict[str, Any] = {
        "access_token": issued.access_value,
        "token_type": "Bearer" if rfc else "BearerToken",
        "expires_in": str(access.expires_in(now)),
        "issued_at": str(access.issued_at),
        "scope": access.scope,
        "client_id": access.client_id,
        "status": access.status,
        "grant_type": access.grant_type,
        "refresh_count": str(access.refresh_count),
        "organization_name": consumer.catalog.organization,
        "api_product_list": product_list(access.products),
        "application_name": access.app_id,
        "developer.email": consumer.developer.email,
        "developer.id": f"{consumer.catalog.organization}@@@{consumer.developer_id}",
        "developer.app.name": consumer.app.name,
        "developer.app.id": access.app_id,
        "refresh_token_expires_in": str(refresh.expires_in(now)) if refresh is not None else "0",
    }
    if access.end_user:
        own["app_enduser"] = access.end_user
    if refresh is not None:
        own |= {
            "refresh_token": refresh.value,
            "refresh_token_issued_at": str(refresh.issued_at),
            "refresh_token_status": refresh.status,
        }
    values |= {f"{prefix}{name}": value for name, value in own.items() if value != "" or name != "scope"}
    values["apigee.access_token"] = issued.access_value
    values["apigee.client_id"] = access.client_id
    return values


def product_list(products: list[str]) -> str:
    """Names as Java prints a list: `[P1, P2]`."""
    return f"[{', '.join(products)}]"


def token_response(issued: Issued, now: float, rfc: bool) -> Message:
    """The JSON that GenerateResponse sends (OAuthV2 reference, sample responses); all values are strings.

    In RFC mode the token type is `Bearer` and the lifetimes are numbers. A token with an end user tells it as
    `app_enduser` (RevokeOAuthV2 reference, overview).
    """
    access, refresh = issued.access, issued.refresh
    consumer = issued.consumer

    def seconds(token: Token | None) -> str | int:
        left = token.expires_in(now) if token is not None else 0
        return left if rfc else str(left)

    body: dict[str, Any] = {"issued_at": str(access.issued_at), "application_name": access.app_id}
    if access.scope or not rfc:
        body["scope"] = access.scope
    if access.end_user:
        body["app_enduser"] = access.end_user
    if refresh is not None:
        body["refresh_token_issued_at"] = str(refresh.issued_at)
    body["status"] = access.status
    if refresh is not None:
        body["refresh_token_status"] = refresh.status
    body |= {
        "api_product_list": product_list(access.products),
        "api_product_list_json": access.products,
        "expires_in": seconds(access),
        "developer.email": consumer.developer.email,
        "organization_id": "0",
        "token_type": "Bearer" if rfc else "BearerToken",
    }
    if refresh is not None:
        body["refresh_token"] = refresh.value
    body |= {
        "client_id": access.client_id,
        "access_token": issued.access_value,
        "organization_name": consumer.catalog.organization,
        "refresh_token_expires_in": seconds(refresh),
        "refresh_count": str(access.refresh_count),
    }
    for name, value in access.attributes.items():
        if name not in access.hidden:
            body.setdefault(name, value)
    message = Message.response(200)
    message.headers.set("Content-Type", "application/json")
    if rfc:
        message.headers.set("Cache-Control", "no-store")
        message.headers.set("Pragma", "no-cache")
    message.body = json.dumps(body, ensure_ascii=False).encode()
    return message


def redirect(uri: str, parameters: dict[str, str], *, fragment: bool = False) -> Message:
    """A 302 to the client's redirect URI with parameters in its query or its fragment; empty ones are left out."""
    encoded = urlencode({name: value for name, value in parameters.items() if value})
    if fragment:
        joiner = "#"
    else:
        joiner = "&" if "?" in uri else "?"
    message = Message.response(302)
    message.headers.set("Location", f"{uri}{joiner}{encoded}")
    return message
