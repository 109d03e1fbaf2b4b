"""LDAP resources: the directory servers that the policies of an environment may ask.

Apigee Edge keeps them in the environment; here standins.json does:

    {"ldap": {"corporate": {"url": "ldap://directory.example:389", "bindDn": "cn=manager,dc=example,dc=com",
        "bindPassword": "…", "userAttribute": "uid", "truststore": "directory-ca", "timeout": 10, "connections": 4}}}

Only `url` is needed. `ldaps://` is TLS, with the server's certificate verified by the certificates of `truststore`, or
by those the system trusts. A policy that names no resource uses the one called `default`. `timeout` is seconds.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from apiproxy_runtime.policy.api import Site

DEFAULT = "default"


class InvalidResource(ValueError):
    """A resource whose settings cannot be used."""


class LdapResource(Struct, frozen=True):
    """One directory server. `certificates` are trusted for TLS, in PEM; empty for those of the system."""

    host: str
    port: int
    tls: bool
    bind_dn: str
    bind_password: str
    user_attribute: str
    certificates: str
    timeout: int
    connections: int


def find_resource(name: str, site: Site) -> LdapResource | None:
    """The resource of a name; None when the environment has none. Raises InvalidResource."""
    listed = site.environment.stand_ins.get("ldap")
    settings = listed.get(name) if isinstance(listed, dict) else None
    if settings is None:
        return None
    if not isinstance(settings, dict):
        raise InvalidResource(f"ldap.{name} in standins.json must be an object")
    try:
        url = urlsplit(_text(settings, "url"))
        port = url.port or (636 if url.scheme == "ldaps" else 389)
    except ValueError as error:
        raise InvalidResource(f"ldap.{name}.url in standins.json: {error}") from None
    if url.scheme not in ("ldap", "ldaps") or not url.hostname:
        raise InvalidResource(
            f"ldap.{name}.url in standins.json must be ldap://HOST:PORT or ldaps://HOST:PORT"
        )
    truststore = _text(settings, "truststore")
    keystore = site.environment.keystore(truststore) if truststore else None
    if truststore and keystore is None:
        raise InvalidResource(
            f"ldap.{name}.truststore in standins.json names {truststore}, which is not there"
        )
    return LdapResource(
        host=url.hostname,
        port=port,
        tls=url.scheme == "ldaps",
        bind_dn=_text(settings, "bindDn"),
        bind_password=_text(settings, "bindPassword"),
        user_attribute=_text(settings, "userAttribute") or "uid",
        certificates=keystore.certificates if keystore is not None else "",
        timeout=_number(settings, "timeout", 10, name),
        connections=_number(settings, "connections", 4, name),
    )


def _text(settings: dict[str, Any], name: str) -> str:
    value = settings.get(name, "")
    return value if isinstance(value, str) else ""


def _number(settings: dict[str, Any], name: str, default: int, resource: str) -> int:
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InvalidResource(f"ldap.{resource}.{name} in standins.json must be a whole number above zero")
    return value
