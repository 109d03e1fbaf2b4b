"""`<Authentication>`: a Google token for a call, in AssignMessage and ExternalCallout as in targets."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    Element,
    Message,
    MessageContext,
    Site,
    Value,
    attribute,
    child,
    children,
    compile_header_name,
    compile_token,
    nested,
    read_authentication,
    text,
)

#: Puts the token on a message; the last argument is the URL that `useTargetUrl` falls back to.
PutToken = Callable[[MessageContext, Message, str | None], None]


class Scopes(Element):
    scopes: tuple[str, ...] = children("Scope")


class GoogleAccessToken(Element):
    scopes: Scopes | None = nested("Scopes", Scopes)
    lifetime: int | None = child("LifetimeInSeconds", INTEGER)


class Audience(Element):
    value: Value[str] = text(ref=True, template=True)
    use_target_url: bool = attribute("useTargetUrl", BOOLEAN, default=False)


class GoogleIDToken(Element):
    audience: Audience | None = nested("Audience", Audience)
    include_email: Value[bool] | None = child("IncludeEmail", BOOLEAN, ref=True)


class AuthenticationElement(Element):
    """An access token for Google APIs, or an ID token for services such as Cloud Run."""

    header_name: Value[str] | None = child(
        "HeaderName", ref=True, doc="header for the token in place of Authorization"
    )
    access_token: GoogleAccessToken | None = nested("GoogleAccessToken", GoogleAccessToken)
    id_token: GoogleIDToken | None = nested("GoogleIDToken", GoogleIDToken)

    def compile(self, site: Site) -> PutToken:
        authentication = read_authentication(self.node, site.findings)
        header, make = compile_header_name(authentication, site), compile_token(authentication, site)

        def put(ctx: MessageContext, message: Message, url: str | None) -> None:
            message.headers.set(header(ctx), f"Bearer {make(ctx, url)}")

        return put
