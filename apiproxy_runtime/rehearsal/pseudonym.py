"""Pseudonyms: what stands in a recording in place of a secret.

The same secret gets the same pseudonym all through a recording, so that joins survive (the token that was issued is the
token that is used), and nobody without the recording's key can tell one from the other. A pseudonym has the shape of its
secret: length, kinds of characters and punctuation; JWTs stay JWTs with the claims that proxies decide on, Basic
credentials stay a name and a password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import string
from collections.abc import Callable
from typing import Any

_JWT = re.compile(r"(eyJ[A-Za-z0-9_-]{5,})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_-]*){0,2})\Z")
_HEX = re.compile(r"(?=.*\d)(?=.*[a-fA-F])(?:[0-9a-f-]+|[0-9A-F-]+)\Z")
#: A number stays one: no zero in front.
_NUMBER = re.compile(r"-?[1-9]\d*\Z")
#: Claims about a person or of one token; what else a JWT claims (scope, roles, aud, exp) is what proxies decide on.
_PERSONAL = frozenset(
    [
        "sub",
        "jti",
        "email",
        "name",
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "phone_number",
        "address",
        "birthdate",
        "upn",
        "unique_name",
        "sid",
        "nonce",
        "at_hash",
        "c_hash",
    ]
)
_MEMORY = 20_000


class Pseudonyms:
    """Makes pseudonyms under one key.

    key      32 bytes nobody else knows; recordings under one key share their pseudonyms
    noted    is told each new pair of pseudonym and secret (a vault)
    """

    def __init__(self, key: bytes, noted: Callable[[str, str], None] | None = None) -> None:
        self._key = key
        self._noted = noted
        self._known: dict[str, str] = {}
        self._made: set[str] = set()

    @classmethod
    def new(cls) -> Pseudonyms:
        """Under a key that is forgotten with the process."""
        return cls(secrets.token_bytes(32))

    def of(self, secret: str) -> str:
        """The pseudonym of a secret; of a pseudonym made here, itself; of an empty text, itself."""
        if not secret or secret in self._made:
            return secret
        found = self._known.get(secret)
        if found is None:
            found = self._jwt(secret) or self._shaped(secret)
            if len(self._known) >= _MEMORY:
                self._known.clear()
                self._made.clear()
            self._known[secret] = found
            self._made.add(found)
            if self._noted is not None:
                self._noted(found, secret)
        return found

    def _shaped(self, secret: str) -> str:
        """Each letter and digit by another of its kind; the rest stays. Never the secret itself.

        What follows a backslash stays too: another letter would be another escape, and broken JSON might become whole.
        """
        hexadecimal = bool(_HEX.match(secret)) and len(secret) >= 8
        for turn in range(8):
            stream = self._stream(secret, turn)
            found = "".join(
                char if before == "\\" else _replaced(char, next(stream), hexadecimal)
                for before, char in zip(f" {secret}", secret, strict=False)
            )
            if _NUMBER.match(secret):
                found = re.sub(r"^(-?)0", r"\g<1>1", found)
            if found != secret:
                return found
        # nothing in it that could be replaced: punctuation only
        return "*" * len(secret) if set(secret) != {"*"} else "#" * len(secret)

    def _stream(self, secret: str, turn: int) -> Any:
        block = 0
        data = secret.encode("utf-8", "surrogatepass")
        while True:
            yield from hmac.new(self._key, b"%d/%d/" % (turn, block) + data, hashlib.sha256).digest()
            block += 1

    def _jwt(self, secret: str) -> str:
        """A JWT with another signature and without the person; empty for what is no JWT."""
        match = _JWT.match(secret)
        if match is None:
            return ""
        header, payload, signature, more = match.groups()
        if more:
            # encrypted: nothing in it can be read
            rest = ".".join(
                self._shaped(part) if part else "" for part in (payload, signature, *more[1:].split("."))
            )
            return f"{header}.{rest}"
        try:
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except ValueError:
            return f"{header}.{self._shaped(payload) if payload else ''}.{self._shaped(signature) if signature else ''}"
        if isinstance(claims, dict):
            masked = {name: self._claim(name, value) for name, value in claims.items()}
            if masked != claims:
                text = json.dumps(masked, separators=(",", ":"), ensure_ascii=False).encode(
                    "utf-8", "surrogatepass"
                )
                payload = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{header}.{payload}.{self._shaped(signature) if signature else ''}"

    def _claim(self, name: str, value: Any) -> Any:
        if name not in _PERSONAL and not is_secret_name(name):
            return value
        if isinstance(value, str):
            return self.of(value)
        return (
            {key: self._claim("sub", inner) for key, inner in value.items()}
            if isinstance(value, dict)
            else value
        )


def _replaced(char: str, byte: int, hexadecimal: bool) -> str:
    if hexadecimal and char != "-":
        return ("0123456789ABCDEF" if char.isupper() else "0123456789abcdef")[byte % 16]
    if "0" <= char <= "9":
        return string.digits[byte % 10]
    if "a" <= char <= "z":
        return string.ascii_lowercase[byte % 26]
    if "A" <= char <= "Z":
        return string.ascii_uppercase[byte % 26]
    return string.ascii_lowercase[byte % 26] if char.isalnum() else char


# ---- which names carry secrets

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    [
        "token",
        "secret",
        "password",
        "passwd",
        "passwort",
        "pwd",
        "passphrase",
        "passcode",
        "auth",
        "authorization",
        "session",
        "credential",
        "credentials",
        "assertion",
        "pin",
        "otp",
        "jwt",
        "apikey",
        "apikeys",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "clientsecret",
        "sessionid",
        "jsessionid",
        "phpsessid",
        "sid",
        "cvv",
        "cvc",
        "signature",
        "sig",
        "samlresponse",
        "csrf",
        "xsrf",
        "bearer",
    ]
)
#: "key" alone says little (a cache's key, a key and its value); with one of these before it, it is a secret
_KEY_OF = frozenset(
    [
        "api",
        "access",
        "secret",
        "private",
        "consumer",
        "client",
        "app",
        "subscription",
        "auth",
        "encryption",
        "signing",
        "master",
        "shared",
        "service",
    ]
)
#: What tells about a secret without being one: token_type, session_timeout, password_policy.
_ABOUT = frozenset(
    [
        "type",
        "types",
        "expires",
        "expiry",
        "expiration",
        "timeout",
        "ttl",
        "in",
        "at",
        "count",
        "length",
        "limit",
        "url",
        "uri",
        "endpoint",
        "size",
        "name",
        "names",
        "method",
        "methods",
        "policy",
        "required",
        "enabled",
        "status",
        "valid",
        "used",
        "max",
        "min",
        "issued",
        "audience",
        "issuer",
        "scope",
        "scopes",
        "algorithm",
        "alg",
    ]
)


def is_secret_name(name: str) -> bool:
    """Whether a parameter, member or header of that name carries a secret, by the words its name is made of."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    if words in (["client", "id"], ["code", "verifier"], ["user", "pass"]):
        return True
    for place, word in enumerate(words):
        if word in _SECRET_WORDS or word.endswith(("password", "secret", "token", "passwd", "apikey")):
            return True
        if word == "key" and place and words[place - 1] in _KEY_OF:
            return True
    return False
