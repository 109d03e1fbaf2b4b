"""Leads the HTTP connections that scripts open by themselves to where `--connect-to` says. Used in the worker process."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

from apiproxy_runtime.scripting.detour import Detour, find_detour

_detours: dict[str, Detour] = {}
_connect = HTTPConnection.connect
_connect_securely = HTTPSConnection.connect


def _connect_plain(connection: HTTPConnection) -> None:
    """Open a connection that is plain for the script, whatever the server it is led to speaks."""
    detour = _led(connection)
    _connect(connection)
    if detour is not None and detour.secure and not isinstance(connection, HTTPSConnection):
        context = ssl.create_default_context()
        connection.sock = context.wrap_socket(connection.sock, server_hostname=connection.host)


def _connect_secure(connection: HTTPSConnection) -> None:
    """Open a connection that is secure for the script; the server it is led to may be plain."""
    detour = _led(connection)
    if detour is None or detour.secure:
        _connect_securely(connection)
    else:
        _connect(connection)


def _led(connection: HTTPConnection) -> Detour | None:
    """The detour of a connection, which it takes from now on."""
    own = vars(connection)
    # through a proxy that the script has chosen itself, it goes where that leads
    if own.get("_tunnel_host") is not None:
        return None
    detour = find_detour(_detours, connection.host, connection.port)
    if detour is not None:
        there = detour.address, detour.port

        def create(address: object, *more: Any) -> socket.socket:
            return socket.create_connection(there, *more)

        own["_create_connection"] = create
    return detour


def install(detours: dict[str, tuple[str, int, bool]]) -> None:
    """Have urllib, http.client and all that rests on them take detours: by host, (address, port, whether it is TLS)."""
    _detours.update((name, Detour(*each)) for name, each in detours.items())
    # the methods, not the classes: http.client refers to these by their names
    type.__setattr__(HTTPConnection, "connect", _connect_plain)
    type.__setattr__(HTTPSConnection, "connect", _connect_secure)
