"""Where calls that code of bundles makes by itself really go: `--connect-to`, for processes beside the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Detour(NamedTuple):
    """A server that stands in for another; `secure` when it speaks TLS."""

    address: str
    port: int
    secure: bool


Detours = Mapping[str, Detour]


def detours_of(connect_to: Mapping[str, str]) -> dict[str, Detour]:
    """Detours by `host` or `host:port`, from the same mapped to `http://HOST[:PORT]` or `https://…`."""
    found = {}
    for host, url in connect_to.items():
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        found[host.lower()] = Detour(parts.hostname or "", parts.port or (443 if secure else 80), secure)
    return found


def find_detour(detours: Detours, host: str, port: int) -> Detour | None:
    """The detour for a server; what names its port too comes first."""
    name = host.lower()
    return detours.get(f"{name}:{port}") or detours.get(name)
