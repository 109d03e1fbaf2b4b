"""TLS contexts for both sides, from PEM text."""

from __future__ import annotations

import ssl
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import cast

from msgspec import Struct

from apiproxy_runtime.gateway.http.errors import TlsFailed
from apiproxy_runtime.gateway.http.tlsprofile import TlsProfile as TlsProfile

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class ServerTls(Struct, frozen=True):
    """How the gateway's own port talks TLS: PEM texts; `client_authorities` asks clients for a certificate.

    `client_required`: without one the handshake fails.
    """

    certificate: str
    key: str
    key_password: str = ""
    client_authorities: tuple[str, ...] = ()
    client_required: bool = True
    protocols: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def client_context(profile: TlsProfile) -> ssl.SSLContext:
    """The context for calls to a target. Raises TlsFailed when a PEM, protocol or cipher is unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not profile.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif profile.common_name:
        context.check_hostname = False
    if profile.verify:
        if profile.authorities:
            _trust(context, profile.authorities)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if profile.certificate:
        _present(context, profile.certificate, profile.key, profile.key_password)
    _restrict(context, profile.protocols, profile.ciphers)
    context.set_alpn_protocols(["http/1.1"])
    return context


def server_context(settings: ServerTls) -> ssl.SSLContext:
    """The context for a listening port. Raises TlsFailed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _present(context, settings.certificate, settings.key, settings.key_password)
    if settings.client_authorities:
        _trust(context, settings.client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED if settings.client_required else ssl.CERT_OPTIONAL
    _restrict(context, settings.protocols, settings.ciphers)
    context.set_alpn_protocols(["http/1.1"])
    return context


def peer_subject(session: ssl.SSLObject | None) -> dict[str, str]:
    """The subject of the other side's verified certificate, such as {"commonName": …}; empty without one."""
    certificate = session.getpeercert() if session is not None else None
    if not certificate:
        return {}
    subject = cast(tuple[tuple[tuple[str, str], ...], ...], certificate.get("subject", ()))
    return {name: value for part in subject for name, value in part}


def check_common_name(session: ssl.SSLObject, profile: TlsProfile) -> None:
    """Raises TlsFailed when the certificate is not made out to the profile's common name."""
    if not profile.verify:
        return
    certificate = session.getpeercert() or {}
    alternatives = cast(tuple[tuple[str, str], ...], certificate.get("subjectAltName", ()))
    names = [value for kind, value in alternatives if kind == "DNS"]
    common = peer_subject(session).get("commonName")
    if common is not None:
        names.append(common)
    wanted = profile.common_name.lower()
    for name in names:
        lower = name.lower()
        if lower == wanted or (profile.wildcard and (_covers(wanted, lower) or _covers(lower, wanted))):
            return
    raise TlsFailed(f"the certificate is made out to {', '.join(names)}, not to {profile.common_name}")


def _covers(pattern: str, name: str) -> bool:
    return pattern.startswith("*.") and "." in name and name.split(".", 1)[1] == pattern[2:]


def _trust(context: ssl.SSLContext, authorities: tuple[str, ...]) -> None:
    try:
        context.load_verify_locations(cadata="\n".join(authorities))
    except (ssl.SSLError, ValueError) as error:
        raise TlsFailed(f"the trusted certificates cannot be read as PEM: {error}") from error


def _present(context: ssl.SSLContext, certificate: str, key: str, password: str) -> None:
    # The ssl module reads a key from a file only. This one is readable by its owner alone, and gone at once.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(f"{key}\n{certificate}\n")
        try:
            context.load_cert_chain(path, password=password or "")
        except (ssl.SSLError, OSError) as error:
            raise TlsFailed(f"the certificate and its key cannot be used: {error}") from error


def _restrict(context: ssl.SSLContext, protocols: tuple[str, ...], ciphers: tuple[str, ...]) -> None:
    versions = []
    for name in protocols:
        if name not in _VERSIONS:
            raise TlsFailed(f"{name!r} is no TLS version: use {', '.join(_VERSIONS)}")
        versions.append(_VERSIONS[name])
    if versions:
        context.minimum_version = min(versions)
        context.maximum_version = max(versions)
    if ciphers:
        try:
            context.set_ciphers(":".join(ciphers))
        except ssl.SSLError as error:
            raise TlsFailed(f"no cipher among {', '.join(ciphers)} can be used") from error
