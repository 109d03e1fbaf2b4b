"""hmac-auth: a signature over chosen headers (and the request line), made with a secret that both sides know.

The header is `hmac username="…", algorithm="…", headers="…", signature="…"`, in Proxy-Authorization or Authorization.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from apiproxy_runtime.kong.authentication import ANONYMOUS, Refusal, authenticates, by_field, challenge
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Credential
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, boolean, number, string
from apiproxy_runtime.kong.site import KongSite

_SIGNED = re.compile(
    r'\s*[Hh]mac\s*username="(.+)",\s*algorithm="(.+)",\s*headers="(.+)",\s*signature="(.+)"'
)
_DIGESTS = {"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}
_UNVERIFIED = "HMAC signature cannot be verified"
_DIFFERS = "HMAC signature does not match"
_NO_DATE = f"{_UNVERIFIED}, a valid date or x-date header is required for HMAC Authentication"


class Signed(NamedTuple):
    """What the header says."""

    username: str
    algorithm: str
    headers: list[str]
    signature: str


def compile_hmac_auth(config: Config, site: KongSite) -> Phases:
    known = by_field(site, "hmacauth_credentials", "username")
    asks = challenge("hmac", config["realm"])
    skew: float = config["clock_skew"]
    enforced: list[str] = config["enforce_headers"]
    algorithms = frozenset(config["algorithms"])
    hide: bool = config["hide_credentials"]
    world = site.world

    def prove(ctx: KongContext) -> Credential | Refusal:
        headers = ctx.request.headers
        if "Authorization" not in headers and "Proxy-Authorization" not in headers:
            return Refusal("Unauthorized", asks)
        now = world.now()
        if not any(is_recent(headers.get(name), now, skew) for name in ("X-Date", "Date")):
            return Refusal(_NO_DATE, asks)
        name = "Proxy-Authorization"
        signed = read(headers.get(name))
        if signed is None:
            name = "Authorization"
            signed = read(headers.get(name))
        if hide:
            headers.remove(name)
        if signed is None or signed.algorithm not in algorithms or set(enforced) - set(signed.headers):
            return Refusal(_UNVERIFIED, asks)
        credential = known.get(signed.username)
        if credential is None:
            return Refusal(_UNVERIFIED, asks)
        if not verifies(ctx, signed, str(credential.values["secret"])):
            return Refusal(_DIFFERS, asks)
        if config["validate_request_body"] and not digest_fits(ctx):
            return Refusal(_DIFFERS, asks)
        return credential

    return Phases(access=authenticates(config, site, prove), reads_body=config["validate_request_body"])


def read(header: str | None) -> Signed | None:
    """The parts of a header; None when it is none of ours."""
    found = _SIGNED.match(header or "")
    if found is None:
        return None
    return Signed(found.group(1), found.group(2), found.group(3).split(" "), found.group(4))


def is_recent(date: str | None, now: float, skew: float) -> bool:
    """Whether an HTTP date is at most `skew` seconds from now."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return False
    return abs(now - moment.timestamp()) <= skew


def verifies(ctx: KongContext, signed: Signed, secret: str) -> bool:
    """Whether the signature is that of the headers which it names."""
    request = ctx.request
    lines = []
    for name in signed.headers:
        value = request.headers.get(name)
        if value is not None:
            lines.append(f"{name}: {value}")
        elif name == "@request-target":
            lines.append(f"{name}: {request.verb.lower()} {request.uri}")
        elif name == "request-line":
            lines.append(f"{request.verb} {request.uri} HTTP/{request.version}")
        else:
            lines.append(f"{name}:")
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    made = hmac.digest(secret.encode(), text, _DIGESTS[signed.algorithm])
    try:
        return hmac.compare_digest(made, base64.b64decode(signed.signature))
    except (binascii.Error, ValueError):
        return False


def digest_fits(ctx: KongContext) -> bool:
    """Whether the Digest header is that of the body; without one the body must be empty."""
    given = ctx.request.headers.get("Digest")
    body = ctx.request.encoded or ctx.request.body
    if given is None:
        return not body
    made = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return given == f"SHA-256={made}"


PLUGIN = Plugin(
    "hmac-auth",
    1030,
    {
        "hide_credentials": boolean("take the signature out of the request to the upstream", False),
        "clock_skew": number("seconds that the date may be off", 300, above=0),
        "anonymous": ANONYMOUS,
        "validate_request_body": boolean("check the Digest header against the body", False),
        "enforce_headers": array(string(), "headers that must be signed", []),
        "algorithms": array(string(one_of=tuple(_DIGESTS)), "algorithms that are accepted", list(_DIGESTS)),
        "realm": string("realm that WWW-Authenticate tells"),
    },
    compile_hmac_auth,
    "Asks for a signature made with a shared secret.",
    no_scope=frozenset(("consumer", "consumer_group")),
)
