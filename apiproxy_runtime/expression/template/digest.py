"""Template functions that hash and sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

from apiproxy_runtime.expression.template.failure import CallFailed


def hashers(algorithm: str) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """The functions that give a digest of the text's UTF-8 bytes as lower-case hex, and as base64."""

    def hex_of(text: str) -> str:
        return hashlib.new(algorithm, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

    def base64_of(text: str) -> str:
        digest = hashlib.new(algorithm, text.encode("utf-8", "replace"), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()

    return hex_of, base64_of


def signer(algorithm: str) -> Callable[..., str]:
    """The HMAC function for a hash; encodings ignore case, `hex` is `base16` (message templates page, HMAC)."""

    def sign(key: str, value: str, key_encoding: str = "utf-8", output_encoding: str = "base64") -> str:
        code = hmac.new(_key(key, key_encoding.lower()), value.encode("utf-8", "replace"), algorithm)
        match output_encoding.lower():
            case "hex" | "base16":
                return code.hexdigest()
            case "base64":
                return base64.b64encode(code.digest()).decode()
        raise CallFailed(f"the output encoding is hex, base16 or base64, not {output_encoding!r}")

    return sign


def _key(key: str, encoding: str) -> bytes:
    try:
        match encoding:
            case "hex" | "base16":
                return bytes.fromhex(key)
            case "base64":
                return base64.b64decode(key, validate=True)
            case "utf-8" | "utf8":
                return key.encode("utf-8", "replace")
    except ValueError:
        raise CallFailed(f"the key is not {encoding}") from None
    raise CallFailed(f"the key encoding is hex, base16, base64 or utf-8, not {encoding!r}")
