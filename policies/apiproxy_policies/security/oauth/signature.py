"""OAuth 1.0a requests: their parameters, and the HMAC-SHA1 signature over them (RFC 5849 section 3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from apiproxy_runtime.policy.api import MessageContext


def escaped(text: str) -> str:
    """Percent-encoding as RFC 5849 section 3.6 wants it."""
    return quote(text, safe="~")


class Signed(Struct, frozen=True):
    """The protocol parameters of a request, and all parameters that the signature covers."""

    protocol: dict[str, str]
    covered: list[tuple[str, str]]


def read_request(ctx: MessageContext) -> Signed:
    """Collect the parameters of the Authorization header, the query and a form body."""
    request = ctx.request
    protocol: dict[str, str] = {}
    scheme, _, rest = (request.headers.get("Authorization") or "").partition(" ")
    if scheme.lower() == "oauth":
        for part in rest.split(","):
            name, equals, value = part.strip().partition("=")
            if equals and name.lower() != "realm":
                protocol[unquote(name)] = unquote(value.strip().strip('"'))
    sent = [*request.query.pairs, *request.form.pairs]
    covered = [pair for pair in [*protocol.items(), *sent] if pair[0] != "oauth_signature"]
    for name, value in sent:
        if name.startswith("oauth_"):
            protocol.setdefault(name, value)
    return Signed(protocol, covered)


def base_string(verb: str, url: str, covered: list[tuple[str, str]]) -> str:
    """Verb, URL without query, and the sorted parameters; standard ports are left out."""
    parts = urlsplit(url)
    host, scheme = (parts.hostname or "").lower(), parts.scheme.lower()
    if parts.port is not None and (scheme, parts.port) not in (("http", 80), ("https", 443)):
        host = f"{host}:{parts.port}"
    pairs = sorted((escaped(name), escaped(value)) for name, value in covered)
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((verb.upper(), escaped(f"{scheme}://{host}{parts.path or '/'}"), escaped(normal)))


def sign(base: str, consumer_secret: str, token_secret: str = "") -> str:
    """The HMAC-SHA1 signature of a base string."""
    key = f"{escaped(consumer_secret)}&{escaped(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, base.encode(), hashlib.sha1).digest()).decode()


def request_url(ctx: MessageContext) -> str:
    """The URL as the client called it: scheme of the connection, Host header, path on the wire."""
    host = ctx.request.headers.get("Host") or ctx.client.host
    path = (ctx.client.request_uri or ctx.request.path).partition("?")[0]
    return f"{ctx.client.scheme}://{host}{path}"
