"""The vault: which secret each pseudonym of a recording stands for, in a file of its own that is never shared.

A rehearsal that must send real keys (VerifyAPIKey, JWTs, signatures) puts the secrets back with it. The file is JSON,
`{"key": …, "masks": {…}, "secrets": {pseudonym: secret}}`, readable by its owner only.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import asdict

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.masking import Masking
from apiproxy_runtime.rehearsal.masks import Masks

_TAIL = b"\n}}\n"


class BadVault(ValueError):
    """A file that is no vault. The text names file, cause and cure."""


class Vault:
    """Keeps pairs as they come. An existing file is gone on with: its key makes the same pseudonyms again."""

    def __init__(self, path: Path, masks: Masks | None = None) -> None:
        self.path = path
        known: dict[str, str] = {}
        self.key = secrets.token_bytes(32)
        if path.exists():
            self.key, masks_before, known = _read(path)
            masks = masks if masks is not None else masks_before
        self.masks = masks or Masks()
        head = {"key": base64.b64encode(self.key).decode(), "masks": _masks_as_json(self.masks)}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = cast(
            BinaryIO, os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        )
        data = json.dumps(head).encode().removesuffix(b"}") + b',"secrets":{'
        self._file.truncate()
        self._file.write(data + _TAIL)
        self._end = len(data)
        self._first = True
        for pseudonym, secret in known.items():
            self.note(pseudonym, secret)

    def note(self, pseudonym: str, secret: str) -> None:
        """Keep a pair; the file is complete after each."""
        comma = "" if self._first else ","
        data = f"{comma}\n{json.dumps(pseudonym)}:{json.dumps(secret)}".encode()
        self._file.seek(self._end)
        self._file.write(data + _TAIL)
        self._end += len(data)
        self._first = False

    def close(self) -> None:
        self._file.truncate(self._end + len(_TAIL))
        self._file.close()


class Restoring:
    """Puts the secrets of a vault back into exchanges. Raises BadVault, OSError."""

    def __init__(self, path: Path) -> None:
        _, masks, known = _read(path)
        self._masking = Masking(lambda text: known.get(text, text), masks)
        self._secrets = {secret: pseudonym for pseudonym, secret in known.items() if secret}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, longest_first)))

    def hide(self, text: str) -> str:
        """The text with each secret replaced by its pseudonym again: what reports may show."""
        if not self._secrets:
            return text
        return self._secret.sub(lambda found: self._secrets[found[0]], text)

    def restore(self, exchange: Exchange) -> Exchange:
        """The exchange as it was before it was masked."""
        return self._masking.mask(exchange)


def _read(path: Path) -> tuple[bytes, Masks, dict[str, str]]:
    try:
        vault = json.loads(path.read_bytes())
        masks = Masks(**{name: frozenset(names) for name, names in vault["masks"].items()})
        pairs = {str(pseudonym): str(secret) for pseudonym, secret in vault["secrets"].items()}
        return base64.b64decode(vault["key"]), masks, pairs
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadVault(
            f"{path}: this is no vault of a recording ({type(error).__name__}: {error}). "
            "Name the file that `apiproxy record --vault` wrote, or one that does not exist yet."
        ) from None


def _masks_as_json(masks: Masks) -> dict[str, list[str]]:
    # the literals are secrets themselves; what restores them are the pairs
    return {name: sorted(names) for name, names in asdict(masks).items() if name != "literals"}
