"""Questions to a directory server, by ldap3. Importing this module raises ModuleNotFoundError without it.

ldap3 blocks, so each resource has a few threads of its own: a slow directory holds up nobody but its callers.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct

with warnings.catch_warnings():
    # it imports names that pyasn1 has renamed
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3 import ANONYMOUS, BASE, LEVEL, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_filter_chars

from apiproxy_policies.security.directory.resource import LdapResource
from apiproxy_runtime.policy.api import Egress

R = TypeVar("R")
_SCOPES = {"object": BASE, "onelevel": LEVEL, "subtree": SUBTREE}
#: most entries that a search brings back
MOST_ENTRIES = 1000


class DirectoryFailed(Exception):
    """The directory cannot be reached, or refuses the resource's own credentials, or the question."""


class Entry(Struct, frozen=True):
    """One entry: its distinguished name, and the values of the attributes that were asked for."""

    dn: str
    attributes: dict[str, list[str]]


def escaped(value: str) -> str:
    """A value as it may stand in a filter."""
    text: str = escape_filter_chars(value)
    return text


class Directory:
    """One resource. The methods wait; they raise DirectoryFailed."""

    def __init__(self, resource: LdapResource, egress: Egress) -> None:
        self.resource = resource
        self.egress = egress
        self.threads = ThreadPoolExecutor(resource.connections, "ldap")

    async def authenticate(self, base: str, query: str, scope: str, password: str) -> bool:
        """Whether just one entry is found, and its password is this one."""

        def work() -> bool:
            with self._bound() as connection:
                found = self._search(connection, base, query, scope, ())
            return len(found) == 1 and self._accepts(found[0].dn, password)

        return await self._run(work)

    async def accepts(self, dn: str, password: str) -> bool:
        """Whether the password of the entry with that distinguished name is this one."""
        return await self._run(lambda: self._accepts(dn, password))

    async def search(self, base: str, query: str, scope: str, attributes: tuple[str, ...]) -> list[Entry]:
        """The entries that match a filter."""

        def work() -> list[Entry]:
            with self._bound() as connection:
                return self._search(connection, base, query, scope, attributes)

        return await self._run(work)

    async def _run(self, work: Callable[[], R]) -> R:
        def guarded() -> R:
            try:
                return work()
            except (LDAPException, OSError, ssl.SSLError) as error:
                raise DirectoryFailed(str(error)) from None

        return await asyncio.get_running_loop().run_in_executor(self.threads, guarded)

    # ---- in a thread

    def _connection(self, user: str, password: str) -> Connection:
        resource = self.resource
        address, port, led = self.egress.resolve(resource.host, resource.port)
        tls = None
        if resource.tls:
            tls = Tls(
                validate=ssl.CERT_REQUIRED,
                ca_certs_data=resource.certificates or None,
                valid_names=[resource.host] if led else None,
            )
        server = Server(
            address, port=port, use_ssl=resource.tls, tls=tls, get_info=NONE, connect_timeout=resource.timeout
        )
        return Connection(
            server,
            user=user or None,
            password=password or None,
            authentication=SIMPLE if user else ANONYMOUS,
            receive_timeout=resource.timeout,
            read_only=True,
            raise_exceptions=False,
            # another server than the resource's is nobody's to ask
            auto_referrals=False,
        )

    @contextmanager
    def _bound(self) -> Iterator[Connection]:
        """A connection with the resource's own credentials."""
        connection = self._connection(self.resource.bind_dn, self.resource.bind_password)
        try:
            if not connection.bind():
                raise DirectoryFailed(
                    f"the directory refuses {self.resource.bind_dn or 'anonymous questions'}"
                )
            yield connection
        finally:
            connection.unbind()

    def _accepts(self, dn: str, password: str) -> bool:
        connection = self._connection(dn, password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    def _search(
        self, connection: Connection, base: str, query: str, scope: str, attributes: tuple[str, ...]
    ) -> list[Entry]:
        connection.search(
            base,
            query,
            _SCOPES[scope],
            attributes=list(attributes) or ["1.1"],
            size_limit=MOST_ENTRIES,
            time_limit=self.resource.timeout,
        )
        # 0 success, 4 more than the limit, 32 no such base: an empty answer
        if connection.result["result"] not in (0, 4, 32):
            raise DirectoryFailed(connection.result["description"])
        return [
            Entry(
                item["dn"],
                {
                    name: [value.decode("utf-8", "replace") for value in item["raw_attributes"].get(name, ())]
                    for name in attributes
                },
            )
            for item in connection.response or ()
            if item["type"] == "searchResEntry"
        ]
