"""How to talk TLS to a target, as plain settings: whoever only checks a bundle needs no TLS."""

from __future__ import annotations

from msgspec import Struct


class TlsProfile(Struct, frozen=True):
    """How to talk TLS to a target.

    `authorities`: PEM texts of the certificates to trust (empty: the system's). `certificate` and `key`: PEM texts
    shown to the target. `protocols`: names as in Apigee's `<Protocols>` (TLSv1.2 …), empty for the defaults.
    `ciphers`: OpenSSL names. `common_name`: the certificate must be made out to it (a leading `*` stands for one
    label when `wildcard`), instead of to the target's host; only checked when `verify`. `server_name`: the name to
    ask for (SNI) instead of the target's host.
    """

    verify: bool = True
    authorities: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    key_password: str = ""
    protocols: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    common_name: str = ""
    wildcard: bool = False
    server_name: str = ""
