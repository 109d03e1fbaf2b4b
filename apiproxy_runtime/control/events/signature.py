"""The signature of a webhook: a HMAC over the exact bytes of its body, in the header `x-kong-signature`.

Kong signs with SHA-256 since 3.14 and with SHA-1 before, and its documentation does not tell how the header's value is
written; so a hook says which form its receiver expects.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

HEADER = "x-kong-signature"


def _hex(algorithm: str, prefix: str = "") -> Callable[[bytes, bytes], str]:
    return lambda key, body: prefix + hmac.new(key, body, algorithm).hexdigest()


def _base64(key: bytes, body: bytes) -> str:
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


#: What `config.signature` may say; the first holds where it says nothing.
FORMS: dict[str, Callable[[bytes, bytes], str]] = {
    "sha256=hex": _hex("sha256", "sha256="),
    "hex": _hex("sha256"),
    "base64": _base64,
    "sha1=hex": _hex("sha1", "sha1="),
    "sha1-hex": _hex("sha1"),
}


def sign(secret: str, body: bytes, form: str) -> str:
    """The header's value."""
    return FORMS[form](secret.encode(), body)
