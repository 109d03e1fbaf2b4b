"""Where a token is read from: a variable, by default the bearer token of the Authorization header."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.security.jose.refused import INVALID, Refused
from apiproxy_policies.security.quoted import unquoted
from apiproxy_runtime.policy.api import MessageContext, Node, Site, text_of

DEFAULT = "request.header.authorization"
_BEARER = "bearer "


def check_source(node: Node, source: str | None, site: Site) -> None:
    """Report a <Source> that is there and empty."""
    if source is not None and not source:
        site.error(
            node.child("Source") or node,
            "InvalidEmptyElement",
            f"Name a variable, or leave <Source> out for {DEFAULT}.",
            element="Source",
        )


def compile_source(source: str | None, site: Site) -> Callable[[MessageContext], str]:
    """What reads the token.

    From the Authorization header `Bearer ` is required and cut off, also when <Source> names that header itself;
    any other variable must hold the bare token (seen in live answers). The function raises Refused:
    FailedToResolveVariable when the variable is not set, INVALID when the header holds no bearer token, or an opaque one
    (auth-schemes of apigee/devrel, whose tests run on the platform).
    """
    name = source or DEFAULT
    get = site.getter(name)
    bearer = name.lower() == DEFAULT

    def read(ctx: MessageContext) -> str:
        value = get(ctx)
        if value is None:
            raise Refused("FailedToResolveVariable", variable=name)
        token = text_of(value).strip()
        if not bearer:
            return token
        token = unquoted(token)
        if token[: len(_BEARER)].lower() != _BEARER or "." not in token:
            raise Refused(INVALID)
        return token[len(_BEARER) :].strip()

    return read
