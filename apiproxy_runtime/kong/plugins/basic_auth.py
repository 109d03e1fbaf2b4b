"""basic-auth: a user name and a password (RFC 7617). Proxy-Authorization is looked at first."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from apiproxy_runtime.kong.authentication import ANONYMOUS, Refusal, authenticates, by_field, challenge
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Credential
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, string
from apiproxy_runtime.kong.site import KongSite

_BASIC = re.compile(r"\s*[Bb]asic\s*(.+)")
_PAIR = re.compile(r"([^:]+):(.*)", re.DOTALL)


def compile_basic_auth(config: Config, site: KongSite) -> Phases:
    known = by_field(site, "basicauth_credentials", "username")
    hide: bool = config["hide_credentials"]
    hashed = not site.configuration.transform
    refused = Refusal("Unauthorized", challenge("Basic", config["realm"]))

    def prove(ctx: KongContext) -> Credential | Refusal:
        headers = ctx.request.headers
        for name in ("Proxy-Authorization", "Authorization"):
            pair = credentials(headers.get(name))
            if hide and name in headers:
                headers.remove(name)
            credential = known.get(pair[0]) if pair is not None else None
            if pair is not None and credential is not None:
                return credential if fits(credential, pair[1], hashed) else refused
        return refused

    return Phases(access=authenticates(config, site, prove))


def credentials(header: str | None) -> tuple[str, str] | None:
    """User name and password of a header; None when it holds none."""
    found = _BASIC.match(header or "")
    if found is None:
        return None
    try:
        decoded = base64.b64decode(found.group(1), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    pair = _PAIR.match(decoded)
    return (pair.group(1), pair.group(2)) if pair is not None else None


def fits(credential: Credential, password: str, hashed: bool) -> bool:
    """Whether the password is the credential's. With `_transform: false` the file holds hashes, as an export does."""
    given = password.encode("utf-8", "surrogateescape")
    if hashed:
        given = hashlib.sha1(given + credential.consumer.id.encode()).hexdigest().encode()
    return hmac.compare_digest(given, str(credential.values["password"]).encode())


PLUGIN = Plugin(
    "basic-auth",
    1100,
    {
        "realm": string("realm that WWW-Authenticate tells", "service"),
        "hide_credentials": boolean("take the credentials out of the request to the upstream", False),
        "anonymous": ANONYMOUS,
    },
    compile_basic_auth,
    "Asks for a user name and a password.",
    no_scope=frozenset(("consumer", "consumer_group")),
)
