"""The certificates of a kong.yml: which one is shown for which server name."""

from __future__ import annotations

import ssl
from weakref import WeakKeyDictionary

from apiproxy_runtime.gateway.http.tls import ServerTls, server_context
from apiproxy_runtime.kong.model import Certificate

_NAMES: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()


def server_name(session: ssl.SSLObject | None) -> str:
    """The name that a client asked for in its TLS handshake, "" without one."""
    return _NAMES.get(session, "") if session is not None else ""


def contexts(certificates: tuple[Certificate, ...]) -> ssl.SSLContext | None:
    """The TLS context of a port that shows each certificate for its names, else the first; None without any.

    A name may begin or end with `*`. Raises TlsFailed when a certificate or key is unusable.
    """
    made = [
        (server_context(ServerTls(certificate.cert, certificate.key)), certificate.snis)
        for certificate in certificates
    ]
    if not made:
        return None
    default = made[0][0]

    def choose(session: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name is None:
            return
        if isinstance(session, ssl.SSLObject):
            _NAMES[session] = name.lower()
        ranked = sorted(
            ("*" in pattern, -len(pattern), number)
            for number, (_, patterns) in enumerate(made)
            for pattern in patterns
            if covers(pattern.lower(), name.lower())
        )
        if ranked:
            session.context = made[ranked[0][2]][0]

    default.sni_callback = choose
    return default


def covers(pattern: str, name: str) -> bool:
    """Whether a server name is one of a pattern's: `a.com`, `*.a.com`, `a.*`."""
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern
