"""Encryption of secrets at rest: values of encrypted key value maps, and credentials.

The key comes from the environment variable APIPROXY_STATE_KEY (32 bytes in base64). Without it, a SQLite store
gets a key file beside the database, the memory store keeps secrets plain since they never leave the process, and
Redis refuses to keep secrets. Every machine that shares a store needs the same key.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from apiproxy_runtime.state.store import Store, StoreError

VARIABLE = "APIPROXY_STATE_KEY"
_FORMAT = b"\x01"
_NONCE = 12


class SecretKey:
    """Seals text with AES-256-GCM. `place` is sealed in, so that a value moved to another place won't open."""

    def __init__(self, key: bytes) -> None:
        # Loaded here because it costs 30 ms and only stores with secrets need it.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)
        self._invalid: type[Exception] = InvalidTag

    def seal(self, text: str, place: str) -> bytes:
        # From the system even in a frozen world: a nonce must never come twice, and no answer depends on it.
        nonce = secrets.token_bytes(_NONCE)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, _bytes(text), _bytes(place))

    def unseal(self, sealed: bytes, place: str) -> str:
        """Raises `StoreError` when this key didn't seal the text for this place."""
        nonce, content = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if sealed[:1] == _FORMAT:
                return self._cipher.decrypt(nonce, content, _bytes(place)).decode("utf-8", "surrogatepass")
        except (self._invalid, ValueError):
            pass
        raise StoreError(
            f"a secret in the state store was sealed with another key: set {VARIABLE} to the key it was stored "
            "with, or delete the stored secrets"
        )


def secret_key(store: Store, environ: Mapping[str, str] = os.environ) -> SecretKey | None:
    """The key for secrets in a store; None where they stay plain (the memory store without a key).

    Raises `StoreError` when the key is malformed, its file can't be used, or there is none for a store that needs one.
    """
    text = environ.get(VARIABLE, "")
    if text:
        return SecretKey(_decoded(text, VARIABLE))
    if not store.leaves_process:
        return None
    if store.key_file is None:
        raise StoreError(
            f"this state store keeps secrets only encrypted, and there is no key: set {VARIABLE} to 32 bytes in "
            "base64, the same on every machine (`openssl rand -base64 32` makes one)"
        )
    return SecretKey(_decoded(_kept(store.key_file), str(store.key_file)))


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise StoreError(
            f"{source} must hold 32 bytes in base64 (`openssl rand -base64 32` makes such a key)"
        )
    return key


def _kept(path: Path) -> str:
    """The content of the key file; made if missing, by whichever worker is first, and never seen half written."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(draft)
            finally:
                draft.unlink()
        return path.read_text()
    except OSError as error:
        raise StoreError(
            f"key file {path} can't be used: {error.strerror}; mend its permissions, or set {VARIABLE}"
        ) from None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
