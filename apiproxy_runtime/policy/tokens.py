"""Where Google tokens come from when a bundle asks for `<Authentication>`.

There is no metadata server on a laptop or in CI, so tokens come, in this order, from

1. the environment: `APIPROXY_GOOGLE_ACCESS_TOKEN` and `APIPROXY_GOOGLE_ID_TOKEN`, used as they are;
2. the local stand-in: a fixed access token, and an unsigned ID token whose claims are right (issuer, audience, times,
   and the account's email when asked for). Mocks accept it; Google's services refuse it, as they should.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from apiproxy_runtime.bundle.model import Authentication
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from apiproxy_runtime.policy.site import Site

LOCAL_ACCESS_TOKEN = "ya29.local-apiproxy-runtime"
LOCAL_ACCOUNT = "local-service-account@apiproxy-runtime.iam.gserviceaccount.com"


class TokenSource:
    """Makes bearer tokens for calls to Google services. `account` is the service account they speak for."""

    def __init__(self, world: World, account: str = LOCAL_ACCOUNT) -> None:
        self.world = world
        self.account = account

    def access_token(self, scopes: tuple[str, ...]) -> str:
        """An OAuth access token for the scopes."""
        return os.environ.get("APIPROXY_GOOGLE_ACCESS_TOKEN") or LOCAL_ACCESS_TOKEN

    def id_token(self, audience: str, include_email: bool = False) -> str:
        """An OpenID Connect token for the audience, valid for an hour."""
        given = os.environ.get("APIPROXY_GOOGLE_ID_TOKEN")
        if given:
            return given
        now = int(self.world.now())
        claims: dict[str, object] = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": self.account,
            "sub": "000000000000000000000",
            "iat": now,
            "exp": now + 3600,
        }
        if include_email:
            claims |= {"email": self.account, "email_verified": True}
        return f"{_encode({'alg': 'none', 'typ': 'JWT'})}.{_encode(claims)}."


def _encode(value: dict[str, object]) -> str:
    data = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


#: Makes a token for one call; the argument after the context is the URL that is called.
MakeToken = Callable[[MessageContext, str | None], str]


def compile_token(authentication: Authentication, site: Site) -> MakeToken:
    """What makes the token an `<Authentication>` asks for.

    Audience: the text or, first, the variable of `ref`; then, with useTargetUrl, the URL without its query (endpoint
    configuration reference). Whether the email is included: the variable of its `ref`, if that has a value, else the
    text. The function raises Fault `googletoken.EmptyIDTokenAudience` when there is none.
    """
    tokens = TokenSource(site.world)
    if authentication.kind != "GoogleIDToken":
        scopes = authentication.scopes
        return lambda ctx, url: tokens.access_token(scopes)
    render = site.template(authentication.audience or "", authentication.node)
    get = site.getter(authentication.audience_ref) if authentication.audience_ref else None
    use_url, email = authentication.use_target_url, authentication.include_email
    get_email = site.getter(authentication.include_email_ref) if authentication.include_email_ref else None

    def make(ctx: MessageContext, url: str | None) -> str:
        audience = (text_of(get(ctx)) if get is not None else "") or render(ctx)
        if not audience and use_url and url:
            audience = url.partition("?")[0]
        if not audience:
            raise Fault("googletoken.EmptyIDTokenAudience", "Audience of the Google ID token is empty", 500)
        said = text_of(get_email(ctx)).strip().lower() if get_email is not None else ""
        return tokens.id_token(audience, said == "true" if said else email)

    return make


def compile_header_name(authentication: Authentication, site: Site) -> Callable[[MessageContext], str]:
    """The header that takes the token: `HeaderName`, else Authorization."""
    literal = authentication.header_name or "Authorization"
    if not authentication.header_name_ref:
        return lambda ctx: literal
    get = site.getter(authentication.header_name_ref)
    return lambda ctx: text_of(get(ctx)) or literal
