"""The elements of OAuthV2 that hold more than a variable's name."""

from __future__ import annotations

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Kind,
    Value,
    attribute,
    child,
    children,
    many,
    nested,
    one_of,
    text,
)

GRANT_TYPES = ("authorization_code", "implicit", "password", "client_credentials")


def _lifetime(text: str) -> int:
    number = int(text, 10)
    if number < 1 and number != -1:
        raise ValueError(text)
    return number


MILLISECONDS_OR_NEVER = Kind("integer", "a positive number of milliseconds, or -1 for ever", _lifetime)


class ListedToken(Element):
    """A token to revoke or approve; the text names the variable that holds it."""

    type: str = attribute(
        "type", one_of("accesstoken", "refreshtoken", ignore_case=True), default="accesstoken"
    )
    cascade: bool = attribute("cascade", BOOLEAN, default=False, doc="true: the paired token as well")
    variable: str = text(default="")


class ListedTokens(Element):
    items: tuple[ListedToken, ...] = many("Token", ListedToken)


class GrantTypes(Element):
    items: tuple[str, ...] = children(
        "GrantType",
        one_of(*GRANT_TYPES),
        error="InvalidGrantType",
        message='OAuthV2 {policy}: invalid grant type "{value}" in SupportedGrantTypes',
        cure=f"Write one of {', '.join(GRANT_TYPES)}.",
    )


class GenerateResponse(Element):
    """Whether the policy writes the response itself; `Format` is of old and has no effect."""

    enabled: bool = attribute("enabled", BOOLEAN, default=True)
    format: str | None = child("Format")


class GenerateErrorResponse(Element):
    """Whether errors are told in an OAuth error body; `Realm` adds a WWW-Authenticate header."""

    enabled: bool = attribute("enabled", BOOLEAN, default=True)
    format: str | None = child("Format")
    realm: str | None = child("Realm")


class Key(Element):
    """The key is in the variable of `ref`."""

    tag = "Value"
    value: Value[str] = text(ref=True)


class KeyHolder(Element):
    value_element: Key | None = nested("Value", Key)

    @property
    def value(self) -> Value[str] | None:
        return self.value_element.value if self.value_element is not None else None
