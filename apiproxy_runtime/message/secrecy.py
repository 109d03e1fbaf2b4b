"""Which headers, parameters and variables carry secrets, and what stands for a secret where people read.

Used for what leaves the transaction: events, request logs, access logs, spans. Names count whatever their case and
whether they are written with `-`, `_` or neither.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_plus

#: What stands in place of a secret (the word of Kong's request logs).
REDACTED = "REDACTED"

_NAMES = frozenset(
    [
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "apikey",
        "xapikey",
        "key",
        "clientid",
        "clientsecret",
        "secret",
        "password",
        "passwd",
        "pwd",
        "token",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "xauthtoken",
        "xaccesstoken",
        "bearertoken",
        "sessionid",
        "session",
        "jwt",
        "assertion",
        "clientassertion",
        "samlresponse",
        "code",
        "codeverifier",
        "signature",
        "xsignature",
        "sig",
        "xamzsecuritytoken",
        "xgoogapikey",
        "xgoogiamauthorizationtoken",
        "xcsrftoken",
        "xxsrftoken",
        "private",
        "credential",
        "credentials",
    ]
)
_IGNORED = str.maketrans("", "", "-_")


@lru_cache(8192)
def is_secret(name: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether a header or parameter of that name is taken for a secret; `more` holds names in lower case."""
    lower = name.lower()
    return lower in more or lower.translate(_IGNORED) in _NAMES


def names_secret(variable: str) -> bool:
    """Whether a flow variable holds a secret: `private.*`, and those that end in a secret's name."""
    return variable.startswith("private.") or is_secret(variable.rpartition(".")[2])


def shortened(secret: str) -> str:
    """Enough of an API key to know it again, too little to use it."""
    return f"{secret[:4]}…" if len(secret) > 8 else REDACTED


def redacted_query(query: str, more: frozenset[str] = frozenset()) -> str:
    """A query string with the values of secret parameters replaced; the rest stays as it was received."""
    if not query:
        return query
    items = []
    for item in query.split("&"):
        name, mark, _ = item.partition("=")
        items.append(f"{name}={REDACTED}" if mark and is_secret(unquote_plus(name), more) else item)
    return "&".join(items)


def redacted_uri(uri: str, more: frozenset[str] = frozenset()) -> str:
    """Path and query, or a URL, with the values of secret parameters replaced."""
    path, mark, query = uri.partition("?")
    return f"{path}?{redacted_query(query, more)}" if mark else uri
